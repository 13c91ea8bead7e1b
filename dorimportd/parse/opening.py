"""A file of which the header is read: its columns, and the text below."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from dorimportd.errors import HoldFile
from dorimportd.parse.columns import Columns, Surroundings
from dorimportd.parse.decode import split_lines, text_of
from dorimportd.parse.fit import explain
from dorimportd.parse.format import Format
from dorimportd.parse.header import Header, find_header
from dorimportd.parse.keys import NO_HEADER
from dorimportd.parse.lanes import Below, Lanes
from dorimportd.parse.rows import Rows
from dorimportd.parse.torn import used_places
from dorimportd.parse.unpack import unpacked


class Opened(NamedTuple):
    """A file of which the header was read."""

    header: Header
    columns: Columns
    below: Below

    def all_rows(self) -> Rows:
        """One by one; asked for once, and not together with lanes."""
        rows = next(iter(Lanes(self.below, lambda: False)))
        assert isinstance(rows, Rows)
        return rows


def open_rows(stream: BinaryIO, format: Format, name: str) -> Opened:
    """The file in *stream* from its beginning.  Raises HoldFile."""
    texts = text_of(unpacked(stream), format.encoding)
    opening = split_lines(next(texts, ""))
    header = header_of(opening, format)
    columns = columns_of(format, header, Surroundings(name, preamble_of(opening, header, format)))
    used = used_places(format, header)
    below = Below(opening[header.last_line :], header.last_line + 1, texts, format.dialect, used)
    return Opened(header, columns, below)


def header_of(opening: Sequence[str], format: Format) -> Header:
    """The header of the file that begins with these lines.  Raises HoldFile."""
    if format.header == NO_HEADER:
        return Header((), 0, {})
    at = format.header
    header = find_header(opening, format.wanted, format.dialect, format.naming, at)
    if header is None:
        raise HoldFile(explain(opening, format.wanted, format.dialect, format.naming, at))
    return header


def preamble_of(opening: Sequence[str], header: Header, format: Format) -> list[list[str]]:
    """The rows above the header."""
    lines = opening[: max(0, header.last_line - 1)]
    return [row for line in lines for row in one_row(line, format)]


def one_row(line: str, format: Format) -> list[list[str]]:
    """A line of the preamble, where a quote need not be closed, as the row that it is; or as none."""
    try:
        return list(format.dialect.reader([line]))
    except csv.Error:
        return []


def columns_of(format: Format, header: Header, surroundings: Surroundings) -> Columns:
    """The columns of this file; one without a header has as many as the format has numbers."""
    defined = format.columns or {}
    numbers = [number for number in defined.values() if isinstance(number, int)]
    width = max([header.width, *numbers])
    return Columns(header.names, header.places, width, defined, format.naming, surroundings)
