"""Rows of a file once more, as they stand in it: for whoever has to mend them.

The same bytes, read by the same format, have the same rows on the same lines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from dorimportd.parse.convert import BATCH_ROWS
from dorimportd.parse.decode import decode
from dorimportd.parse.format import Format, sources_in
from dorimportd.parse.opening import header_of, open_rows
from dorimportd.parse.rows import Rows
from dorimportd.parse.unpack import unpacked


class Standing(NamedTuple):
    """A row as it stands in its file."""

    line: int  # on which it begins
    fields: list[str]
    text: str  # with its line end, if it has one


class Original(NamedTuple):
    """A file of which some rows are wanted once more."""

    preamble: Sequence[str]  # the lines above the header, with their ends
    header: str  # with its end; empty where there is none
    names: tuple[str, ...]  # of the columns, where there is a header
    width: int  # the fields of a row, by the header or else the first row, and the numbers of the format
    rows: Rows

    def pick(self, lines: Collection[int]) -> Iterator[Standing]:
        """The rows that begin on these *lines*, in the order of the file; only once."""
        left = len(lines)
        while left and not self.rows.ended:
            for line, row in self.rows.take(BATCH_ROWS):
                if line in lines:
                    left -= 1
                    yield Standing(line, row, self.rows.whole(line))


def open_again(stream: BinaryIO, format: Format, name: str) -> Original:
    """The file *name* in *stream*, once more from its beginning.  Raises HoldFile."""
    opening = next(decode(unpacked(stream), format.encoding), [])
    header = header_of(opening, format)
    above, below = opening[: header.first_line - 1], opening[header.first_line - 1 : header.last_line]
    first = len(header.names) or first_width(stream, format, name)
    opened = open_rows(stream, format, name)
    width = max(first, opened.columns.width)
    return Original(above, "".join(below), header.names, width, opened.all_rows())


def first_width(stream: BinaryIO, format: Format, name: str) -> int:
    """The fields of the first row, by which the others are measured where there is no header."""
    rows = open_rows(stream, format, name).all_rows()
    return next((len(row) for _, row in rows.take(BATCH_ROWS) if row), 0)


def counts_fields(format: Format) -> bool:
    """Whether a further column in front would shift what *format* reads."""
    return any(isinstance(meant, int) for meant in (format.columns or {}).values())


def looks_above(format: Format) -> bool:
    """Whether a row may take a value from another one above it."""
    return any(source.above is not None for _, value in format for source in sources_in(value))


def looks_at_name(format: Format) -> bool:
    """Whether a value comes from the name of the file."""
    return any(source.file_name is not None for _, value in format for source in sources_in(value))
