"""The last row of a file that does not end with a line end: is it whole, or was the file cut off in it?

Many tills write no line end behind the last row, and a file that was cut off has none either.  Then 1249.00
may have become 12, and 2026-07-14 16:52 a day's midnight, and nothing else would tell it.  So the last value
is compared with those above it, wherever these are all alike:

    they have one number of decimal places        it must not have fewer, if zeros are written there
    their digits stand between the same signs     these must not break off, nor the last two digits of a clock
    they have one length and digits in them       it must not be the beginning of one of them

A row that is whole and is doubted is missed by a shop, and many more files have no last line end than are cut
off.  So a few rows above prove only what hardly any till writes by itself; where words break off (Berlin
below Berlin Mitte), where no amount ends with a zero, or where the field is empty, it takes many.  Whole
numbers of different lengths prove nothing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple, TypeVar

from dorimportd.parse.fit import printable
from dorimportd.parse.format import Format
from dorimportd.parse.header import Header
from dorimportd.parse.rows import Dialect

V = TypeVar("V")

FEWEST: Final = 2  # values above that make a rule
MANY: Final = 50  # the same where a value may be unlike them by itself

DIGITS: Final = re.compile("[0-9]+")
DECIMALS: Final = re.compile(r"([.,])([0-9]+)[^0-9]*\Z")
LAST_ZERO: Final = re.compile(r"0[^0-9]*\Z")
ONE_DIGIT: Final = re.compile(r":[0-9]\Z")  # at the end of a clock
PADDED: Final = re.compile(r"[^0-9]0[0-9]")  # within a date
# What several languages write when the seconds, or a fraction of them, are zero.
SHORT_CLOCK: Final = re.compile(r"T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?\Z")
SIGN: Final = " \t\u00a0+-"


class Torn(NamedTuple):
    """A field that may be cut off."""

    place: int
    rule: str


def used_places(format: Format, header: Header) -> frozenset[int]:
    """Where in a row the columns stand that the format speaks of."""
    numbers = (number for number in (format.columns or {}).values() if isinstance(number, int))
    return frozenset((*header.places.values(), *(number - 1 for number in numbers)))


def torn(above: Sequence[str], last: str, dialect: Dialect, used: Collection[int]) -> Torn | None:
    """The last field of the row *last*, as it stands in the file, where it may be cut off.

    *above* are the lines before; fields other than the *used* ones do not matter.
    """
    if dialect.quote and last.endswith(dialect.quote):  # the field is closed
        return None
    (*rows, row) = [*rows_of(above, dialect), *rows_of([last], dialect)]
    place = len(row) - 1
    if place not in used:
        return None
    value, values = row[place].strip(), [other[place].strip() for other in rows if len(other) == len(row)]
    if not value and "" in values:
        return None
    like = unlike(value, [each for each in values if each])
    if like is None:
        return None
    rule = f"may be cut off, since the file ends in this line: those above are like {printable(like)}"
    return Torn(place, rule)


def rows_of(lines: Sequence[str], dialect: Dialect) -> list[list[str]]:
    """The rows of these lines; none where they begin within a row that cannot be read so."""
    try:
        return list(dialect.reader(lines))
    except csv.Error:
        return []


def unlike(value: str, above: Sequence[str]) -> str | None:
    """One of the values *above*, where *value* is unlike all of them in a way that a cut makes."""
    many = len(above) >= MANY
    if len(above) < FEWEST or not (value or many):
        return None
    torn = has_fewer(value, above, many) or breaks_off(value, above, many) or is_beginning(value, above)
    return above[-1] if torn else None


def has_fewer(value: str, above: Sequence[str], many: bool) -> bool:
    """Whether it lacks decimal places that all others have, and not because its own would be zeros."""
    places, own = common(decimals_of, above), decimals_of(value)
    if places is None or (own is not None and own[0] == places[0] and own[1] >= places[1]):
        return False
    return many or any(map(LAST_ZERO.search, above))


def breaks_off(value: str, above: Sequence[str], many: bool) -> bool:
    """Whether the signs between its digits are only the first of those that all others have."""
    signs, own = common(signs_of, above), signs_of(value)
    if signs is None or not signs.startswith(own) or SHORT_CLOCK.search(value):
        return False
    if signs.count("0") == 2 and all(map(decimals_of, above)):  # amounts, see has_fewer
        return False
    if own == signs:
        return ONE_DIGIT.search(value) is not None and not any(map(ONE_DIGIT.search, above))
    words, digit, _ = signs.partition("0")
    may_stand_alone = not digit or " " in words or own.count("0") == signs.count("0")
    return many or not may_stand_alone


def is_beginning(value: str, above: Sequence[str]) -> bool:
    """Whether one of them begins with it, where they are codes, numbers or dates of one length."""
    length = common(len, above)
    if length is None or len(value) >= length or any(map(decimals_of, above)):
        return False
    alike = all(map(DIGITS.search, above)) and not any(" " in each for each in above)
    groups = max(len(DIGITS.findall(each)) for each in above)
    is_padded = groups < 2 or any(map(PADDED.search, above))  # a date without zeros may be shorter by itself
    return alike and is_padded and any(each.startswith(value) for each in above)


def decimals_of(value: str) -> tuple[str, int] | None:
    """The last mark in an amount and how many digits stand behind it."""
    found = DECIMALS.search(value)
    return found and (found[1], len(found[2]))


def signs_of(value: str) -> str:
    """What stands between the digits, without a sign in front."""
    return DIGITS.sub("0", value.lstrip(SIGN))


def common(ask: Callable[[str], V], values: Sequence[str]) -> V | None:
    """What all *values* have in common; None when they differ."""
    found = set(map(ask, values))
    return found.pop() if len(found) == 1 else None
