"""Out of one database into another: what deliveries told whose bytes are not there to be read any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from dorimportd.store.connect import Connected
from dorimportd.store.imports import lock_customer
from dorimportd.store.models import (
    REJECT_COLUMNS,
    STAGED_COLUMNS,
    Customers,
    Deliveries,
    Rejects,
    Sales,
)

AT_ONCE: Final = 5_000  # rows
COLUMNS: Final = ("customer", "sequence", *STAGED_COLUMNS)
WITHDRAWN: Final = -1  # where such a row has it


@dataclass(slots=True)
class Taken:
    """What was taken over."""

    deliveries: set[int] = field(default_factory=set)
    transactions: int = 0  # withdrawn ones, too


def take_over(database: Connected, other: Connected, sequences: Set[int]) -> Taken:
    """See Store.take_over.  All of *other* is read once, in bounded memory."""
    taken = Taken()
    with database.writing():
        for delivery in other.stream(Deliveries.select().order_by(Deliveries.sequence)):
            row = dict(zip(Deliveries._meta.sorted_field_names, delivery, strict=True))
            if row["sequence"] in sequences:
                Deliveries.insert(row).execute(database)
                taken.deliveries.add(row["sequence"])
        take_rejects(database, other, taken.deliveries)
        for number, name in other.stream(Customers.select(Customers.id, Customers.name)):
            taken.transactions += take_sales(database, other, number, name, taken.deliveries)
    return taken


def take_rejects(database: Connected, other: Connected, sequences: Set[int]) -> None:
    columns = [getattr(Rejects, name) for name in REJECT_COLUMNS]
    query = Rejects.select(*columns).order_by(Rejects.sequence, Rejects.number)
    for some in in_parts(row for row in other.stream(query) if row[0] in sequences):
        database.load("reject", REJECT_COLUMNS, some)


def take_sales(database: Connected, other: Connected, number: int, name: str, sequences: Set[int]) -> int:
    """The transactions of the customer who has that *number* in *other*; how many."""
    columns = [getattr(Sales, each) for each in ("sequence", *STAGED_COLUMNS)]
    query = Sales.select(*columns).where(Sales.customer == number).order_by(Sales.transaction_id)
    count = shown = 0
    customer = None
    for some in in_parts(row for row in other.stream(query) if row[0] in sequences):
        customer = customer or lock_customer(database, name)
        database.load("sale", COLUMNS, [(customer, *row) for row in some])
        count += len(some)
        shown += sum(not row[WITHDRAWN] for row in some)
    if customer is not None:
        Customers.update(transactions=shown).where(Customers.id == customer).execute(database)
    return count


def in_parts(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    left = iter(rows)
    return iter(lambda: list(islice(left, AT_ONCE)), [])
