"""Sales: the transactions as they are read, the same from both databases to the last byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from peewee import Query, fn

from dorimportd.store.connect import Connected
from dorimportd.store.deliveries import microseconds
from dorimportd.store.models import STAGED_COLUMNS, Customers, Sales
from dorimportd.words import Amount, Transaction, instant

SECOND: Final = 1_000_000  # microseconds


class SalesRow(NamedTuple):
    """A transaction, as the view `sales` shows it: exact, and as text where JSON has no word for it."""

    customer: str
    location: str
    transaction_id: str
    total: str  # 12.50, negative for a refund
    currency: str
    occurred_at: str  # 2026-07-14T16:52:38Z
    local_time: str  # 2026-07-14T18:52:38
    delivery: int


class ToldRow(NamedTuple):
    """What the table says of a transaction, and by which delivery."""

    transaction: Transaction
    delivery: int


def transactions(
    database: Connected, customer: str, start: datetime | None = None, end: datetime | None = None
) -> Iterator[SalesRow]:
    query = told(customer).order_by(Sales.occurred_at, Sales.transaction_id)
    if start is not None:
        query = query.where(Sales.occurred_at >= microseconds(start))
    if end is not None:
        query = query.where(Sales.occurred_at < microseconds(end))
    return (sales_row(customer, *row[:-1]) for row in database.stream(query))


def transaction(database: Connected, customer: str, transaction_id: str) -> tuple[SalesRow, int] | None:
    query = told(customer).where(Sales.transaction_id == transaction_id)
    for row in query.tuples().execute(database):
        return sales_row(customer, *row[:-1]), row[-1]
    return None


def everything(database: Connected, customer: str) -> Iterator[ToldRow]:
    columns = [getattr(Sales, name) for name in STAGED_COLUMNS]
    number = Customers.select(Customers.id).where(Customers.name == customer)
    query = Sales.select(*columns, Sales.sequence).where(Sales.customer == number)
    rows = database.stream(query.order_by(Sales.transaction_id))
    return (ToldRow(Transaction._make(row[:-1]), row[-1]) for row in rows)


def told_of(database: Connected, customer: str, transaction_id: str) -> ToldRow | None:
    columns = [getattr(Sales, name) for name in STAGED_COLUMNS]
    number = Customers.select(Customers.id).where(Customers.name == customer)
    these = (Sales.customer == number) & (Sales.transaction_id == transaction_id)
    for row in Sales.select(*columns, Sales.sequence).where(these).tuples().execute(database):
        return ToldRow(Transaction._make(row[:-1]), row[-1])
    return None


def known(database: Connected, customer: str, transaction_ids: Sequence[str], before: int) -> int:
    """How many of these few were told by a delivery *before* that one."""
    number = Customers.select(Customers.id).where(Customers.name == customer)
    these = (Sales.customer == number) & Sales.transaction_id.in_(transaction_ids)
    query = Sales.select(fn.COUNT(Sales.transaction_id)).where(these & (Sales.sequence < before))
    return int(query.scalar(database))


def counts(database: Connected) -> dict[str, int]:
    query = Customers.select(Customers.name, Customers.transactions).order_by(Customers.name)
    return dict(query.tuples().execute(database))


def told(customer: str) -> Query:
    columns = (
        Sales.location,
        Sales.transaction_id,
        Sales.units,
        Sales.scale,
        Sales.currency,
        Sales.occurred_at,
        Sales.utc_offset,
        Sales.sequence,
        Sales.line,
    )
    number = Customers.select(Customers.id).where(Customers.name == customer)
    return Sales.select(*columns).where((Sales.customer == number) & ~Sales.withdrawn)


def sales_row(
    customer: str,
    location: str,
    transaction_id: str,
    units: int,
    scale: int,
    currency: str,
    occurred_at: int,
    utc_offset: int,
    sequence: int,
) -> SalesRow:
    return SalesRow(
        customer=customer,
        location=location,
        transaction_id=transaction_id,
        total=total(units, scale),
        currency=currency,
        occurred_at=clock(occurred_at) + "Z",
        local_time=clock(occurred_at + utc_offset * SECOND),
        delivery=sequence,
    )


@lru_cache(maxsize=4096)
def total(units: int, scale: int) -> str:
    """As text; tills know few prices."""
    return str(Amount(units, scale))


def clock(moment: int) -> str:
    """ISO 8601, the fraction of a second where there is one.

    What is sorted by time comes minute by minute, so that the calendar is seldom asked.
    """
    number, rest = divmod(moment, 60 * SECOND)
    seconds, fraction = divmod(rest, SECOND)
    return f"{minute(number)}:{seconds:02}" + (f".{fraction:06}" if fraction else "")


@lru_cache(maxsize=1024)
def minute(number: int) -> str:
    return instant(number * 60 * SECOND).isoformat(timespec="minutes").removesuffix("+00:00")
