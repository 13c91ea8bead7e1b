"""Upsert: a window of transactions into the table, highest sequence wins (guarantee 4).

What is stored and what a delivery tells of the same transaction ID:

    stored by              then                    counted as
    nobody                 put in                  imported
    a newer delivery       left alone              unchanged
    an earlier row of the  overwritten             duplicate: it is the earlier one that does not count
    same file
    an older delivery, or  overwritten             unchanged if it says the same, else imported, replaced
    an earlier run of
    the same delivery

What is overwritten takes the new sequence even if it says the same: an older delivery that is imported
again later must not win.  A window comes sorted by key, which is worth a factor of three to five in a
large table whose IDs are random.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import IntEnum, auto
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Final, NamedTuple

from peewee import EXCLUDED, JOIN, SQL, Case, Expression, IntegrityError, ModelSelect, Node, Value, fn

from dorimportd.store.connect import Connected
from dorimportd.store.migrations.version import TYPES
from dorimportd.store.models import STAGED_COLUMNS, Sales, Staged, Told
from dorimportd.store.postgresql import Postgresql
from dorimportd.store.sqlite import BATCH, Sqlite
from dorimportd.words import Counts, Transaction

KEY: Final = itemgetter(0)  # the transaction ID

AGREED: Final = ("location", "currency", "occurred_at", "utc_offset")
MOST_PLACES: Final = 4  # of a total, see words.Amount

STAGE: Final = """
    CREATE TEMPORARY TABLE IF NOT EXISTS stage (
        transaction_id {text},
        location {text},
        units BIGINT,
        scale SMALLINT,
        currency {text},
        occurred_at BIGINT,
        utc_offset INTEGER,
        line BIGINT
    )
"""

# The reactor thread waits while one call sorts: 100,000 random IDs at once take 60 ms, so many some 5 ms.
SORTED_AT_ONCE: Final = 10_000

OVERWRITTEN: Final = [*(getattr(Sales, name) for name in STAGED_COLUMNS[1:]), Sales.sequence]


class Met(IntEnum):
    """What a transaction met in the table."""

    NOTHING = auto()
    NEWER = auto()
    OVERRIDDEN = auto()
    SAME = auto()
    OTHER = auto()


class Upserted(NamedTuple):
    """What a window did to the table."""

    counts: Counts  # of rows of the file
    fresh: int  # transactions that the table has more than before


def upsert(
    database: Connected,
    customer: int,
    sequence: int,
    transactions: Sequence[Transaction],
    further: Mapping[int, int],
) -> Upserted:
    """Put *transactions*, in the order of the file, into the table, and count what they met there.

    *further* has, by its line, how many rows a transaction is made of besides its first.  Of two with the
    same ID the later one wins.  The caller holds the database transaction and the lock on the customer, so
    that nobody else writes rows of this customer meanwhile.
    """
    last = {each.transaction_id: each for each in transactions}
    rows = in_key_order(list(last.values()))
    rest = rows
    if isinstance(database, Sqlite):
        rest = rows[put_while_unknown(database, customer, sequence, rows) :]
    at_once = rows[: len(rows) - len(rest)]
    met, unknown = dict.fromkeys(Met, 0), 0
    if rest:
        stage(database, rest)
        found = compare(database, customer, sequence)
        unknown = found.get(Met.NOTHING, 0)
        met |= compare_rows(database, customer, sequence, further) if further else found
        put_staged(database, customer, sequence, some_known=unknown < len(rest))
    everything = rows_of(transactions, further)
    counts = Counts(
        rows=everything,
        imported=rows_of(at_once, further) + met[Met.NOTHING] + met[Met.OTHER],
        unchanged=met[Met.NEWER] + met[Met.SAME],
        replaced=met[Met.OTHER],
        duplicates=everything - rows_of(rows, further) + met[Met.OVERRIDDEN],
    )
    return Upserted(counts, len(at_once) + unknown)


def rows_of(transactions: Sequence[Transaction], further: Mapping[int, int]) -> int:
    """How many rows of the file *transactions* are made of."""
    return len(transactions) + (sum(further.get(each.line, 0) for each in transactions) if further else 0)


def in_key_order(rows: list[Transaction]) -> list[Transaction]:
    """*rows* sorted by transaction ID, in steps between which other threads may run."""
    fences = sorted(map(KEY, rows[::SORTED_AT_ONCE]))
    pens: list[list[Transaction]] = [[] for _ in range(len(fences) + 1)]
    for row in rows:
        pens[bisect(fences, row[0])].append(row)
    return [row for pen in pens for row in sorted(pen, key=KEY)]


def put_while_unknown(database: Sqlite, customer: int, sequence: int, rows: Sequence[Transaction]) -> int:
    """Put in *rows* until a statement meets an ID that is there; returns how many went in.

    Everyday files hold nothing but new IDs, and this is the fastest way into SQLite.  Peewee has no
    numbered parameters, without which every row would bring customer and sequence along.
    """
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        try:
            database.sql(insert(len(batch)), [customer, sequence, *chain.from_iterable(batch)])
        except IntegrityError:
            return start  # of a statement that fails SQLite keeps no row
    return len(rows)


@cache
def insert(rows: int) -> str:
    """The statement for *rows* rows; ?1 is the customer, ?2 the sequence."""
    width = len(STAGED_COLUMNS)
    firsts = range(3, 3 + rows * width, width)
    values = [f"(?1, ?2, {', '.join(f'?{first + column}' for column in range(width))})" for first in firsts]
    return f"INSERT INTO sale (customer, sequence, {', '.join(STAGED_COLUMNS)}) VALUES {', '.join(values)}"


def stage(database: Connected, rows: Sequence[Transaction]) -> None:
    """Put *rows* where the next two statements can join them with the table."""
    if isinstance(database, Postgresql):
        # From some 20 million rows on the planner would read the whole table for each window.
        for plan in ("hashjoin", "mergejoin", "seqscan"):
            database.sql(f"SET LOCAL enable_{plan} = off")
    database.sql(STAGE.format_map(TYPES[database.dialect]))
    database.sql("DELETE FROM stage")
    database.load("stage", STAGED_COLUMNS, rows)


def compare(database: Connected, customer: int, sequence: int) -> dict[Met, int]:
    """How many of the staged transactions meet what in the table."""
    query = meetings(customer, sequence, fn.COUNT(SQL("*"))).group_by(SQL("1"))
    return {Met(kind): count for kind, count in query.tuples().execute(database)}


def compare_rows(
    database: Connected, customer: int, sequence: int, further: Mapping[int, int]
) -> dict[Met, int]:
    """How many rows of the file those are made of that meet what in the table."""
    rows: Counter[Met] = Counter()
    for kind, line in meetings(customer, sequence, Staged.line).tuples().execute(database):
        rows[Met(kind)] += 1 + further.get(line, 0)
    return rows


def meetings(customer: int, sequence: int, told: Node) -> ModelSelect[Staged]:
    """What each staged transaction meets in the table, and *told* of it."""
    met = Case(
        None,
        [
            (Sales.sequence.is_null(), Met.NOTHING),
            (Sales.sequence > sequence, Met.NEWER),
            ((Sales.sequence == sequence) & (Sales.line < Staged.line), Met.OVERRIDDEN),
            (says_the_same(), Met.SAME),
        ],
        Met.OTHER,
    )
    # An outer join, so that SQLite goes from the few to the many.
    return Staged.select(met, told).join(Sales, JOIN.LEFT_OUTER, on=known(customer))


def known(customer: int) -> Expression:
    """Whether a row of the table and a staged one are the same transaction."""
    key: Expression = (Sales.customer == customer) & (Sales.transaction_id == Staged.transaction_id)
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


def put_staged(database: Connected, customer: int, sequence: int, *, some_known: bool) -> None:
    """Put the staged rows into the table, over those that are no newer."""
    columns = [getattr(Staged, name) for name in STAGED_COLUMNS]
    # Without a condition SQLite would read the ON of ON CONFLICT as that of a join.
    rows = Staged.select(Value(customer), Value(sequence), *columns).where(SQL("1 = 1"))
    names = ["customer", "sequence", *STAGED_COLUMNS]
    query = Sales.insert_from(rows, [getattr(Sales, name) for name in names])
    if some_known:
        query = query.on_conflict(
            conflict_target=[Sales.customer, Sales.transaction_id],
            preserve=OVERWRITTEN,
            where=Sales.sequence <= EXCLUDED.sequence,
        )
    query.execute(database)
