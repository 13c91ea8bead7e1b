"""Local times into instants, and what a change of the clocks does.

What the file says about the place is taken in this order: an offset in the value; else the time zone of
the format; else the customer's.  Then:

    02:30 happens twice (clocks go back)      the first of the two, in summer time; or the second
    02:30 does not happen (clocks go forward) no time, and so a reject; or as if they had not gone yet
    a date alone                              its midnight; where the clocks skip that, the same instant
                                              as if they had not been changed yet
    ends in Z                                 that instant, at the offset that the place then has

A million rows have a thousand dates and 86,400 times of the day, so each half of a text is read once.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from dorimportd.parse.pattern import ISO, Pattern, Stated, pattern_of
from dorimportd.parse.values import BadValue, Memo
from dorimportd.words import EPOCH, instant

# What a text may say that leaves the offset to the place.  Named here, as each row is compared with them.
LOCAL: Final = (Stated.NOTHING, Stated.NO_CLOCK)

SECOND: Final = 1_000_000  # microseconds
DAY: Final = 86_400 * SECOND

# A date outside of these is a misread one.
YEARS: Final = range(1970, 2101)

LAST: Final = (datetime(YEARS[-1] + 1, 1, 1, tzinfo=EPOCH.tzinfo) - EPOCH) // timedelta(microseconds=1) - 1

# Of what a pattern that is a word stands for.
EXAMPLES: Final = {ISO: "2026-07-14 16:52:38", "epoch": "1784023200", "epoch_ms": "1784023200000"}

DATES_KEPT: Final = 20_000
CLOCKS_KEPT: Final = 100_000  # more than a day has seconds


# What is remembered of a date and of a time of the day: plain tuples of numbers and texts, as the garbage
# collector looks at all others again and again.
#
#     midnight      microseconds from 1970-01-01T00:00 to its 00:00, both as the clock on the wall shows
#     begins        its 00:00 as an instant; None when the clocks are changed on it
#     offset        seconds east of UTC, at its beginning
#
#     microseconds  since midnight
#     stated        seconds east of UTC, or one of Stated
Day = tuple[int, int | None, int]
TimeOfDay = tuple[int, int | str]

Dates = tuple[date | None, date | None]  # the first and the last that are plausible


class Moments:
    """The times of one file: text into instant and offset.

    *patterns* are tried in their order; the first that fits and gives a day of the calendar counts.
    """

    def __init__(
        self,
        patterns: Sequence[Pattern],
        zone: tzinfo,
        *,
        second: bool = False,
        shift: bool = False,
        dates: Dates = (None, None),
    ) -> None:
        self._patterns = patterns
        self._zone = zone
        self._second = second  # of two times that look alike
        self._dates = dates
        self._shift = shift  # a time that is skipped, rather than refuse it
        # Halves of texts of the first pattern.  Put together they always make a text that fits it, and so
        # no other pattern is to be asked.
        first = patterns[0]
        self.cut = first.cut
        self._guess = first.cut.guess()
        self.days = Memo(lambda half: self._day(first, half), DATES_KEPT)
        self.clocks = Memo(lambda half: clock_of(first, half), CLOCKS_KEPT)
        self.clocks_alone = Memo(lambda half: clock_of(first, f" {half}"), CLOCKS_KEPT)

    def read(self, text: str) -> tuple[int, int]:
        """Microseconds since 1970-01-01T00:00:00Z, and the seconds east of UTC there and then.

        Raises BadValue.
        """
        try:
            return self.read_usual(text)
        except BadValue:
            return self._read_unusual(text.strip())

    def read_usual(self, text: str) -> tuple[int, int]:
        """The same for a text that is as the first pattern has it, to the letter.

        Raises BadValue for any other.
        """
        ends = self._guess(text)
        midnight, begins, offset = self.days[text[:ends]]
        microseconds, stated = self.clocks[text[ends:]]
        if begins is not None and stated in LOCAL:
            return begins + microseconds, offset
        return self._resolve(midnight + microseconds, stated)

    def read_pair(self, date: str, clock: str) -> tuple[int, int]:
        """The same for the two halves of such a text, as they stand before and behind a blank.

        Raises BadValue for any others.
        """
        midnight, begins, offset = self.days[date]
        microseconds, stated = self.clocks_alone[clock]
        if begins is not None and stated in LOCAL:
            return begins + microseconds, offset
        return self._resolve(midnight + microseconds, stated)

    def _read_unusual(self, text: str) -> tuple[int, int]:
        """A text that is not as the first pattern has it, to the letter."""
        if not text:
            raise BadValue("is empty")
        bad = BadValue(rule_of(self._patterns))
        for pattern in self._patterns:
            if pattern.unit:
                count = pattern.read_count(text)
                if count is None:
                    continue
                return self._since_epoch(count)
            halves = pattern.halves(text)
            if halves is not None:
                try:
                    midnight, _, _ = self._day(pattern, halves[0])
                except BadValue as error:
                    bad = error
                else:
                    microseconds, stated = clock_of(pattern, halves[1])
                    return self._resolve(midnight + microseconds, stated)
        raise BadValue(bad.rule + turned_round(text, self._patterns))

    def _since_epoch(self, count: int) -> tuple[int, int]:
        if count > LAST:
            raise BadValue(f"is not in the years {YEARS[0]} to {YEARS[-1]}")
        shown = instant(count).astimezone(self._zone)
        self._refuse_implausible(shown.date())
        return count, seconds(shown.utcoffset())

    def _refuse_implausible(self, day: date) -> None:
        earliest, latest = self._dates
        if earliest is not None and day < earliest:
            raise BadValue(f"is before {earliest}, the earliest date of the format")
        if latest is not None and day > latest:
            raise BadValue(f"is after {latest}, the latest date of the format")

    def _day(self, pattern: Pattern, half: str) -> Day:
        """The date in the first half of a text."""
        date = pattern.read_date(half)
        if date is None:
            raise BadValue(rule_of([pattern]))
        if date.day > monthrange(*date[:2])[1]:
            raise BadValue("is not a day of the calendar")
        if date.year not in YEARS:
            raise BadValue(f"is not in the years {YEARS[0]} to {YEARS[-1]}")
        self._refuse_implausible(datetime(*date).date())
        midnight = (datetime(*date, tzinfo=EPOCH.tzinfo) - EPOCH) // timedelta(microseconds=1)
        offsets = {*self._offsets(midnight), *self._offsets(midnight + DAY)}
        offset = self._offsets(midnight)[0]
        return midnight, midnight - offset * SECOND if len(offsets) == 1 else None, offset

    def _offsets(self, wall: int) -> tuple[int, int]:
        """The offsets that a clock on the wall which shows *wall* may have there (PEP 495).

        Where it shows that twice, the earlier first; where it never does, those before and after the change.
        """
        shown = instant(wall).replace(tzinfo=self._zone)
        return seconds(shown.utcoffset()), seconds(shown.replace(fold=1).utcoffset())

    def _resolve(self, wall: int, stated: int | str) -> tuple[int, int]:
        """What the clock on the wall means that shows *wall*, where the everyday rule does not do."""
        if isinstance(stated, int):
            return wall - stated * SECOND, stated
        if stated == Stated.UTC:
            return wall, seconds(instant(wall).astimezone(self._zone).utcoffset())
        before, after = self._offsets(wall)
        if after <= before:  # it shows that once, or twice
            offset = after if self._second else before
            return wall - offset * SECOND, offset
        if self._shift or stated == Stated.NO_CLOCK:
            return wall - before * SECOND, after
        raise BadValue(f"is skipped by the clocks in {self._zone} when they go forward")


def clock_of(pattern: Pattern, half: str) -> TimeOfDay:
    """The time of the day in the second half of a text."""
    clock = pattern.read_clock(half)
    if clock is None:
        raise BadValue(rule_of([pattern]))
    return clock.microseconds, clock.stated


def turned_round(text: str, patterns: Sequence[Pattern]) -> str:
    """What to add when *text* would fit with day and month in each other's places."""
    for pattern in patterns:
        if "%d" in pattern.text and "%m" in pattern.text:
            other = pattern_of(re.sub("%[dm]", lambda code: "%m" if code[0] == "%d" else "%d", pattern.text))
            if other.whole.fullmatch(text) and not pattern.whole.fullmatch(text):
                return "; are day and month turned round?"
    return ""


def rule_of(patterns: Sequence[Pattern]) -> str:
    """What a text breaks that fits none of *patterns*."""
    return (
        f"is not a time like {' or '.join(EXAMPLES.get(pattern.text, pattern.text) for pattern in patterns)}"
    )


def seconds(offset: timedelta | None) -> int:
    assert offset is not None  # a time with a ZoneInfo has one
    return offset // timedelta(seconds=1)
