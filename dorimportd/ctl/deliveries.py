"""dorimportctl deliveries, dorimportctl delivery: what arrived and what became of it."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dorimportd.ctl.desk import Desk, Stopped, say, say_json
from dorimportd.errors import NoSuchFile
from dorimportd.report.shapes import accepted_shape, delivery_shape, reject_shape
from dorimportd.report.tables import csv_text, table
from dorimportd.words import Reject, State

COLUMNS: Final = [
    "sequence",
    "received_at",
    "customer",
    "channel",
    "name",
    "state",
    "rows",
    "imported",
    "unchanged",
    "rejected",
    "reason",
]
NUMBERS: Final = ["sequence", "rows", "imported", "unchanged", "rejected"]
AGES: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add_arguments(words: Any) -> None:
    """The words `deliveries` and `delivery`."""
    many = words.add_parser("deliveries", help="what arrived, the newest last")
    many.add_argument("--customer", metavar="NAME")
    many.add_argument("--state", choices=[each.value for each in State])
    many.add_argument(
        "--since", type=since, metavar="WHEN", help="2026-07-14, 2026-07-14T16:00, 90m, 24h, 7d"
    )
    many.add_argument("--json", action="store_true")
    many.set_defaults(command=deliveries)

    one = words.add_parser("delivery", help="one delivery: show, rejects, retry")
    verbs = one.add_subparsers(dest="verb", required=True, metavar="show | rejects | retry")
    for name, command, text in (
        ("show", show, "all that is known of it"),
        ("rejects", rejects, "the rows of it that were not imported"),
        ("retry", retry, "import it again, by the format as it is now"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("sequence", type=int, metavar="SEQ")
        verb.add_argument("--json", action="store_true")
        verb.set_defaults(command=command)
        if name == "rejects":
            verb.add_argument(
                "--csv", action="store_true", help="the rows, with line, column and rule in front"
            )


def since(text: str) -> datetime:
    """A date, a time or an age; a time without zone is this machine's."""
    if age := re.fullmatch(r"(\d{1,5})([mhdw])", text):
        return datetime.now(UTC) - timedelta(**{AGES[age[2]]: int(age[1])})
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date, time or age such as 24h") from error


def deliveries(desk: Desk, asked: argparse.Namespace) -> int:
    """All that were accepted, also those that the importer has not seen yet."""
    if asked.customer is not None:
        desk.customer(asked.customer)
    state = State(asked.state) if asked.state else None
    found = [
        delivery_shape(each.delivery, each.outcome)
        for each in desk.store.deliveries(customer=asked.customer, state=state, since=asked.since)
    ]
    found += new_deliveries(desk, asked.customer, state, asked.since)
    if asked.json:
        say_json(found)
    elif found:
        say(
            table(COLUMNS, [[each[column] for column in COLUMNS] for each in found], right=NUMBERS).rstrip(
                "\n"
            )
        )
    else:
        say("No deliveries.")
    return 0


def new_deliveries(
    desk: Desk, customer: str | None, state: State | None, earliest: datetime | None
) -> list[dict[str, Any]]:
    """Those that are accepted and not in the database yet."""
    if state not in (None, State.RECEIVED):
        return []
    new = (desk.spool.delivery(each) for each in desk.spool.sequences(desk.store.last_registered()))
    return [
        accepted_shape(each)
        for each in new
        if customer in (None, each.envelope.customer)
        and (earliest is None or each.envelope.received_at >= earliest)
    ]


def known(desk: Desk, sequence: int) -> dict[str, Any]:
    """One delivery.  Raises Stopped when there is none of that sequence."""
    row = desk.store.delivery(sequence)
    if row is not None:
        return delivery_shape(row.delivery, row.outcome)
    try:
        return accepted_shape(desk.spool.delivery(sequence))
    except NoSuchFile as error:
        raise Stopped(f"There is no delivery {sequence}.") from error


def show(desk: Desk, asked: argparse.Namespace) -> int:
    """One delivery, and whether the archive has a copy of its mail."""
    told = known(desk, asked.sequence)
    if asked.json:
        say_json(told)
        return 0
    for name, value in told.items():
        say(f"{name + ':':<12} {'' if value is None else value}".rstrip())
    if told["message_id"]:
        copies = [each for each in desk.spool.mails(told["message_id"]) if each.note.archive]
        say(f"{'archive:':<12} {'a copy of the mail is kept' if copies else 'no copy of the mail came'}")
    return 0


def rejects(desk: Desk, asked: argparse.Namespace) -> int:
    """The rows that were not imported, by line."""
    known(desk, asked.sequence)
    found = desk.store.rejects(asked.sequence)
    if asked.json:
        say_json([reject_shape(each) for each in found])
    elif asked.csv:
        sys.stdout.writelines(csv_text(["line", "column", "rule", "raw"], map(csv_cells, found)))
    else:
        rows = [[each.line, each.column, each.value, each.rule] for each in found]
        say(
            table(["line", "column", "value", "rule"], rows, right=["line"]).rstrip("\n")
            if rows
            else "No rejects."
        )
    return 0


def csv_cells(reject: Reject) -> list[object]:
    return [reject.line, reject.column, reject.rule, reject.raw]


def retry(desk: Desk, asked: argparse.Namespace) -> int:
    """Have it imported again; exit status 1 when it is not one that waits for a person."""
    told = known(desk, asked.sequence)
    if told["state"] == State.RECEIVED:
        raise Stopped(f"Delivery {asked.sequence} is not imported yet; it will be, by itself.")
    desk.store.set_state(asked.sequence, State.RECEIVED)
    if desk.wake_daemon():
        say(f"Delivery {asked.sequence} is imported again now.")
    else:
        say(f"Delivery {asked.sequence} is imported again at the next start; no daemon is running.")
    return 0
