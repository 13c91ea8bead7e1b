"""Which rows of sample files are what: the header, or none; sales; a footer; rows of other kinds.

A file without a header whose rows begin with a sign for their kind and are of different widths is one of
record types.  What rows of other kinds say above a sale becomes columns of the sale, "Column 3 of H".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from statistics import mode
from typing import Final

from dorimportd.errors import HoldFile
from dorimportd.parse.decode import decode
from dorimportd.parse.fit import listed, printable
from dorimportd.parse.header import HEADER_LINES
from dorimportd.parse.naming import folded
from dorimportd.parse.rows import Dialect, Rows
from dorimportd.suggest.clues import NUMBER, Column, Value

SAMPLE_ROWS: Final = 20_000  # of each sample that are looked at
FOOTER_ROWS: Final = 5  # at the end, among which the footer begins
KINDS: Final = 6  # of rows, at most
KIND_CHARACTERS: Final = 10  # of the sign for a kind, at most

# What a till writes before the sums at the end of a file.
TOTALS: Final = re.compile(
    r"(?:(?:grand|report|overall) )?(?:totals?|sums?|summen?|gesamt\w*|endsumme|insgesamt|totale|totali"
    r"|totaal|totaux|somme|suma|sumas|end of (?:file|report)|eof)\b.*",
    re.IGNORECASE | re.DOTALL,
)
# A date with the name of its month, an ISO 8601 time, a clock with AM or PM, an amount with a currency.
OTHER_VALUE: Final = re.compile(
    r"[0-9]{1,2}[-./ ][A-Za-z]{3,9}[-./ ,]+[0-9]{2,4}\b.*|[0-9]{4}-[0-9]{2}-[0-9]{2}[ T].*"
    r"|[0-9]{1,2}[:.][0-9]{2}.*|[A-Z]{3} ?-?[0-9][0-9.,]*|-?[0-9][0-9.,]* ?[A-Z]{3}"
)

NumberedRow = tuple[int, list[str]]  # the line on which it begins, and its fields


@dataclass(frozen=True, slots=True)
class Trailer:
    """A row of another kind behind all sales."""

    kind: str
    row: tuple[str, ...]
    line: int
    sales: int  # rows before it


@dataclass(frozen=True, slots=True)
class Body:
    """The rows of one sample that may be sales."""

    header: tuple[str, ...]  # the names; "Column 1" and so on, where the sample has none
    line: int  # of the header, or of the first row
    rows: tuple[NumberedRow, ...]
    preamble: tuple[tuple[str, str], ...] = ()  # cells above the header that have one beside them
    bare: bool = False  # whether there is no header
    footer: tuple[str, str] | None = None  # the column, and what stands in it
    kind: str = ""  # of the sales, where there are others
    above: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # made columns: column and kind
    trailer: Trailer | None = None

    @property
    def width(self) -> int:
        """How many fields there are in the widest row that is looked at."""
        return max(
            len(self.header) - len(self.above), *(int(name.split()[1]) for name, _ in self.above.values()), 0
        )


def body_of(sample: bytes, encoding: str, dialect: Dialect) -> Body:
    """The body of *sample*.  Raises HoldFile when it has no rows."""
    rows = list(rows_of(sample, encoding, dialect))
    if not rows:
        raise HoldFile("The file is empty.")
    begin = header_in([row for _, row in rows[:HEADER_LINES]])
    if is_row_of_values(rows[begin][1], [row for _, row in rows[begin + 1 :]]):
        return bare_body(rows)
    line, header = rows[begin]
    sales, footer = without_footer([name.strip() for name in header], rows[begin + 1 :])
    preamble = labelled([row for _, row in rows[:begin]])
    return Body(tuple(header), line, tuple(sales), tuple(preamble), footer=footer)


def labelled(rows: Sequence[Sequence[str]]) -> Iterator[tuple[str, str]]:
    """The cells of *rows* that have another beside them, with that other."""
    for row in rows:
        cells = [cell.strip() for cell in row]
        yield from ((label, cell) for label, cell in pairwise(cells) if label and cell)


def rows_of(sample: bytes, encoding: str, dialect: Dialect) -> Iterator[NumberedRow]:
    """The first rows of *sample* that are not blank."""
    rows = Rows(decode(BytesIO(sample), encoding), dialect).take(SAMPLE_ROWS)
    return ((line, row) for line, row in rows if any(cell.strip() for cell in row))


def header_in(rows: Sequence[Sequence[str]]) -> int:
    """Which of *rows* is the header: the one with most names and fewest numbers, of several the first."""
    return max(range(len(rows)), key=lambda place: (names_in(rows[place]), -place))


def names_in(row: Sequence[str]) -> int:
    """How much *row* looks like a header."""
    cells = [cell.strip() for cell in row]
    numbers = sum(1 for cell in cells if NUMBER.fullmatch(cell))
    return len({cell for cell in cells if cell}) - 3 * numbers


def is_row_of_values(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether *row*, which is most like a header, holds a value where the rows *below* it do."""
    return any(
        is_value(cell) and (not below or sum(is_value(other[place]) for other in below if place < len(other)))
        for place, cell in enumerate(row)
    )


def is_value(cell: str) -> bool:
    """Whether *cell* is an amount, a date or a time, and no name."""
    text = cell.strip()
    return bool(NUMBER.fullmatch(text) or OTHER_VALUE.fullmatch(text))


def without_footer(
    names: Sequence[str], rows: Sequence[NumberedRow]
) -> tuple[Sequence[NumberedRow], tuple[str, str] | None]:
    """The *rows* before the footer, and by which cell it is known: one that speaks of totals.

    A footer has fewer cells than any sale, and in its column no sale says the same.
    """
    begin = max(1, len(rows) - FOOTER_ROWS)
    fewest = min((filled(row) for _, row in rows[:begin]), default=0)
    for end in range(begin, len(rows)):
        cells = filled(rows[end][1])
        if cells < fewest:
            for name, cell in zip(names, rows[end][1], strict=False):
                if name and TOTALS.fullmatch(cell.strip()):
                    return rows[:end], (name, cell.strip())
        fewest = min(fewest, cells)
    return rows, None


def filled(row: Sequence[str]) -> int:
    return sum(1 for cell in row if cell.strip())


def bare_body(rows: Sequence[NumberedRow]) -> Body:
    """The body of a sample without a header: rows of one kind, or of several."""
    kinds = kinds_of(rows)
    if not kinds:
        width = mode(len(row) for _, row in rows)
        return Body(numbered(width), rows[0][0], tuple(rows), bare=True)
    kind = max(kinds, key=lambda each: (kinds[each], each))
    places = [place for place, (_, row) in enumerate(rows) if row[0].strip() == kind]
    first, last = places[0], places[-1]
    above = {
        f"Column {number} of {other}": (f"Column {number}", other)
        for other, width in widths_of(rows[:first]).items()
        for number in range(2, width + 1)
    }
    trailer = next(
        (Trailer(row[0].strip(), tuple(row), line, len(places)) for line, row in rows[last + 1 :]), None
    )
    width = widths_of(rows)[kind]
    sales = tuple(with_others(rows, kind, width, above))
    return Body((*numbered(width), *above), rows[first][0], sales, (), True, None, kind, above, trailer)


def numbered(width: int) -> tuple[str, ...]:
    return tuple(f"Column {number}" for number in range(1, width + 1))


def kinds_of(rows: Sequence[NumberedRow]) -> Counter[str]:
    """The kinds of *rows* by the text they begin with, with the number of each; empty when that is no kind.

    Rows of one kind are alike in width, those of different kinds are not.
    """
    kinds = Counter(row[0].strip() for _, row in rows)
    texts = all(kind and len(kind) <= KIND_CHARACTERS for kind in kinds)
    if not 1 < len(kinds) <= KINDS or not texts or len(rows) <= len(kinds):
        return Counter()
    widths = {(row[0].strip(), len(row)) for _, row in rows}
    alike = len(widths) == len(kinds) and len({width for _, width in widths}) > 1
    return kinds if alike and min(width for _, width in widths) > 1 else Counter()


def widths_of(rows: Sequence[NumberedRow]) -> dict[str, int]:
    return {row[0].strip(): len(row) for _, row in rows}


def with_others(
    rows: Sequence[NumberedRow], kind: str, width: int, above: Mapping[str, tuple[str, str]]
) -> Iterator[NumberedRow]:
    """The rows of *kind*, and behind each of them what the nearest rows above it say."""
    nearest: dict[str, Sequence[str]] = {}
    for line, row in rows:
        nearest[row[0].strip()] = row
        if row[0].strip() == kind:
            others = (nearest[other][int(name.split()[1]) - 1] for name, other in above.values())
            yield line, [*row, *[""] * (width - len(row)), *others]


def columns_of(bodies: Sequence[Body], names: Sequence[str]) -> tuple[Column, ...]:
    """The columns that all samples have, once each, in the order of the first.

    Raises HoldFile when there is none.
    """
    headers = [[folded(name) for name in body.header] for body in bodies]
    values: dict[str, list[Value]] = {}
    spelled = dict(zip(headers[0], bodies[0].header, strict=True))
    common = [name for name in spelled if name and all(header.count(name) == 1 for header in headers)]
    if not common:
        told = [
            f"{printable(file)} has {listed(body.header)}" for body, file in zip(bodies, names, strict=True)
        ]
        raise HoldFile(f"The samples have no column in common: {'; '.join(told)}.")
    number = 0
    for body, header, file in zip(bodies, headers, names, strict=True):
        places = [(name, header.index(name)) for name in common]
        for line, row in body.rows:
            where = f"line {line}" if len(bodies) == 1 else f"line {line} of {printable(file)}"
            for name, place in places:
                if place < len(row) and (text := row[place].strip()):
                    values.setdefault(name, []).append(Value(text, number, where))
            number += 1
    return tuple(Column(spelled[name].strip(), tuple(values.get(name, ()))) for name in common)


def doubles_in(bodies: Sequence[Body]) -> list[str]:
    """The names that a header has more than once."""
    counted = Counter(folded(name) for name in bodies[0].header if name.strip())
    return [name.strip() for name in bodies[0].header if counted[folded(name)] > 1]
