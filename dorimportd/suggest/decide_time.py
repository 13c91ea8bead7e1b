"""The time of a sale: which columns, by which pattern, in which zone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from dorimportd.parse.values import BadValue
from dorimportd.parse.zone import zone_of
from dorimportd.suggest.clues import Column, Finding, told, which
from dorimportd.suggest.readings import Choice, clock_choices, disputed, has_clock, time_choices, with_clock
from dorimportd.suggest.roles import TIME, best, rivals
from dorimportd.toml.text import quoted, table

# A zone in a name, and the offset in "UTC+2", which makes it another zone; a time with its own offset.
UTC: Final = re.compile(r"(?<![^\W_])(?:utc|gmt)(?![^\W_])( ?[-+] ?[0-9]+)?", re.IGNORECASE)
OWN_OFFSET: Final = re.compile(r":[0-9.,]+ ?(?:Z|[-+][0-9]{2}(?::?[0-9]{2})?)$", re.IGNORECASE)
ZONE: Final = re.compile(
    r"time ?zone|zeitzone|fuseau|huso|fuso|tijdzone|(?<![^\W_])tz(?![^\W_])", re.IGNORECASE
)
# A day that may end after midnight.
BUSINESS_DAY: Final = re.compile("business|trading|fiscal|geschäftstag|buchungstag|kassentag", re.IGNORECASE)
MAYBE_ZONE: Final = re.compile(r"(?<![^\W_])zone(?![^\W_])", re.IGNORECASE)  # of a clock, or of a town

Said = tuple[str, Finding]


def find_times(columns: Sequence[Column], bare: bool) -> tuple[tuple[Column, ...], list[Said]]:
    """The column or columns of the time, and what to say of them and of their pattern."""
    dated = {column.name: choices for column in columns if (choices := time_choices(column))}
    candidates = [column for column in columns if column.name in dated]
    if not candidates:
        column = (*best(columns, TIME), *columns)[0]
        finding = Finding(quoted(column.name), "", "no column holds dates of a known kind")
        return (column,), [("time", finding)]
    found = best(candidates, TIME) or candidates
    date, dates = found[0], dated[found[0].name]
    doubt = which(date, rivals(found, TIME), "the time of the sale")
    if has_clock(dates[0]):
        return (date,), time_findings((date,), dates, doubt)
    clocks = {column.name: choices for column in columns if (choices := clock_choices(column))}
    timed = [column for column in columns if column.name in clocks and column is not date]
    # Where no name tells it, only what is written as a clock is one: 1152 may be so much else.
    written = [each for each in timed if all(":" in text for text in each.texts)]
    beside = best(timed, TIME) or written or (timed if bare else [])
    if not beside:
        midnight = "there is no time of the day, and each sale is put at midnight; is there a column for it?"
        return (date,), time_findings((date,), dates, doubt or midnight)
    if BUSINESS_DAY.search(date.name):
        doubt = doubt or f"is `{date.name}` that of the clock, also after midnight?"
    guess = f"is {beside[0].values[0]} the time of the day?" if bare and beside[0] not in written else ""
    doubt = doubt or guess or which(beside[0], rivals(beside, TIME), "the time of the day")
    times = (date, beside[0])
    return times, time_findings(times, with_clock(dates, clocks[beside[0].name][0]), doubt)


def time_findings(times: Sequence[Column], choices: Sequence[Choice], doubt: str) -> list[Said]:
    """What to say of *times* and of the pattern of what they hold together."""
    names = [column.name for column in times]
    reason = "; ".join(map(told, times))
    finding = Finding(quoted(names if len(names) > 1 else names[0]), reason, doubt)
    return [("time", finding), *pattern_of_times(times, choices)]


def pattern_of_times(times: Sequence[Column], found: Sequence[Choice]) -> Iterator[Said]:
    """What to say of the pattern of the dates in the first of *times*."""
    ways = list(dict.fromkeys(choice.how[0] for choice in found))
    chosen = min(found, key=unlikeliness).how[0]
    open_value = disputed(found, times[0].values)
    question = f"{open_value} fits {' and '.join(ways)}; which is meant?"
    if not any(way.startswith("%y") for way in ways):
        question += " A sample with a day after the 12th decides"
    doubt = question if open_value else ""
    latest = max(times[0].values, key=lambda value: value.text)
    yield "time_format", Finding(quoted(chosen), f"all dates fit, such as {latest}", doubt)


def unlikeliness(dates: Choice) -> tuple[bool, int]:
    """By which of several ways to read the dates the likeliest is the least.

    Where the clock has twelve hours the month mostly stands before the day.  Beyond that the sales of one
    file are rather of one week than of several years.
    """
    way = dates.how[0]
    instants = [instant for instant, _ in dates.readings.values()]
    return not ("%p" in way and way.startswith("%m")), max(instants) - min(instants)


def find_zone(times: Sequence[Column], others: Sequence[Column]) -> Iterator[Said]:
    """UTC, where a name says so and the values do not say it themselves; or the column that tells the zone.

    Else the customer's zone holds.
    """
    said = all(map(OWN_OFFSET.search, times[-1].texts))
    named = [(column.name, match) for column in times if (match := UTC.search(column.name))]
    if named and not said:
        name, match = named[0]
        doubt = f"`{name}` tells an offset from UTC; in which time zone are the times?" if match[1] else ""
        zone = fixed_zone(match[1]) if match[1] else "UTC"
        yield "timezone", Finding(quoted(zone), f"the name of `{name}` says so", doubt)
        return
    for column in others:
        known = all(map(is_zone, column.texts))
        if column.values and (ZONE.search(column.name) or (known and MAYBE_ZONE.search(column.name))):
            doubt = f"`{column.name}` tells a time zone ({column.values[0]}); is it that of the times?"
            yield ("timezone" if known else ""), Finding(table({"column": quoted(column.name)}), "", doubt)
            return


def fixed_zone(offset: str) -> str:
    """The zone of the full hours in *offset*, as "+2"; IANA turns the sign round."""
    hours = int(offset.replace(" ", ""))
    return f"Etc/GMT{-hours:+d}" if -14 <= -hours <= 12 else "UTC"


def is_zone(text: str) -> bool:
    try:
        zone_of(text)
    except BadValue:
        return False
    return True
