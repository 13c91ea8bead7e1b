"""Upsert: a window of transactions into the table, highest sequence wins (guarantee 4).

What is stored and what a delivery tells of the same transaction ID:

    stored by              then                    counted as
    nobody                 put in                  imported
    a newer delivery       left alone              unchanged
    an earlier row of the  overwritten             duplicate: it is the earlier one that does not count
    same file
    a later row of the     left alone              duplicate: the later one is still to come
    same file, by an
    earlier run that read
    all of it alike
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

from peewee import EXCLUDED, SQL, Case, Expression, Function, IntegrityError, Query, Value, fn

from dorimportd.store.connect import Connected
from dorimportd.store.migrations.version import TYPES
from dorimportd.store.models import STAGED_COLUMNS, Sales, Staged, Told
from dorimportd.store.postgresql import Postgresql
from dorimportd.store.sqlite import BATCH, Sqlite
from dorimportd.words import Counts, TransactionRow

KEY: Final = itemgetter(0)  # the transaction ID
LINE: Final = 7  # where a TransactionRow has its line

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

# The reactor thread waits while one call sorts: 100,000 random IDs at once take 60 ms, so many about 1 ms.
SORTED_AT_ONCE: Final = 2_000
SAMPLED: Final = 50  # one row in so many tells where the pens begin

OVERWRITTEN: Final = [*(getattr(Sales, name) for name in STAGED_COLUMNS[1:]), Sales.sequence]


class Met(IntEnum):
    """What a transaction met in the table."""

    NOTHING = auto()
    NEWER = auto()
    LATER_ROW = auto()
    EARLIER_ROW = auto()  # which says the same
    OTHER_EARLIER_ROW = auto()
    SAME = auto()
    OTHER = auto()


class Put(NamedTuple):
    """What a window did."""

    counts: Counts  # of rows of the file
    fresh: int  # transactions that the table has more than before
    overrode: bool  # an earlier window of the same file, which said otherwise


def upsert(
    database: Connected,
    customer: int,
    sequence: int,
    transactions: Sequence[TransactionRow],
    further: Mapping[int, int],
    *,
    known_to_end: bool = False,
) -> Put:
    """Put *transactions*, in the order of the file, into the table, and count what they met there.

    *further* has, by its line, how many rows a transaction is made of besides its first.  Of two with the
    same ID the later one wins.  The caller holds the database transaction and the lock on the customer, so
    that nobody else writes rows of this customer meanwhile.  *known_to_end* says that an earlier run has put
    in the whole file as it is read now: a later transaction of it may stay, since it will be told again.  Of
    a file that is read otherwise it would stay for good.
    """
    last = {each[0]: each for each in transactions}
    rows = in_key_order(list(last.values()))
    rest = rows
    if isinstance(database, Sqlite):
        rest = rows[put_while_unknown(database, customer, sequence, rows) :]
    at_once = rows[: len(rows) - len(rest)]
    met, unknown = dict.fromkeys(Met, 0), 0
    if rest:
        stage(database, rest)
        found = compare(database, meetings(customer, sequence, spare_later=known_to_end))
        unknown = found.get(Met.NOTHING, 0)
        lines = meetings_by_line(customer, sequence, spare_later=known_to_end)
        met |= compare_rows(database, lines, further) if further else found
        some_known = unknown < len(rest)
        put_staged(database, customer, sequence, some_known=some_known, spare_later=known_to_end)
    everything = rows_of(transactions, further)
    overridden = met[Met.LATER_ROW] + met[Met.EARLIER_ROW] + met[Met.OTHER_EARLIER_ROW]
    counts = Counts(
        rows=everything,
        imported=rows_of(at_once, further) + met[Met.NOTHING] + met[Met.OTHER],
        unchanged=met[Met.NEWER] + met[Met.SAME],
        replaced=met[Met.OTHER],
        duplicates=everything - rows_of(rows, further) + overridden,
    )
    return Put(counts, len(at_once) + unknown, overrode=met[Met.OTHER_EARLIER_ROW] > 0)


def rows_of(transactions: Sequence[TransactionRow], further: Mapping[int, int]) -> int:
    """How many rows of the file *transactions* are made of."""
    return len(transactions) + (sum(further.get(each[LINE], 0) for each in transactions) if further else 0)


def in_key_order(rows: list[TransactionRow]) -> list[TransactionRow]:
    """*rows* sorted by transaction ID, in steps between which other threads may run."""
    return [row for pen in in_pens(rows) for row in sorted(pen, key=KEY)]


def in_pens(rows: list[TransactionRow]) -> list[list[TransactionRow]]:
    """*rows* by ranges of transaction IDs, in order; about SORTED_AT_ONCE in each range."""
    step = SORTED_AT_ONCE // SAMPLED
    fences = sorted(map(KEY, rows[::SAMPLED]))[step::step]
    pens: list[list[TransactionRow]] = [[] for _ in range(len(fences) + 1)]
    for row in rows:
        pens[bisect(fences, row[0])].append(row)
    return pens


def put_while_unknown(database: Sqlite, customer: int, sequence: int, rows: Sequence[TransactionRow]) -> int:
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


def stage(database: Connected, rows: Sequence[TransactionRow]) -> None:
    """Put *rows* where the statements that follow find them."""
    if isinstance(database, Postgresql):
        # The planner would read a small table from end to end, once for each row of the window.
        database.sql("SET LOCAL enable_seqscan = off")
    database.sql(STAGE.format_map(TYPES[database.dialect]))
    database.sql("DELETE FROM stage")
    database.load("stage", STAGED_COLUMNS, rows)


def compare(database: Connected, query: Query) -> dict[Met, int]:
    """How many of the staged transactions meet what in the table, by `meetings`."""
    return {Met(kind): count for kind, count in query.tuples().execute(database)}


def compare_rows(database: Connected, query: Query, further: Mapping[int, int]) -> dict[Met, int]:
    """How many rows of the file those are made of that meet what in the table, by `meetings_by_line`."""
    rows: Counter[Met] = Counter()
    for kind, line in query.tuples().execute(database):
        rows[Met(kind)] += 1 + further.get(line, 0)
    return rows


def meetings(customer: int, sequence: int, *, spare_later: bool) -> Query:
    """The kinds of Met and how many staged transactions each has."""
    kind = meeting(customer, sequence, spare_later=spare_later)
    return Staged.select(kind, fn.COUNT(SQL("*"))).group_by(SQL("1"))


def meetings_by_line(customer: int, sequence: int, *, spare_later: bool) -> Query:
    """The kind of Met of each staged transaction, and its line."""
    return Staged.select(meeting(customer, sequence, spare_later=spare_later), Staged.line)


def meeting(customer: int, sequence: int, *, spare_later: bool) -> Function:
    """The kind of Met of a staged transaction.

    By a subquery for each of them, which can only be a look at the primary key.  A join leaves PostgreSQL
    the choice, and what it knows of a customer is old: it may take one with a million rows for new, and
    compare each of them with each row of the window.
    """
    same_file = Sales.sequence == sequence
    kinds = [
        (Sales.sequence > sequence, Met.NEWER),
        (same_file & (Sales.line < Staged.line) & says_the_same(), Met.EARLIER_ROW),
        (same_file & (Sales.line < Staged.line), Met.OTHER_EARLIER_ROW),
        (says_the_same(), Met.SAME),
    ]
    if spare_later:
        kinds.insert(0, (same_file & (Sales.line > Staged.line), Met.LATER_ROW))
    met = Sales.select(Case(None, kinds, Met.OTHER)).where(known(customer))
    return fn.COALESCE(met, Met.NOTHING)


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


def put_staged(
    database: Connected, customer: int, sequence: int, *, some_known: bool, spare_later: bool
) -> None:
    """Put the staged rows into the table, over those that are no newer."""
    overwritten = Sales.sequence <= EXCLUDED.sequence
    if spare_later:
        overwritten &= (Sales.sequence < EXCLUDED.sequence) | (Sales.line <= EXCLUDED.line)
    columns = [getattr(Staged, name) for name in STAGED_COLUMNS]
    # Without a condition SQLite would read the ON of ON CONFLICT as that of a join.
    rows = Staged.select(Value(customer), Value(sequence), *columns).where(SQL("1 = 1"))
    names = ["customer", "sequence", *STAGED_COLUMNS]
    query = Sales.insert_from(rows, [getattr(Sales, name) for name in names])
    if some_known:
        query = query.on_conflict(
            conflict_target=[Sales.customer, Sales.transaction_id],
            preserve=OVERWRITTEN,
            where=overwritten,
        )
    query.execute(database)
