"""The last row of a file that does not end with a line end: is it whole, or was the file cut off in it?

Many tills write no line end behind the last row, and a file that was cut off has none either.  Then 1249.00
may have become 12, and 2026-07-14 16:52 a day's midnight, and nothing else would tell it.  So the last value
is compared with those above it, wherever these are all alike:

    they have one length and digits in them       it must not be shorter
    they have one number of decimal places        it must have that, too
    their digits stand between the same signs     these must not break off

Where they are not alike, as with counted IDs or names of places, nothing can be told.
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

DIGITS: Final = re.compile("[0-9]+")
DECIMALS: Final = re.compile(r"([.,])([0-9]+)[^0-9]*\Z")
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
    if len(above) < FEWEST:
        return None
    length, decimals, signs = common(len, above), common(decimals_of, above), common(signs_of, above)
    is_shorter = length is not None and len(value) < length and all(map(DIGITS.search, above))
    has_fewer = bool(decimals) and decimals_of(value) != decimals
    breaks_off = signs is not None and signs_of(value) != signs and signs.startswith(signs_of(value))
    return above[-1] if is_shorter or has_fewer or breaks_off else None


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
