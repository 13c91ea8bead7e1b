"""The times of a piece by whole columns: dates and times of the day are asked apart.

A million rows have few of either.  A text that the everyday rule does not do for is asked as a whole, by the
reader of a row; so is all that is not written as the first pattern has it.
"""

from __future__ import annotations

from itertools import repeat
from typing import Final, NamedTuple

import pyarrow as arrow
import pyarrow.compute as compute

from dorimportd.parse.bulk import Array, Coded, Fields, Question, halves_of, has_any, paired
from dorimportd.parse.columns import Columns
from dorimportd.parse.moment import LOCAL, Day, Moments
from dorimportd.parse.readers import Reader
from dorimportd.parse.values import Memo

INSTANT: Final = arrow.int64()
OFFSET: Final = arrow.int32()


class Times(NamedTuple):
    """Of each row; null where it is not known to be right."""

    instants: Array
    offsets: Array

    @classmethod
    def unknown(cls, rows: int) -> Times:
        return cls(arrow.nulls(rows, INSTANT), arrow.nulls(rows, OFFSET))


class TimesOf:
    """Reads the times of one file."""

    def __init__(self, time: Reader[tuple[int, int]], columns: Columns) -> None:
        self._time = time
        self.question = Question(time.read, time.depends_on, columns)
        self._made = any(place >= columns.width for place in time.places)
        self._clocks = local_clocks(time)
        self._days = days_by_zone(time)
        self._zone = Question(lambda row: row[time.also[0]], time.also, columns)

    def read(self, fields: Fields) -> Times:
        """The times, of most rows by their halves, of others by the whole text."""
        moments = None if self._made else self._time.moments
        times = Times.unknown(fields.rows) if moments is None else self._by_halves(fields, moments)
        unknown = times.instants.is_null()
        if not has_any(unknown):
            return times
        found = fields.where(unknown).read(self.question)
        late = [
            found.numbers([pair and pair[place] for pair in found.values], times[place].type)
            for place in (0, 1)
        ]
        return Times(*(compute.replace_with_mask(*each) for each in zip(times, repeat(unknown), late)))

    def _by_halves(self, fields: Fields, moments: Moments) -> Times:
        """The same as Moments.read_usual and read_pair find, where the everyday rule does."""
        places = self._time.places
        if len(places) == 2:
            dates, clocks = map(fields.column, places)
            clocks = clocks.answered(self._clocks)
        else:
            dates, clocks = halves_of(fields.columns[places[0]], moments.cut)
            clocks = clocks.answered(self._clocks, moments.cut.sign)
        if self._days is None:
            days = dates.answered(moments.days)
        else:
            codes, zones = fields.read(self._zone)
            named = Coded(codes, [zone or "" for zone in zones])
            days = paired(named, dates).answered(self._days)
        begins = days.numbers([day and day[1] for day in days.values], INSTANT)
        offsets = days.numbers([day and day[2] for day in days.values], OFFSET)
        return Times(compute.add(begins, clocks.numbers(clocks.values, INSTANT)), offsets)


def local_clocks(time: Reader[tuple[int, int]]) -> Memo[int | None]:
    """Times of the day, microseconds since midnight, by their texts; None where the text has an offset."""
    if time.moments is None:
        return Memo(lambda text: None)
    clocks = time.moments.clocks_alone if len(time.places) == 2 else time.moments.clocks

    def read(text: str) -> int | None:
        microseconds, stated = clocks[text]
        return microseconds if stated in LOCAL else None

    return Memo(read)


def days_by_zone(time: Reader[tuple[int, int]]) -> Memo[Day] | None:
    """Days by the text of a zone, a NUL and the text of a date; None where all rows are of one zone."""
    moments_by = time.moments_by
    if moments_by is None:
        return None

    def read(text: str) -> Day:
        zone, _, date = text.partition("\0")
        moments = moments_by(zone)
        assert moments is not None  # there are some for one zone if there are for any
        return moments.days[date]

    return Memo(read)
