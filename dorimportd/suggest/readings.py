"""How the values of a column may be read, as amounts or as times; each way that fits nearly all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from dorimportd.parse.amount import LAKH, SCALE, AmountReader
from dorimportd.parse.amount import MARKS as SIGNS_OF_MARKS
from dorimportd.parse.moment import DAY, Moments
from dorimportd.parse.pattern import ISO, Pattern, pattern_of
from dorimportd.parse.values import CURRENCY, BadValue
from dorimportd.suggest.clues import Column, Value
from dorimportd.suggest.roles import TIME, score

# Of the values of a column this many must be fit; a footer may be among them.
ENOUGH: Final = 0.9

# Currencies whose codes are looked for in names, where other words have three capitals, too.
CODES: Final = re.compile(
    "AED|ARS|AUD|BGN|BHD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|IQD|ISK|JOD|JPY|KRW|KWD|LYD|MXN|MYR"
    "|NOK|NZD|OMR|PEN|PHP|PLN|RON|RSD|RUB|SAR|SEK|SGD|THB|TND|TRY|TWD|UAH|USD|VND|ZAR"
)

MARKS: Final = (
    *((".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'")),
    (".", LAKH),
)

DATES: Final = (
    *(
        "%d.%m.%Y",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d-%m-%Y",
        "%m-%d-%Y",
        "%Y/%m/%d",
        "%Y.%m.%d",
        "%Y-%m-%d",
        "%Y%m%d",
    ),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%y/%m/%d", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%y.%m.%d"),
    *("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y"),
)
CLOCKS: Final = (
    *("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p"),
    *("%H:%M:%S.%f", "%H.%M.%S", "%H.%M", "%H%M%S", "%H%M"),
)
JOINTS: Final = (" ", "T", ", ", "-", "")
OFFSETS: Final = ("", " %z", "%z")

# The date that is put before a time of the day to read it.
ANY_DATE: Final = "2000-01-01"
ANY_DATE_PATTERN: Final = "%Y-%m-%d"

FIRST_VALUES: Final = 20  # by which most patterns are ruled out


Way = tuple[str, ...]  # of reading: two marks, or one pattern
Reading = Callable[[str], tuple[int, int]]  # units and scale, or instant and offset


class Choice(NamedTuple):
    """What one way of reading makes of the values of a column."""

    how: Way
    readings: dict[str, tuple[int, int]]  # by text; without those that do not fit


def choices(texts: Iterable[str], ways: Mapping[Way, Reading]) -> list[Choice]:
    """The *ways* of reading that fit nearly all of *texts*, in their order."""
    wanted = list(dict.fromkeys(texts))
    fitting = []
    for how, read in ways.items():
        readings = {text: reading for text in wanted if (reading := attempt(read, text)) is not None}
        if wanted and len(readings) >= ENOUGH * len(wanted):
            fitting.append(Choice(how, readings))
    return [
        choice for choice in fitting if len(choice.readings) == max(len(each.readings) for each in fitting)
    ]


def attempt(read: Reading, text: str) -> tuple[int, int] | None:
    try:
        return read(text)
    except BadValue:
        return None


def disputed(found: Sequence[Choice], values: Iterable[Value]) -> Value | None:
    """The first value that two of the choices read differently."""
    for value in values:
        if len({choice.readings[value.text] for choice in found if value.text in choice.readings}) > 1:
            return value
    return None


def amount_choices(column: Column) -> list[Choice]:
    """The marks with which *column* holds amounts; those for thousands only where they stand in it."""
    together = "\n".join(column.texts)
    ways: dict[Way, Reading] = {
        marks: amount_way(*marks) for marks in MARKS if not marks[1] or stands_in(marks[1], together)
    }
    return choices(column.texts, ways)


def stands_in(thousands: str, text: str) -> bool:
    """Whether *thousands* stands between two digits somewhere in *text*."""
    sign = SIGNS_OF_MARKS[thousands] if thousands != LAKH else ","
    return re.search(f"[0-9]{sign}[0-9]", text) is not None


def amount_way(decimal: str, thousands: str) -> Reading:
    reader = AmountReader(decimal=decimal, thousands=thousands)

    def read(text: str) -> tuple[int, int]:
        units, scale = reader.read(text, currency_in(text))
        return units * 10 ** (SCALE - scale), SCALE

    return read


def currency_in(text: str) -> str:
    """The currency code that stands in an amount; empty when none does."""
    code = CURRENCY.search(text)
    return code[0] if code else ""


def currency_of_name(name: str) -> str:
    """The currency code that a column's name holds as a word; empty when it holds none."""
    return next((word for word in re.split(r"[\W_]+", name) if CODES.fullmatch(word)), "")


def time_choices(column: Column) -> list[Choice]:
    """The patterns by which *column* holds times, dates alone included."""
    return pattern_choices(column, "", [ISO, *epochs(column), *time_patterns(column)])


def epochs(column: Column) -> list[str]:
    """How *column* may count since 1970: by as many digits as these years have, where it is called a time."""
    widths = {len(text) for text in column.texts if text.isdigit()}
    named = score(column.name, TIME) > 0
    return [way for way, digits in (("epoch", 10), ("epoch_ms", 13)) if named and widths == {digits}]


def clock_choices(column: Column) -> list[Choice]:
    """The patterns by which *column* holds times of the day, without a date."""
    return pattern_choices(column, f"{ANY_DATE} ", [f"{ANY_DATE_PATTERN} {clock}" for clock in CLOCKS])


def has_clock(choice: Choice) -> bool:
    """Whether a way of reading times finds more in them than dates."""
    return any(instant % DAY for instant, _ in choice.readings.values())


def with_clock(dates: Sequence[Choice], clock: Choice) -> list[Choice]:
    """The ways of reading *dates*, each joined with that of a *clock* in another column."""
    of_day = clock.how[0].removeprefix(f"{ANY_DATE_PATTERN} ")
    names = [ANY_DATE_PATTERN if date.how == (ISO,) else date.how[0] for date in dates]
    return [date._replace(how=(f"{name} {of_day}",)) for name, date in zip(names, dates, strict=True)]


def pattern_choices(column: Column, before: str, patterns: Iterable[str]) -> list[Choice]:
    first = [value.text for value in column.values[:FIRST_VALUES]]
    ways: dict[Way, Reading] = {(pattern,): time_way(pattern, before) for pattern in patterns}
    likely = {choice.how: ways[choice.how] for choice in choices(first, ways)}
    return choices(column.texts, likely)


def time_way(pattern: str, before: str) -> Reading:
    moments = Moments([known_pattern(pattern)], ZoneInfo("UTC"))
    return lambda text: moments.read(before + text)


def time_patterns(column: Column) -> Iterator[str]:
    """The patterns that the first value of *column* fits."""
    first = column.values[0].text if column.values else ""
    for date in DATES:
        match = known_pattern(date).date.match(first)
        if match:
            yield from (date + rest for rest in endings(first[match.end() :]))


def endings(rest: str) -> Iterator[str]:
    """The patterns that *rest* fits, which stands behind a date."""
    if not rest:
        yield ""
    for joint, clock, offset in product(JOINTS, CLOCKS, OFFSETS):
        shape = known_pattern(f"{ANY_DATE_PATTERN} {clock}{offset}").clock
        if rest.startswith(joint) and shape.fullmatch(f" {rest.removeprefix(joint)}"):
            yield joint + clock + offset


@cache
def known_pattern(text: str) -> Pattern:
    return pattern_of(text)
