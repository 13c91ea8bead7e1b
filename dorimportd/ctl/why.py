"""dorimportctl why: what each delivery said about a transaction, and which of them counts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from dorimportd.ctl.deliveries import unreadable_line
from dorimportd.ctl.desk import PROBLEM, Desk, say, say_json
from dorimportd.ctl.diff import progress
from dorimportd.errors import HoldFile, NotAccepted
from dorimportd.report.lines import complain
from dorimportd.report.shapes import rehearsed_shape
from dorimportd.report.tables import table
from dorimportd.words import Delivery, iso

if TYPE_CHECKING:
    from dorimportd.pipeline.lineage import Said

COLUMNS: Final = ["delivery", "line", "received_at", "name", "said", "location", "total", "currency"]
TIMES: Final = ["local_time", "format"]


def add_arguments(words: Any) -> None:
    """The word `why`."""
    parser = words.add_parser("why", help="what each delivery said about a transaction, and which counts")
    parser.add_argument("transaction_id", metavar="ID")
    parser.add_argument("--customer", required=True, metavar="NAME")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=why)


def why(desk: Desk, asked: argparse.Namespace) -> int:
    """Exit status 1 when nothing is said of it, or a delivery cannot be read."""
    from dorimportd.pipeline.history import Recalled
    from dorimportd.pipeline.lineage import Lineage

    customer = desk.customer(asked.customer)
    found, problems = deliveries_of(desk, customer.name)
    history = Recalled(desk.spool.outcomes)
    lineage = Lineage(desk.spool, desk.store, history, desk.plan_now, asked.transaction_id)
    said: list[Said] = []
    removed = sum(desk.spool.removed_at(each.sequence) is not None for each in found)
    with progress(len(found)) as step:
        for delivery in reversed(found):
            step()
            try:
                said += lineage.said_by(delivery)
            except (HoldFile, NotAccepted) as refusal:
                problems.append(f"Delivery {delivery.sequence} cannot be read: {refusal}")
    if asked.json:
        say_json(why_json(customer.name, asked.transaction_id, said))
    else:
        say(why_text(asked.transaction_id, said))
    if removed:
        complain(f"Of deliveries whose bytes were removed is only known what still counts: {removed}.")
    complain(*problems)
    return PROBLEM if problems or not said else 0


def deliveries_of(desk: Desk, customer: str) -> tuple[list[Delivery], list[str]]:
    """Those of *customer*, and a line about each whose envelope cannot be read."""
    found, problems = [], []
    for sequence in desk.spool.sequences():
        try:
            delivery = desk.spool.delivery(sequence)
        except NotAccepted as refusal:
            problems.append(unreadable_line(sequence, refusal))
            continue
        if delivery.envelope.customer == customer:
            found.append(delivery)
    return found, problems


def why_json(customer: str, transaction_id: str, said: list[Said]) -> dict[str, Any]:
    """For a script: what counts comes first."""
    told = [{**said_shape(each), "counts": number == 0} for number, each in enumerate(said)]
    return {"customer": customer, "transaction_id": transaction_id, "said": told}


def said_shape(said: Said) -> dict[str, Any]:
    """What a line said."""
    sale, envelope = said.transaction, said.delivery.envelope
    told: dict[str, Any] = rehearsed_shape(sale, envelope.customer)
    if sale.withdrawn:
        told |= dict.fromkeys(("location", "total", "currency", "occurred_at", "local_time"))
    return told | {
        "delivery": said.delivery.sequence,
        "line": sale.line,
        "withdrawn": bool(sale.withdrawn),
        "name": envelope.name,
        "received_at": iso(envelope.received_at),
        "format": said.format,
    }


def why_text(transaction_id: str, said: list[Said]) -> str:
    """For a person: the newest first."""
    if not said:
        return f"No delivery of this customer says anything about {transaction_id!r}."
    shapes = [
        said_shape(each) | {"said": "withdrawn" if each.transaction.withdrawn else "sold"} for each in said
    ]
    columns = [*COLUMNS, *TIMES]
    rows = [[each[column] for column in columns] for each in shapes]
    first = said[0]
    counts = f"Delivery {first.delivery.sequence} line {first.transaction.line} counts"
    end = ": the transaction is withdrawn." if first.transaction.withdrawn else "."
    return table(columns, rows, right=["delivery", "line", "total"]) + counts + end
