"""Meetings: what the rows of a window find in the table, as upsert.py counts it.

The rows are staged; asked is once for all of them, or once for each where rows of the file are to be counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import IntEnum, auto
from functools import cache
from typing import Final

from peewee import SQL, Case, Expression, Function, fn

from dorimportd.store.connect import Connected
from dorimportd.store.models import Sales, Staged, Told
from dorimportd.store.prepared import Prepared, slot

AGREED: Final = ("location", "currency", "occurred_at", "utc_offset", "withdrawn")
MOST_PLACES: Final = 4  # of a total, see words.Amount


class Met(IntEnum):
    """What a transaction met in the table."""

    NOTHING = auto()
    NEWER = auto()
    LATER_ROW = auto()
    EARLIER_ROW = auto()  # which says the same
    OTHER_EARLIER_ROW = auto()
    TURNED_EARLIER_ROW = auto()  # of the two one withdraws the transaction
    SAME = auto()
    OTHER = auto()
    TURNED = auto()  # of the two one withdraws the transaction


Found = Counter[tuple[Met, bool]]  # transactions of a window by what they met, and whether they withdraw it


def compare(database: Connected, customer: int, sequence: int, *, spare_later: bool) -> Found:
    """How many of the staged transactions meet what in the table."""
    rows = meetings(spare_later).execute(database, customer=customer, sequence=sequence).fetchall()
    return Counter({(Met(kind), bool(withdrawn)): count for kind, withdrawn, count in rows})


def by_kind(found: Found) -> Counter[Met]:
    return Counter({kind: found[kind, False] + found[kind, True] for kind in Met})


def shown_more(found: Found) -> int:
    """How many transactions more than before the table shows: what is new or back, less what is withdrawn."""
    turned = (Met.TURNED, Met.TURNED_EARLIER_ROW)
    back = sum(found[kind, False] for kind in (Met.NOTHING, *turned))
    return back - sum(found[kind, True] for kind in turned)


def compare_rows(
    database: Connected, customer: int, sequence: int, further: Mapping[int, int], *, spare_later: bool
) -> Counter[Met]:
    """How many rows of the file those are made of that meet what in the table."""
    rows: Counter[Met] = Counter()
    found = meetings_by_line(spare_later).execute(database, customer=customer, sequence=sequence)
    for kind, line in found.fetchall():
        rows[Met(kind)] += 1 + further.get(line, 0)
    return rows


@cache
def meetings(spare_later: bool) -> Prepared:
    """The kinds of Met, whether it withdraws, and how many staged transactions are so."""
    kind = meeting(spare_later)
    return Prepared(Staged.select(kind, Staged.withdrawn, fn.COUNT(SQL("*"))).group_by(SQL("1"), SQL("2")))


@cache
def meetings_by_line(spare_later: bool) -> Prepared:
    """The kind of Met of each staged transaction, and its line."""
    return Prepared(Staged.select(meeting(spare_later), Staged.line))


def meeting(spare_later: bool) -> Function:
    """The kind of Met of a staged transaction.

    By a subquery for each of them, which can only be a look at the primary key.  A join leaves PostgreSQL
    the choice, and what it knows of a customer is old: it may take one with a million rows for new, and
    compare each of them with each row of the window.
    """
    same_file = Sales.sequence == slot("sequence")
    turned = Sales.withdrawn != Staged.withdrawn
    kinds = [
        (Sales.sequence > slot("sequence"), Met.NEWER),
        (same_file & (Sales.line < Staged.line) & says_the_same(), Met.EARLIER_ROW),
        (same_file & (Sales.line < Staged.line) & turned, Met.TURNED_EARLIER_ROW),
        (same_file & (Sales.line < Staged.line), Met.OTHER_EARLIER_ROW),
        (says_the_same(), Met.SAME),
        (turned, Met.TURNED),
    ]
    if spare_later:
        kinds.insert(0, (same_file & (Sales.line > Staged.line), Met.LATER_ROW))
    met = Sales.select(Case(None, kinds, Met.OTHER)).where(known())
    return fn.COALESCE(met, Met.NOTHING)


def known() -> Expression:
    """Whether a row of the table and a staged one are the same transaction."""
    key: Expression = (Sales.customer == slot("customer")) & (Sales.transaction_id == Staged.transaction_id)
    return key


def says_the_same() -> Expression:
    """Whether table and stage agree on everything; 1.5 and 1.50 are the same total."""
    same: Expression = (Sales.scale == Staged.scale) & (Sales.units == Staged.units)
    for places in range(1, MOST_PLACES + 1):
        same |= longer(Sales, Staged, places) | longer(Staged, Sales, places)
    for name in AGREED:
        same &= getattr(Sales, name) == getattr(Staged, name)
    return same


def longer(left: type[Told], right: type[Told], places: int) -> Expression:
    """Whether *left* is the total of *right* written with so many places more.

    By division, since the product may be too large for 64 bits.
    """
    whole = left.units / 10**places
    exact: Expression = (left.units == whole * 10**places) & (whole == right.units)
    return exact & (left.scale == right.scale + places)
