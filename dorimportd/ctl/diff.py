"""dorimportctl format diff: what a changed format would do to the files that are there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from dorimportd.config.settings import NamedFormat
from dorimportd.ctl.desk import PROBLEM, Desk, say, say_json
from dorimportd.errors import NoSuchFile, NotAccepted
from dorimportd.report.lines import complain
from dorimportd.report.shapes import rehearsed_shape, reject_shape
from dorimportd.report.tables import shown, table
from dorimportd.words import Delivery, Envelope, Reject, Transaction, iso

if TYPE_CHECKING:
    from dorimportd.config.settings import Customer
    from dorimportd.parse.format import Format
    from dorimportd.pipeline.diff import ArchiveDiff, Change, Named
    from dorimportd.pipeline.importer import Plan

FILES_SHOWN: Final = 20
CLEAR_LINE: Final = "\r\x1b[K"  # of a terminal (ECMA-48, EL)

# What a row may become, and the IDs of a file, in the order in which they are told.
KINDS: Final = ("changed", "newly_rejected", "newly_accepted", "left_out", "vanish", "appear")


def diff_format(desk: Desk, asked: argparse.Namespace, format: Format) -> int:
    """Exit status 1 when anything would be otherwise, or an envelope cannot be read."""
    from dorimportd.pipeline.diff import ArchiveDiff, compare

    customer = desk.customer(asked.customer)
    new = NamedFormat(asked.format.stem, format)
    since = datetime.now(UTC) - timedelta(days=asked.days)
    found, unreadable = deliveries_since(desk, customer, since, replaced_by(new, customer))
    total = ArchiveDiff()
    with progress(len(found)) as step:
        for delivery in found:
            step()
            envelope, open_bytes = delivery.envelope, partial(desk.spool.open_delivery, delivery.sequence)
            present = customer.format_for(envelope.name)
            old = None if present is None else plan_of(present, customer, envelope)
            try:
                total.add(delivery, compare(open_bytes, envelope, old, plan_of(new, customer, envelope)))
            except NoSuchFile:
                total.gone += 1
    if asked.json:
        say_json(diff_json(total, customer.name, asked.days, tag(new)))
    else:
        say(diff_text(total, len(found), asked.days, tag(new)))
    complain(*unreadable)
    return PROBLEM if total.differs or unreadable else 0


def replaced_by(new: NamedFormat, customer: Customer) -> str | None:
    """The name of the one of the customer's several formats that *new* is a change of; else None."""
    names = {rule.format.name for rule in customer.format_rules}
    return new.name if len(names) > 1 and new.name in names else None


def deliveries_since(
    desk: Desk, customer: Customer, since: datetime, format_name: str | None
) -> tuple[list[Delivery], list[str]]:
    """Those of *customer*, with *format_name* those that are read by it; a line about each unreadable one."""
    found, unreadable = [], []
    for sequence in desk.spool.sequences():
        try:
            delivery = desk.spool.delivery(sequence)
        except NotAccepted as refusal:
            unreadable.append(f"Delivery {sequence} cannot be read: {refusal.__cause__ or refusal}")
            continue
        envelope = delivery.envelope
        if envelope.customer == customer.name and envelope.received_at >= since:
            format = customer.format_for(envelope.name)
            if format_name is None or (format is not None and format.name == format_name):
                found.append(delivery)
    return found, unreadable


def plan_of(format: NamedFormat, customer: Customer, envelope: Envelope) -> Plan:
    """How an import would read the delivery by *format*."""
    from dorimportd.parse.batch import Defaults
    from dorimportd.pipeline.importer import Plan

    defaults = Defaults(customer.timezone, customer.currency, envelope.received_at.date())
    return Plan(tag(format), format.format, defaults)


def tag(format: NamedFormat) -> str:
    return f"{format.name}@{format.format.digest}"


@contextmanager
def progress(count: int) -> Iterator[Callable[[], None]]:
    """What tells, on a terminal, that one of *count* files more is being read."""
    on_terminal, read = sys.stderr.isatty(), 0

    def step() -> None:
        nonlocal read
        read += 1
        if on_terminal:
            print(f"{CLEAR_LINE}file {read} of {count}", end="", file=sys.stderr, flush=True)

    try:
        yield step
    finally:
        if on_terminal:
            print(CLEAR_LINE, end="", file=sys.stderr, flush=True)


# For a script.


def diff_json(total: ArchiveDiff, customer: str, days: int, new: str) -> dict[str, Any]:
    """All of it."""
    return {
        "customer": customer,
        "days": days,
        "format": new,
        "files": {**total.files, "gone": total.gone},
        "rows": {kind.value: count for kind, count in total.rows.items()},
        "transactions": {"vanish": total.vanish, "appear": total.appear},
        "differing": [
            {
                "delivery": delivery.sequence,
                "name": delivery.envelope.name,
                "received_at": iso(delivery.envelope.received_at),
                "becomes": becomes,
            }
            for delivery, becomes in total.differing
        ],
        "examples": {
            kind: [example_json(each, customer) for each in total.examples[kind]]
            for kind in (*KINDS, "newly_held", "no_longer_held")
        },
    }


def example_json(example: Named, customer: str) -> dict[str, Any]:
    """One example: of a row with what it is by both formats, else with its ID or the reason to hold it."""
    sequence, name, what = example
    if isinstance(what, str):
        return {"delivery": sequence, "name": name, "what": what}
    sides = {"old": told_json(what.old, customer), "new": told_json(what.new, customer)}
    return {"delivery": sequence, "name": name, "line": what.line, **sides}


def told_json(told: Transaction | Reject | None, customer: str) -> dict[str, Any] | None:
    if told is None:
        return None
    if isinstance(told, Reject):
        return reject_shape(told)
    if told.withdrawn:
        return {"transaction_id": told.transaction_id, "withdrawn": True}
    return rehearsed_shape(told, customer)


# For a person.


def diff_text(total: ArchiveDiff, read: int, days: int, new: str) -> str:
    """Counts, which files differ, and examples."""
    parts = [f"{read} files of the last {days} days, read as now and by {new}."]
    if total.gone:
        parts.append(f"The bytes of {total.gone} of them are gone.")
    counts = [("files " + words(name), count) for name, count in total.files.items()]
    counts += [("rows " + words(kind), count) for kind, count in total.rows.items()]
    counts += [("transactions that vanish", total.vanish), ("transactions that appear", total.appear)]
    parts.append("\n" + table(["", "number"], counts, right=["number"]).rstrip("\n"))
    if total.differing:
        rows = [[each.sequence, each.envelope.name, words(becomes)] for each, becomes in total.differing]
        shown_files = table(["delivery", "name", "becomes"], rows[:FILES_SHOWN], right=["delivery"])
        parts.append("\n" + shown_files.rstrip("\n"))
        if len(rows) > FILES_SHOWN:
            parts.append(f"... and {len(rows) - FILES_SHOWN} more; --json has all of them")
    for kind in ("newly_held", "no_longer_held", *KINDS):
        lines = [f"    {example_text(each)}" for each in total.examples[kind]]
        parts += [f"\n{words(kind)}, for example:", *lines] if lines else []
    return "\n".join(parts)


def words(name: str) -> str:
    return name.replace("_", " ")


def example_text(example: Named) -> str:
    """One example, on one line."""
    sequence, name, what = example
    place = f"delivery {sequence} {shown(name)}"
    if isinstance(what, str):
        return f"{place}: {shown(what)}"
    return f"{place} line {what.line}: {change_text(what)}"


def change_text(change: Change) -> str:
    """What a row was and what it becomes; of a transaction that changes only what is changed."""
    old, new = change.old, change.new
    if not (is_sale(old) and is_sale(new)):
        return f"{told_text(old)} -> {told_text(new)}"
    before, after = rehearsed_shape(old, None), rehearsed_shape(new, None)
    changed = [name for name in before if before[name] != after[name]]
    return ", ".join(f"{name} {shown(before[name])} -> {shown(after[name])}" for name in changed)


def is_sale(told: Transaction | Reject | None) -> TypeGuard[Transaction]:
    return isinstance(told, Transaction) and not told.withdrawn


def told_text(told: Transaction | Reject | None) -> str:
    if told is None:
        return "left out, or part of another transaction"
    if isinstance(told, Reject):
        return shown(" ".join(part for part in (told.column, told.value, told.rule) if part))
    if told.withdrawn:
        return shown(f"{told.transaction_id} withdrawn")
    shape = rehearsed_shape(told, None)
    names = ("transaction_id", "location", "total", "currency", "local_time")
    return shown(" ".join(shape[name] for name in names))
