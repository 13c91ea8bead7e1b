"""The fast lane: the rows of a piece that are plainly right, by whole columns.

A value is what the reader of the reference lane makes of its text, asked once for each distinct one; dates
and times of the day are asked apart, as a million rows have few of either.  An ID is taken as it stands where
it is plain ASCII that needs no second look.  A row of which anything is not known to be right is left to the
reference lane, and so is a piece with a row that changes what holds for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from itertools import repeat
from operator import itemgetter
from typing import Any, Final, NamedTuple

import pyarrow as arrow
import pyarrow.compute as compute

from dorimportd.parse.bulk import (
    Array,
    Coded,
    Fields,
    Question,
    count,
    every,
    flags,
    halves_of,
    has_any,
    is_all,
    table_of,
)
from dorimportd.parse.columns import Columns
from dorimportd.parse.condition import Asked
from dorimportd.parse.identity import JOINT, read_part
from dorimportd.parse.lanes import Piece
from dorimportd.parse.moment import LOCAL, Moments
from dorimportd.parse.readers import Reader, Readers
from dorimportd.parse.rows import Dialect
from dorimportd.parse.sieve import Sieve, is_blank
from dorimportd.parse.values import TEXT_CHARACTERS, BadValue, Memo
from dorimportd.words import TransactionRow

TEXT: Final = arrow.string()
INSTANT: Final = arrow.int64()
OFFSET: Final = arrow.int32()
NOTHING: Final = arrow.scalar("")  # made once: Arrow takes longer for this than for a column


class Found(NamedTuple):
    """What a piece became."""

    transactions: list[TransactionRow]
    skipped: int
    left: list[int]  # the lines of the file that are for the reference lane


class Times(NamedTuple):
    """Of each row; null where it is not known to be right."""

    instants: Array
    offsets: Array

    @classmethod
    def unknown(cls, rows: int) -> Times:
        return cls(arrow.nulls(rows, INSTANT), arrow.nulls(rows, OFFSET))


class Rows(NamedTuple):
    """Transactions, by what they consist of."""

    identities: Array
    location: Coded
    total: Coded
    times: Times
    lines: Array

    def where(self, rows: Array) -> Rows:
        """Those that *rows* flags."""
        times = Times(*(each.filter(rows) for each in self.times))
        return Rows(
            self.identities.filter(rows),
            self.location.where(rows),
            self.total.where(rows),
            times,
            self.lines.filter(rows),
        )

    def listed(self) -> list[TransactionRow]:
        """None of their parts is unknown."""
        totals = self.total.listed()
        numbers = (*self.times, self.lines)
        parts = (map(itemgetter(part), totals) for part in range(3))
        instants, offsets, lines = (each.to_pylist() for each in numbers)
        identities = self.identities.to_pylist()
        sold = repeat(0, len(lines))  # none of them withdraws
        columns = (identities, self.location.listed(), *parts, instants, offsets, lines, sold)
        return list(zip(*columns, strict=True))


class FastLane:
    """Reads the pieces of one file."""

    def __init__(self, dialect: Dialect, columns: Columns, sieve: Sieve, readers: Readers) -> None:
        self._dialect = dialect
        self._columns = columns
        self._readers = readers
        self._halting = [self._question(holds, places) for holds, places in sieve.halting]
        self._withdrawing = [self._question(holds, places) for holds, places in sieve.withdrawing]
        self._early = [self._asked(each) for each in sieve.early]
        self._late = [self._asked(each) for each in sieve.late]
        made = range(columns.width, columns.width + len(columns.makers))
        self._made = [self._question(bool, [place]) for place in made]
        self._location = self._question(readers.location.read, readers.location.depends_on)
        self._total = self._question(readers.total.read, readers.total.depends_on)
        self._time = self._question(readers.time.read, readers.time.depends_on)
        self._identity = self._question(readers.identity.read, readers.identity.depends_on)
        self._clocks = local_clocks(readers.time)
        self._parts = self._parts_of_id()
        self._conditions = [*self._early, *self._late]
        apart = [*self._halting, *self._withdrawing, *self._made]
        questions = [*apart, *self._conditions, self._location, self._total, self._time]
        self._places = sorted(set(self._identity.places).union(*(each.places for each in questions)))

    def _parts_of_id(self) -> tuple[int, ...]:
        """The fields that are joined to an ID as they stand; none when it comes about otherwise."""
        places = self._readers.identity.places
        made = any(place >= self._columns.width for place in places)
        doubled = self._readers.is_scoped and len(places) > 1
        return () if made or doubled or self._readers.is_counted else places

    def _question(self, read: Callable[[list[str]], Any], depends_on: Iterable[int]) -> Question:
        return Question(read, depends_on, self._columns)

    def _asked(self, asked: Asked) -> Question:
        place, accept = asked
        return self._question(lambda row: accept(row[place].strip()), [place])

    def convert(self, piece: Piece, width: int) -> Found | None:
        """What *piece*, whose rows have *width* fields, becomes.

        None when as a whole it is for the reference lane.
        """
        fields_there = max(width, len(piece.first_row(self._dialect)))
        surplus = range(width, fields_there)
        places = sorted({*self._places, *surplus})
        table = table_of(piece.text, piece.first, self._dialect, fields_there, places)
        if table is None:
            return None
        fields = Fields(table.columns, len(table.lines))
        if any(has_any(fields.read(each).true()) for each in self._halting):
            return None
        counts, skipped = self._sieved(fields, surplus)
        location, total = fields.read(self._location), fields.read(self._total)
        times = self._times(fields)
        withdraws = (fields.read(each).true() for each in self._withdrawing)
        sells = every(counts, *map(compute.invert, withdraws))
        right = every(sells, location.known(), total.known(), times.instants.is_valid())
        left_yet = len(table.lines) < piece.count or not is_all(compute.or_(right, skipped))
        if self._readers.is_counted and left_yet:
            return None  # a row that is left may count as an occurrence
        identities = self._identities(fields, location, right)
        right = every(right, identities.is_valid())
        rows = Rows(identities, location, total, times, table.lines)
        if len(table.lines) == piece.count and is_all(right):
            return Found(rows.listed(), 0, [])
        done = table.lines.filter(compute.or_(right, skipped)).to_pylist()
        left = sorted(set(range(piece.first, piece.first + piece.count)).difference(done))
        return Found(rows.where(right).listed(), count(skipped), left)

    def _sieved(self, fields: Fields, surplus: Iterable[int]) -> tuple[Array, Array]:
        """Which rows surely count, and which are surely skipped: see sieve.py for the order."""
        all_rows = flags(fields.rows, True)
        wanted = every(all_rows, *(fields.read(each).true() for each in self._early))
        whole = every(
            wanted,
            *(compute.equal(fields.columns[place], NOTHING) for place in surplus),
            *(fields.read(each).known() for each in self._made),
        )
        counts = every(whole, *(fields.read(each).true() for each in self._late))
        if not self._conditions:
            return counts, flags(fields.rows, False)
        left_out = compute.or_(compute.invert(wanted), every(whole, compute.invert(counts)))
        return counts, every(left_out, self._has_text(fields))

    def _has_text(self, fields: Fields) -> Array:
        """Which rows are surely no blank lines, by the columns that are asked for conditions."""
        places = {place for each in self._conditions for place in each.places}
        columns = [fields.column(place) for place in sorted(places)]
        found = [column.flags([not is_blank([text]) for text in column.values]) for column in columns]
        return reduce(compute.or_, found, flags(fields.rows, False))

    def _times(self, fields: Fields) -> Times:
        """The times, of most rows by their halves, of others by the whole text."""
        moments = self._readers.time.moments
        made = any(place >= self._columns.width for place in self._readers.time.places)
        times = Times.unknown(fields.rows) if moments is None or made else self._by_halves(fields, moments)
        unknown = times.instants.is_null()
        if not has_any(unknown):
            return times
        found = fields.where(unknown).read(self._time)
        late = [
            found.numbers([pair and pair[place] for pair in found.values], times[place].type)
            for place in (0, 1)
        ]
        return Times(*(compute.replace_with_mask(*each) for each in zip(times, repeat(unknown), late)))

    def _by_halves(self, fields: Fields, moments: Moments) -> Times:
        """The same as Moments.read_usual and read_pair find, where the everyday rule does."""
        places = self._readers.time.places
        if len(places) == 2:
            dates, clocks = map(fields.column, places)
            clocks = clocks.answered(self._clocks)
        else:
            dates, clocks = halves_of(fields.columns[places[0]], moments.cut)
            clocks = clocks.answered(self._clocks, moments.cut.sign)
        days = dates.answered(moments.days)
        begins = days.numbers([day and day[1] for day in days.values], INSTANT)
        offsets = days.numbers([day and day[2] for day in days.values], OFFSET)
        return Times(compute.add(begins, clocks.numbers(clocks.values, INSTANT)), offsets)

    def _identities(self, fields: Fields, location: Coded, right: Array) -> Array:
        """The IDs of rows that are *right*; null where they are not known to be."""
        return self._joined(fields, location) if self._parts else self._read_one_by_one(fields, right)

    def _joined(self, fields: Fields, location: Coded) -> Array:
        """IDs of fields that are plain, as `compose` joins them."""
        parts = [compute.ascii_trim(fields.columns[place], " ") for place in self._parts]
        is_plain = every(*map(plain, parts))
        before = []
        if self._readers.is_scoped:
            before = [location.texts([part_or_none(each) for each in location.values])]
        if before or len(parts) > 1:
            is_plain = every(
                is_plain, *(compute.invert(compute.match_substring(part, JOINT)) for part in parts)
            )
        joined = compute.binary_join_element_wise(*before, *parts, JOINT)
        short = compute.less_equal(compute.binary_length(joined), TEXT_CHARACTERS)
        return compute.if_else(every(is_plain, short), joined, arrow.scalar(None, TEXT))

    def _read_one_by_one(self, fields: Fields, right: Array) -> Array:
        """IDs of the rows that *right* flags, in their order."""
        columns = [fields.columns[place].filter(right).to_pylist() for place in self._identity.places]
        found = [self._identity.ask(texts) for texts in zip(*columns, strict=True)]
        empty = arrow.nulls(fields.rows, TEXT)
        return compute.replace_with_mask(empty, right, arrow.array(found, TEXT))


def local_clocks(time: Reader[tuple[int, int]]) -> Memo[int | None]:
    """Times of the day, microseconds since midnight, by their texts; None where the text has an offset."""
    if time.moments is None:
        return Memo(lambda text: None)
    clocks = time.moments.clocks_alone if len(time.places) == 2 else time.moments.clocks

    def read(text: str) -> int | None:
        microseconds, stated = clocks[text]
        return microseconds if stated in LOCAL else None

    return Memo(read)


def plain(texts: Array) -> Array:
    """Which of *texts* `read_text` surely takes as they are."""
    return every(
        compute.ascii_is_printable(texts),
        compute.greater(compute.binary_length(texts), 0),
        compute.less_equal(compute.binary_length(texts), TEXT_CHARACTERS),
        compute.invert(compute.match_substring(texts, "+")),
        compute.invert(compute.starts_with(texts, "#")),
    )


def part_or_none(location: str | None) -> str | None:
    """*location* as a part of an ID."""
    try:
        return None if location is None else read_part(location)
    except BadValue:
        return None
