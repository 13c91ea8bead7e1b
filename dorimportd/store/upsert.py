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

What withdraws a transaction is put in like what tells one, and stays: an older delivery that is imported
later does not bring it back, and a newer one does.

What is overwritten takes the new sequence even if it says the same: an older delivery that is imported
again later must not win.  A window comes sorted by key, which is worth a factor of three to five in a
large table whose IDs are random.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Final, NamedTuple

from peewee import EXCLUDED, SQL, IntegrityError

from dorimportd.instants import reach
from dorimportd.store.connect import Connected
from dorimportd.store.meetings import (
    Found,
    Met,
    by_kind,
    compare,
    compare_rows,
    shown_more,
)
from dorimportd.store.migrations.version import TYPES
from dorimportd.store.models import STAGED_COLUMNS, Sales, Staged
from dorimportd.store.postgresql import Postgresql
from dorimportd.store.prepared import Prepared, slot
from dorimportd.store.sqlite import BATCH, Sqlite
from dorimportd.words import Counts, TransactionRow

KEY: Final = itemgetter(0)  # the transaction ID
LINE: Final = 7  # where a TransactionRow has its line
WITHDRAWN: Final = itemgetter(8)

STAGE: Final = """
    CREATE TEMPORARY TABLE IF NOT EXISTS stage (
        transaction_id {text},
        location {text},
        units BIGINT,
        scale SMALLINT,
        currency {text},
        occurred_at BIGINT,
        utc_offset INTEGER,
        line BIGINT,
        withdrawn BOOLEAN
    )
"""

FEW: Final = 100  # rows of a window for which a different way is shorter, where each answer is waited for
ANY_KNOWN: Final = "SELECT 1 FROM sale WHERE customer = %s AND transaction_id = ANY(%s) LIMIT 1"  # PostgreSQL

# The reactor thread waits while one call sorts: 100,000 random IDs at once take 60 ms, so many about 1 ms.
SORTED_AT_ONCE: Final = 2_000
SAMPLED: Final = 50  # one row in so many tells where the pens begin

OVERWRITTEN: Final = [*(getattr(Sales, name) for name in STAGED_COLUMNS[1:]), Sales.sequence]


class Put(NamedTuple):
    """What a window did."""

    counts: Counts  # of rows of the file
    fresh: int  # transactions that the table shows more than before; fewer if negative
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
    elif 0 < len(rows) <= FEW and none_known(database, customer, rows):
        put_unknown(database, customer, sequence, rows)
        rest = []
    at_once = rows[: len(rows) - len(rest)]
    met: Counter[Met] = Counter()
    found: Found = Counter()
    if rest:
        stage(database, rest)
        found = compare(database, customer, sequence, spare_later=known_to_end)
        met = by_kind(found)
        if further:
            met = compare_rows(database, customer, sequence, further, spare_later=known_to_end)
        some_known = by_kind(found)[Met.NOTHING] < len(rest)
        put_staged(database, customer, sequence, some_known=some_known, spare_later=known_to_end)
    everything = rows_of(transactions, further)
    overrode = met[Met.OTHER_EARLIER_ROW] + met[Met.TURNED_EARLIER_ROW]
    overridden = met[Met.LATER_ROW] + met[Met.EARLIER_ROW] + overrode
    replaced = met[Met.OTHER] + met[Met.TURNED]
    counts = Counts(
        rows=everything,
        imported=rows_of(at_once, further) + met[Met.NOTHING] + replaced,
        unchanged=met[Met.NEWER] + met[Met.SAME],
        replaced=replaced,
        duplicates=everything - rows_of(rows, further) + overridden,
    )
    fresh = len(at_once) - sum(map(WITHDRAWN, at_once)) + shown_more(found)
    return Put(counts, fresh, overrode=overrode > 0)


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


def none_known(database: Connected, customer: int, rows: Sequence[TransactionRow]) -> bool:
    """Whether the table has none of these few transactions."""
    prefer_keys(database)
    found = database.sql(ANY_KNOWN, [customer, list(map(KEY, rows))])
    return found.fetchone() is None


def put_unknown(database: Connected, customer: int, sequence: int, rows: Sequence[TransactionRow]) -> None:
    """Put in *rows*, none of which is there.

    Everyday files hold nothing but new IDs; to stage a few of them takes longer than all the rest.
    """
    columns = ("customer", "sequence", *STAGED_COLUMNS)
    database.load("sale", columns, [(customer, sequence, *row) for row in rows])


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
        reach("import.some_put")
    return len(rows)


@cache
def insert(rows: int) -> str:
    """The statement for *rows* rows; ?1 is the customer, ?2 the sequence."""
    width = len(STAGED_COLUMNS)
    firsts = range(3, 3 + rows * width, width)
    values = [f"(?1, ?2, {', '.join(f'?{first + column}' for column in range(width))})" for first in firsts]
    return f"INSERT INTO sale (customer, sequence, {', '.join(STAGED_COLUMNS)}) VALUES {', '.join(values)}"


def prefer_keys(database: Connected) -> None:
    if isinstance(database, Postgresql):
        # The planner would read a small table from end to end, once for each row of the window.
        database.sql("SET LOCAL enable_seqscan = off")


def stage(database: Connected, rows: Sequence[TransactionRow]) -> None:
    """Put *rows* where the statements that follow find them."""
    prefer_keys(database)
    database.sql(STAGE.format_map(TYPES[database.dialect]))
    database.sql("DELETE FROM stage")
    database.load("stage", STAGED_COLUMNS, rows)
    reach("import.staged")


def put_staged(
    database: Connected, customer: int, sequence: int, *, some_known: bool, spare_later: bool
) -> None:
    """Put the staged rows into the table, over those that are no newer."""
    putting(some_known, spare_later).execute(database, customer=customer, sequence=sequence)


@cache
def putting(some_known: bool, spare_later: bool) -> Prepared:
    overwritten = Sales.sequence <= EXCLUDED.sequence
    if spare_later:
        overwritten &= (Sales.sequence < EXCLUDED.sequence) | (Sales.line <= EXCLUDED.line)
    columns = [getattr(Staged, name) for name in STAGED_COLUMNS]
    # Without a condition SQLite would read the ON of ON CONFLICT as that of a join.
    rows = Staged.select(slot("customer"), slot("sequence"), *columns).where(SQL("1 = 1"))
    names = ["customer", "sequence", *STAGED_COLUMNS]
    query = Sales.insert_from(rows, [getattr(Sales, name) for name in names])
    if some_known:
        query = query.on_conflict(
            conflict_target=[Sales.customer, Sales.transaction_id],
            preserve=OVERWRITTEN,
            where=overwritten,
        )
    return Prepared(query)
