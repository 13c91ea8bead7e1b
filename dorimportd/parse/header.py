"""Which line names the columns, and which of them are meant.

The header is the first line, of the first hundred, that names every column the format uses.  What stands
above it is the preamble.  Neither the order of the columns nor others between them matter.  A format may
say instead on which line the header is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dorimportd.errors import HoldFile
from dorimportd.parse.naming import Naming, folded
from dorimportd.parse.rows import Dialect, misquoted

HEADER_LINES: Final = 100  # of the file, in which the header must be


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of one file."""

    names: tuple[str, ...]  # as the file writes them, without the blanks around them
    last_line: int  # on which the header ends
    places: Mapping[str, int]  # by folded name, where the names are that the format uses
    first_line: int = 1  # on which it begins; what stands above it is the preamble

    @property
    def width(self) -> int:
        """How many fields a row has.  Columns without a name at the end are surplus delimiters."""
        return max((place for place, name in enumerate(self.names, 1) if name), default=0)


def find_header(
    lines: Sequence[str],
    wanted: Sequence[str],
    dialect: Dialect,
    naming: Naming = folded,
    at: int | None = None,
) -> Header | None:
    """The header among *lines*, the first of a file; None when no line has all the *wanted* columns.

    With *at* no other line than this one, counted from 1, is asked.  Raises HoldFile when one of the
    columns is there twice, and when the header may have swallowed rows.
    """
    needed = {naming(name) for name in wanted}
    for first_line, last_line, row in candidates(lines, dialect, at):
        found = [naming(name) for name in row]
        if needed <= set(found):
            refuse_doubles([name for name in wanted if found.count(naming(name)) > 1], last_line)
            if last_line > first_line and (flaw := misquoted(lines[first_line - 1 : last_line], dialect)):
                raise HoldFile(f"The header in line {first_line} {flaw}.")
            names = tuple(name.strip() for name in row)
            places = {name: found.index(name) for name in needed}
            return Header(names, last_line, places, first_line)
    return None


def candidates(
    lines: Sequence[str], dialect: Dialect, at: int | None = None
) -> Iterator[tuple[int, int, list[str]]]:
    """The rows that might be the header, each with its first line and its last.

    Each line is tried as the beginning of a row, since in a preamble a quote need not be closed.
    """
    wanted = range(HEADER_LINES) if at is None else range(at - 1, at)
    for place in wanted[: max(0, len(lines) - wanted.start)]:
        reader = dialect.reader(lines[place : place + HEADER_LINES])
        try:
            row = next(reader)
        except csv.Error:  # a field longer than names are
            continue
        yield place + 1, place + reader.line_num, row


def refuse_doubles(doubles: Iterable[str], line: int) -> None:
    """Raises HoldFile when there are *doubles*, names that the header in this line has more than once."""
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(doubles))
    if names:
        raise HoldFile(
            f"The header in line {line} has {names} more than once, so that it is not known which is meant."
        )
