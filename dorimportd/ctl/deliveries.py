"""dorimportctl deliveries, dorimportctl delivery: what arrived and what became of it."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dorimportd.ctl.desk import PROBLEM, Desk, Stopped, say, say_json
from dorimportd.ctl.moments import in_utc
from dorimportd.ctl.rejects import rejects_csv
from dorimportd.errors import NoSuchFile, NotAccepted, NotWaiting
from dorimportd.report.lines import complain
from dorimportd.report.shapes import accepted_shape, delivery_shape, reject_shape
from dorimportd.report.tables import table
from dorimportd.words import Delivery, State

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
LAST: Final = (1 << 63) - 1  # the largest sequence that a database can hold
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

    one = words.add_parser("delivery", help="one delivery: show, rejects, retry, release")
    verbs = one.add_subparsers(dest="verb", required=True, metavar="show | rejects | retry | release")
    for name, command, text in (
        ("show", show, "all that is known of it"),
        ("rejects", rejects, "the rows of it that were not imported"),
        ("retry", retry, "import it again, by the format as it is now"),
        ("release", release, "import it although it is held: what cannot be read are rejects"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("sequence", type=int, metavar="SEQ")
        verb.add_argument("--json", action="store_true")
        verb.set_defaults(command=command)
        if name == "rejects":
            verb.add_argument(
                "--csv",
                action="store_true",
                help="the rows as they came, behind line, column and rule; to be mended and sent again",
            )


def since(text: str) -> datetime:
    """A date, a time or an age; a time without zone is this machine's."""
    if age := re.fullmatch(r"(\d{1,5})([mhdw])", text):
        return datetime.now(UTC) - timedelta(**{AGES[age[2]]: int(age[1])})
    try:
        return in_utc(datetime.fromisoformat(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date, time or age such as 24h") from error


def deliveries(desk: Desk, asked: argparse.Namespace) -> int:
    """All that were accepted, also those that the importer has not seen yet.

    Exit status 1 when one of those cannot be read.
    """
    # In this order: what is registered meanwhile is found twice, and not left out.
    last = desk.store.last_registered()
    check_customer(desk, asked.customer, last)
    state = State(asked.state) if asked.state else None
    listed = desk.store.deliveries(customer=asked.customer, state=state, since=asked.since)
    new, unreadable = deliveries_after(desk, last) if state in (None, State.RECEIVED) else ([], [])
    shapes = {each.sequence: accepted_shape(each) for each in new if is_asked_for(each, asked)}
    shapes |= {each.sequence: delivery_shape(each.delivery, each.outcome) for each in listed}
    tell_deliveries([shapes[sequence] for sequence in sorted(shapes)], asked.json)
    complain(*unreadable)
    return PROBLEM if unreadable else 0


def check_customer(desk: Desk, name: str | None, last: int) -> None:
    """Raises Stopped unless one of that name is configured, or was: its deliveries are here."""
    if name is None or name in desk.settings.customers or name in desk.store.latest():
        return
    new, _ = deliveries_after(desk, last)
    if all(each.envelope.customer != name for each in new):
        desk.customer(name)


def deliveries_after(desk: Desk, last: int) -> tuple[list[Delivery], list[str]]:
    """Those that came after the *last* one in the database, and a line about each that cannot be read."""
    found, unreadable = [], []
    for sequence in desk.spool.sequences(last):
        try:
            found.append(desk.spool.delivery(sequence))
        except NotAccepted as refusal:
            unreadable.append(unreadable_line(sequence, refusal))
    return found, unreadable


def unreadable_line(sequence: int, refusal: NotAccepted) -> str:
    """Without what a sender would be told, for nobody sends anything here."""
    return f"Delivery {sequence} cannot be read: {refusal.__cause__ or refusal}"


def is_asked_for(delivery: Delivery, asked: argparse.Namespace) -> bool:
    """Whether one that the database does not know is one of those."""
    envelope = delivery.envelope
    return asked.customer in (None, envelope.customer) and (
        asked.since is None or envelope.received_at >= asked.since
    )


def tell_deliveries(found: list[dict[str, Any]], as_json: bool) -> None:
    """Tell them in the way that was asked for."""
    if as_json:
        say_json(found)
    elif found:
        rows = [[each[column] for column in COLUMNS] for each in found]
        say(table(COLUMNS, rows, right=NUMBERS).rstrip("\n"))
    else:
        say("No deliveries.")


def known(desk: Desk, sequence: int) -> dict[str, Any]:
    """One delivery.  Raises Stopped when there is none of that sequence."""
    if not 0 < sequence <= LAST:
        raise Stopped(f"There is no delivery {sequence}.")
    row = desk.store.delivery(sequence)
    if row is not None:
        return delivery_shape(row.delivery, row.outcome)
    try:
        return accepted_shape(desk.spool.delivery(sequence))
    except NoSuchFile as error:
        raise Stopped(f"There is no delivery {sequence}.") from error
    except NotAccepted as refusal:
        raise Stopped(unreadable_line(sequence, refusal)) from refusal


def show(desk: Desk, asked: argparse.Namespace) -> int:
    """One delivery, and whether the archive has a copy of its mail."""
    told = known(desk, asked.sequence)
    if asked.json:
        say_json(told)
        return 0
    for name, value in told.items():
        text = ", ".join(value) if isinstance(value, list) else "" if value is None else value
        say(f"{name + ':':<12} {text}".rstrip())
    removed = desk.spool.removed_at(asked.sequence)
    if removed:
        say(f"{'bytes:':<12} removed on {removed.date()}")
    if told["message_id"]:
        copies = [each for each in desk.spool.mails(told["message_id"]) if each.note.archive]
        there = "a copy of the mail is kept"
        missing = "the mails were removed, too" if removed else "no copy of the mail came"
        say(f"{'archive:':<12} {there if copies else missing}")
    if told["state"] == State.HELD and not removed:
        say(f"\nMend what the reason says, then: dorimportctl delivery retry {asked.sequence}")
        say(f"Or import it as it is: dorimportctl delivery release {asked.sequence}")
    return 0


def rejects(desk: Desk, asked: argparse.Namespace) -> int:
    """The rows that were not imported, by line."""
    told = known(desk, asked.sequence)
    if asked.csv:
        return rejects_csv(desk, told)
    found = desk.store.rejects(asked.sequence)
    if asked.json:
        say_json([reject_shape(each) for each in found])
    else:
        rows = [[each.line, each.column, each.value, each.rule] for each in found]
        say(
            table(["line", "column", "value", "rule"], rows, right=["line"]).rstrip("\n")
            if rows
            else "No rejects."
        )
    return 0


def retry(desk: Desk, asked: argparse.Namespace) -> int:
    """Have it imported again; exit status 1 when it is not one that waits for a person."""
    told = known(desk, asked.sequence)
    check_not_removed(desk, told)
    if told["state"] == State.RECEIVED:
        raise Stopped(f"Delivery {asked.sequence} is not imported yet; it will be, by itself.")
    desk.spool.outcomes.ask_again(asked.sequence)
    desk.store.set_state(asked.sequence, State.RECEIVED)
    return tell_import(desk, asked, "again")


def check_not_removed(desk: Desk, told: dict[str, Any]) -> None:
    """Raises Stopped when the bytes of the delivery that *told* shows were."""
    removed = desk.spool.removed_at(told["sequence"])
    if removed is not None:
        raise Stopped(
            f"The bytes of delivery {told['sequence']} were removed on {removed.date()}, as "
            "retention.remove_after_days says: it cannot be imported again.",
            f"What it told stays in the database. For the rest, let {told['customer']} send the file again.",
        )


def release(desk: Desk, asked: argparse.Namespace) -> int:
    """Have a held one imported whatever speaks against it; exit status 1 when it is not held."""
    told = known(desk, asked.sequence)
    check_not_removed(desk, told)
    try:
        if told["state"] == State.HELD:
            desk.spool.outcomes.ask_again(asked.sequence)
        desk.store.release(asked.sequence)
    except (LookupError, NotWaiting) as error:
        raise Stopped(
            f"Delivery {asked.sequence} is {told['state']}; only one that is held can be released."
        ) from error
    return tell_import(desk, asked, "as it is")


def tell_import(desk: Desk, asked: argparse.Namespace, how: str) -> int:
    """Have the daemon import one that waits, and say so; with --json as the delivery that it then is."""
    woken = desk.wake_daemon()
    if asked.json:
        say_json(known(desk, asked.sequence))
    elif woken:
        say(f"Delivery {asked.sequence} is imported {how} now.")
    else:
        say(f"Delivery {asked.sequence} is imported {how} at the next start; no daemon is running.")
    return 0
