"""Two lanes for the rows of a file: one that decides, and one that is fast.

    text ──> opening ──────────────────────────────> reference lane   row by row: rows.py, convert.py
        └──> further pieces ─ each line a row? ─ no ─>
                                  │ yes                     ^ rows that are not plainly right
                                  └───────────────> fast lane         whole columns at once: fast.py

The reference lane alone says what a row is and what is right.  The fast lane takes what it can prove to
come out the same, asks the readers of the reference lane for each distinct text, and hands over every other
row.  A small file never gets as far as the fast lane, nor is what it needs imported for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from dorimportd.parse.arrow_libraries import load_arrow_libraries
from dorimportd.parse.decode import line_ends, split_lines
from dorimportd.parse.rows import KEPT_LINES, Dialect, Rows

# Between any two characters so far apart stands the end of a line, in a piece that is plain: csv's longest
# field is longer than twice that.
LINE_CHARACTERS: Final = 50_000
# Less is read row by row at once: the end of a small file whose last line has no end, above all.
LEAST_CHARACTERS: Final = 65_536
BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of which each line is a row."""

    first: int  # line of the file, from 1
    text: str

    @property
    def count(self) -> int:
        """Of lines."""
        return self.text.count("\n")

    def chosen(self, numbers: Iterable[int]) -> dict[int, str]:
        """The lines of these *numbers*."""
        lines = self.text.split("\n")
        return {number: lines[number - self.first] for number in numbers}

    def last_lines(self) -> list[str]:
        """Some of them, with their ends."""
        return [f"{line}\n" for line in self.text.rsplit("\n", KEPT_LINES + 1)[-KEPT_LINES - 1 : -1]]

    def rows(self, dialect: Dialect) -> Rows:
        """All of them, for the reference lane."""
        return Rows([split_lines(self.text)], dialect, self.first)

    def first_row(self, dialect: Dialect) -> list[str]:
        line, _, _ = self.text.partition("\n")
        return next(dialect.reader([line]), [])


class Below(NamedTuple):
    """The text of a file behind its header."""

    opening: Sequence[str]  # its first lines
    first: int  # number of the first of these
    texts: Iterator[str]  # that follow, each up to the end of a line
    dialect: Dialect
    used: Collection[int]  # places in a row that matter


class Lanes:
    """The text of a file, cut into what either lane reads.

    *is_quick* says whether the fast lane is of use now.
    """

    def __init__(self, below: Below, is_quick: Callable[[], bool]) -> None:
        self._opening, self._line, self._texts, self._dialect, self._used = below
        self._is_quick = is_quick
        self._text: str | None = ""  # that comes next; None at the end
        self._rows: Rows | None = None
        self._above: list[str] = []  # some lines before the next

    def __iter__(self) -> Iterator[Rows | Piece]:
        """Rows are to be taken to their end before the next is asked for."""
        yield self._slowly(self._opening)
        while self._text is not None:
            if is_empty(self._text):
                self._line += line_ends(self._text)
                self._text = next(self._texts, None)
            elif self._may_be_quick(self._text):
                piece = Piece(self._line, self._text)
                yield piece
                self._above = [*self._above, *piece.last_lines()][-KEPT_LINES:]
                self._line += piece.count
                self._text = next(self._texts, None)
            else:
                yield self._slowly(split_lines(self._text))

    def _slowly(self, lines: Sequence[str]) -> Rows:
        """Rows that begin with *lines*."""
        self._rows = Rows(self._blocks(lines), self._dialect, self._line, self._used, self._above)
        return self._rows

    def _blocks(self, lines: Sequence[str]) -> Iterator[Sequence[str]]:
        """*lines* and those that follow, up to a piece for the other lane."""
        yield lines
        assert self._rows is not None
        while (text := next(self._texts, None)) is not None:
            if self._rows.is_between_rows and self._is_over(text):
                self._line = self._rows.next_line
                self._above = self._rows.last_lines
                self._text = text
                return
            yield split_lines(text)
        self._text = None

    def _is_over(self, text: str) -> bool:
        """Whether *text*, which begins with a row, is for others than the reference lane."""
        return is_empty(text) or self._may_be_quick(text)

    def _may_be_quick(self, text: str) -> bool:
        return len(text) >= LEAST_CHARACTERS and self._is_quick() and is_plain(text, self._dialect)


def is_empty(text: str) -> bool:
    """Whether no line of *text* holds anything: a file may have millions of these, and none is a row."""
    return text[:1] in ("\n", "\r") and not text.strip("\r\n")


def is_plain(text: str, dialect: Dialect) -> bool:
    """Whether each line of *text*, which begins with a row, is surely a row, and a whole one."""
    if not ends_line(text):
        return False
    if text.startswith(BYTE_ORDER_MARK):  # here it is a character, but Arrow takes it away
        return False
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return False
    places = range(0, len(text) - LINE_CHARACTERS, LINE_CHARACTERS)
    if any(text.find("\n", place, place + LINE_CHARACTERS) < 0 for place in places):
        return False
    if not dialect.quote or dialect.quote not in text:
        return True
    load_arrow_libraries()
    from dorimportd.parse.bulk import all_match

    return all_match(text, dialect.quote, well_quoted(dialect))


def ends_line(text: str) -> bool:
    return text.endswith(("\n", "\r"))


def well_quoted(dialect: Dialect) -> str:
    """The regular expression (RE2) of a line with quotes that stand where csv's dialects have them."""
    quote, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
    field = rf"(?:{quote}(?:[^{quote}]|{quote}{quote})*{quote}|[^{quote}{delimiter}]*)"
    return rf"^{field}(?:{delimiter}{field})*\r?$"
