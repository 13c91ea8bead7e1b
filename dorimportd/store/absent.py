"""Absent transactions: told by an older delivery, and not by a newer one that holds whole days.

What a delivery tells takes its sequence, so of the locations and days that have rows of its sequence those
with a lower one are the ones it does not tell.  Nothing is deleted.  No index helps to find them, since one
by time would halve the speed of every import: the customer's rows are read through, twice.
"""

from __future__ import annotations

from typing import Final

from peewee import SQL, Expression, Tuple, fn

from dorimportd.store.connect import Connected
from dorimportd.store.models import Sales
from dorimportd.store.postgresql import Postgresql
from dorimportd.words import Absent

KEPT: Final = 100  # IDs of a delivery
SECOND: Final = 1_000_000  # microseconds
DAY: Final = 86_400  # seconds
COMMON_ERA: Final = (
    -719_162 * DAY * SECOND
)  # 0001-01-01T00:00:00Z; no time is before it, so that none is negative


def find_absent(database: Connected, customer: int, sequence: int) -> Absent:
    """What delivery *sequence*, which is in the table, does not tell of its days."""
    if isinstance(database, Postgresql):
        # It may take a customer with a million rows for new, and read them through once for each day.
        database.sql("SET LOCAL enable_seqscan = on")
        database.sql("SET LOCAL enable_nestloop = off")
    own = (Sales.customer == customer) & ~Sales.withdrawn
    told = Sales.select(Sales.location, local_day()).where(own & (Sales.sequence == sequence)).distinct()
    query = (
        Sales.select(Sales.transaction_id, fn.COUNT(SQL("*")).over())
        .where(own & (Sales.sequence < sequence) & Tuple(Sales.location, local_day()).in_(told))
        .order_by(Sales.transaction_id)
        .limit(KEPT)
    )
    rows = list(query.tuples().execute(database))
    return Absent(rows[0][1], tuple(each for each, _ in rows)) if rows else Absent()


def local_day() -> Expression:
    """The number of a transaction's day on its location's own calendar."""
    seconds: Expression = (Sales.occurred_at - COMMON_ERA) / SECOND + Sales.utc_offset
    return seconds / DAY
