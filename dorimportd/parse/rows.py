"""Physical lines into rows that know where they stand.

What a row is, Python's csv module says; here is added on which lines it stood, and that a quote which is
closed too late, or never, is found out rather than taken for the rows that it swallows.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol

from dorimportd.errors import HoldFile
from dorimportd.parse.decode import line_ends

ROW_CHARACTERS: Final = 1_048_576
RAW_CHARACTERS: Final = 10_000  # of a row that are told


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file marks its fields."""

    delimiter: str
    quote: str  # empty when fields are never quoted

    def reader(self, lines: Iterable[str]) -> Any:
        """csv's reader of *lines*; it is of a type without a public name."""
        if not self.quote:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, quotechar=None)
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote)


class Taken(Protocol):
    """Where rows come from."""

    flaw: str  # the rule that the row breaks which was taken last; empty when it breaks none

    def take(self, limit: int) -> Iterator[tuple[int, list[str]]]:
        """The next rows, each with the number of the line on which it begins."""

    def raw(self, begin: int) -> str:
        """The row taken last, which begins on this line, as it stands in the file."""


class ChosenRows:
    """The rows that single *lines* of a file are, by their numbers."""

    flaw = ""

    def __init__(self, lines: Mapping[int, str], dialect: Dialect) -> None:
        self._lines = lines
        self._rows = zip(lines, dialect.reader(lines.values()), strict=True)
        self._left = len(lines)

    @property
    def ended(self) -> bool:
        """Whether the last row was taken."""
        return not self._left

    def take(self, limit: int) -> Iterator[tuple[int, list[str]]]:
        for row in islice(self._rows, limit):
            self._left -= 1
            yield row

    def raw(self, begin: int) -> str:
        return self._lines[begin].rstrip("\r\n")[:RAW_CHARACTERS]


class Rows:
    """The rows of the lines in *blocks*, of which the first is line *first*.  A blank line has no fields."""

    def __init__(self, blocks: Iterable[Sequence[str]], dialect: Dialect, first: int = 1) -> None:
        self.ended = False  # whether the last row was taken
        self.flaw = ""  # the rule that the row breaks which was taken last; empty when it breaks none
        self._dialect = dialect
        self._begin = first  # of the next row, or of the one that is being read
        self._lines: Sequence[str] = ()  # those of the current row, and others that came with it
        self._lines_begin = first
        self._before = first - 1
        self._reader = dialect.reader(self._feed(blocks))

    @property
    def is_between_rows(self) -> bool:
        """Whether no line that was read so far belongs to a row that is still to come."""
        return self.next_line == self._lines_begin + len(self._lines)

    @property
    def next_line(self) -> int:
        """On which the next row begins."""
        return self._begin

    def take(self, limit: int) -> Iterator[tuple[int, list[str]]]:
        """The next *limit* rows, or fewer, each with the number of the line on which it begins.

        Raises HoldFile at a row that is too long and at a quote that is not closed.
        """
        reader, before = self._reader, self._before
        try:
            for row in islice(reader, limit):
                # A row that comes when there are no more lines has been waiting for its quote.
                if self.ended:
                    waiting = self._read_for(self._begin)
                    raise HoldFile(not_closed(waiting, self._dialect, self._begin, "at all"))
                begin, self._begin = self._begin, before + reader.line_num + 1
                one_line = self._begin - begin == 1
                self.flaw = "" if one_line else misquoted(self._read_for(begin), self._dialect)
                yield begin, row
        except csv.Error as error:
            raise HoldFile(too_long(self._read_for(self._begin), self._dialect, self._begin)) from error

    def raw(self, begin: int) -> str:
        """The last row, which begins on line *begin*, as it stands in the file, cut when it is long."""
        return "".join(self._read_for(begin))[: RAW_CHARACTERS + 2].rstrip("\r\n")[:RAW_CHARACTERS]

    def _read_for(self, begin: int) -> Sequence[str]:
        """The lines that were read so far for the row that begins on line *begin*."""
        end = self._before + self._reader.line_num
        return self._lines[begin - self._lines_begin : end + 1 - self._lines_begin]

    def _feed(self, blocks: Iterable[Sequence[str]]) -> Iterator[str]:
        for block in blocks:
            unfinished = self._lines[self._begin - self._lines_begin :]
            if sum(map(len, unfinished)) > ROW_CHARACTERS:
                raise HoldFile(f"The row in line {self._begin} is longer than {ROW_CHARACTERS:,} characters.")
            self._lines, self._lines_begin = [*unfinished, *block], self._begin
            yield from block
        self.ended = True


def misquoted(lines: Sequence[str], dialect: Dialect) -> str:
    """The rule that a row over several *lines* breaks; empty when each quote in it stands where it should.

    The csv module takes a quote that is closed in the middle of a field, and so would take two such
    quotes in two rows for one field and what stands between them for its text.  Blanks between a closing
    quote and the end of its field are no harm.
    """
    quote, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
    quoted = f"{quote}[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+{quote} *"
    field = rf"(?:{quoted}|(?!{quote})[^{delimiter}\r\n]*)"
    if re.fullmatch(rf"(?:{field}{delimiter})*+{field}[\r\n]*", "".join(lines)):
        return ""
    return f"goes over {len(lines)} lines, and a quote in it is closed in the middle of a field"


def too_long(lines: Sequence[str], dialect: Dialect, first: int) -> str:
    """A sentence about the row that begins with line *first* and has too long a field in *lines*."""
    limit = f"{csv.field_size_limit():,} characters"
    if open_quote_in(lines, dialect) is not None:
        return not_closed(lines, dialect, first, f"within {limit}")
    return f"The row in line {first} has a field of more than {limit}."


def not_closed(lines: Sequence[str], dialect: Dialect, first: int, where: str) -> str:
    """A sentence about the quote that is opened in *lines* and swallows what follows."""
    place = first + (open_quote_in(lines, dialect) or 0)
    return f"The quote ({dialect.quote}) that is opened in line {place} is not closed {where}."


def open_quote_in(lines: Sequence[str], dialect: Dialect) -> int | None:
    """At which of *lines*, all of one row, the quote stands that is open at their end; None when none is."""
    if not dialect.quote:
        return None
    quote, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
    quoted = f"{quote}(?:[^{quote}]|{quote}{quote})*+{quote}"
    # A quote in a field that does not begin with one is a character like others.
    field = re.compile(rf"(?:{quoted}|(?!{quote}))[^{delimiter}]*(?:{delimiter}|\Z)")
    text, place = "".join(lines), 0
    while place < len(text):
        match = field.match(text, place)
        if match is None:
            return line_ends(text[:place])
        place = match.end()
    return None
