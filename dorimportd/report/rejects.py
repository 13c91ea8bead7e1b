"""The rejects of a file as a CSV file again: mended in a spreadsheet, it can be sent as it is.

Each row is told as it stands in the file, with the delimiter and the quotes of the file, below the file's own
header and what stands above that.  In front stand three columns more; since columns go by their names, the
format reads the rest as ever.  Where the format goes by numbers they stand behind, and a row that is too
short is filled up, so that they never come into the place of a column that is read.

A spreadsheet runs a cell as a formula that begins with = or another such sign.  An apostrophe in front, as in
other tables, would be imported as a part of an ID; here it is a blank that does not break.  That makes text
of the cell, and the reader passes over blanks around any value.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from dorimportd.parse.again import Original, Standing, counts_fields
from dorimportd.parse.format import Format
from dorimportd.parse.naming import folded
from dorimportd.parse.rows import Dialect
from dorimportd.report.tables import FORMULA

COLUMNS: Final = ("line", "column", "rule")
MARKS: Final = ("\u00a0", "\u3000")  # blanks that do not break; not every encoding has the first
LINE_ENDS: Final = "\r\n"
FALLBACK_END: Final = "\r\n"  # RFC 4180 section 2


class Why(NamedTuple):
    """What is wrong with a row."""

    column: str
    rule: str


def mendable(original: Original, rejects: Mapping[int, Why], format: Format) -> Iterator[str]:
    """The rows of *original* that are *rejects*, by their lines, as CSV by *format*, a row at a time."""
    dialect, blank = format.dialect, blank_of(format.encoding)
    mark = marker(dialect, blank)
    yield from map(mark, original.preamble)
    end = line_end(original.header) or FALLBACK_END
    join = joined_behind if counts_fields(format) else joined_in_front
    if original.header:
        row = Standing(0, list(original.names), mark(original.header))
        yield join(row, new_cells(titles(original.names), dialect), original.width, dialect.delimiter) + end
    for row in original.pick(rejects):
        why = rejects[row.line]
        added = new_cells((str(row.line), *(harmless(each, blank) for each in why)), dialect)
        marked = row._replace(text=mark(row.text))
        yield join(marked, added, original.width, dialect.delimiter) + (line_end(row.text) or end)


def titles(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the three columns, other than those that the file has."""
    taken = set(map(folded, names))
    return tuple(f"reject {name}" if name in taken else name for name in COLUMNS)


def joined_in_front(row: Standing, added: str, width: int, delimiter: str) -> str:
    return f"{added}{delimiter}{row.text.rstrip(LINE_ENDS)}"


def joined_behind(row: Standing, added: str, width: int, delimiter: str) -> str:
    filling = delimiter * max(0, width - len(row.fields))
    return f"{row.text.rstrip(LINE_ENDS)}{filling}{delimiter}{added}"


def line_end(text: str) -> str:
    return text[len(text.rstrip(LINE_ENDS)) :]


def new_cells(cells: tuple[str, ...], dialect: Dialect) -> str:
    """*cells* as the file would write them."""
    if not dialect.quote:  # then nothing may stand in them that ends a cell
        ends = re.compile(f"[{re.escape(dialect.delimiter)}{LINE_ENDS}]")
        return dialect.delimiter.join(ends.sub(" ", cell) for cell in cells)
    text = io.StringIO()
    csv.writer(text, delimiter=dialect.delimiter, quotechar=dialect.quote, lineterminator="").writerow(cells)
    return text.getvalue()


def blank_of(encoding: str) -> str:
    """The first of the marks that *encoding* has."""
    return next(mark for mark in MARKS if mark.encode(encoding, errors="ignore"))


def harmless(cell: str, blank: str) -> str:
    """*cell* with *blank* in front if a spreadsheet would take it for a formula."""
    return f"{blank}{cell}" if FORMULA.match(cell) else cell


def marker(dialect: Dialect, blank: str) -> Callable[[str], str]:
    """What makes the cells of a row harmless and leaves its text as it is otherwise.

    The text and not the fields, which would be quoted anew: a quote that stands wrong must stay so.
    """
    quote, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
    quoted = (
        f"(?:{quote}(?P<inner>(?:[^{quote}]|{quote}{quote})*+){quote})?" if quote else r"(?P<inner>(?!))?"
    )
    field = re.compile(rf"{quoted}(?P<rest>[^{delimiter}]*)(?:{delimiter}|\Z)")

    def mark(found: re.Match[str]) -> str:
        inner = found["inner"]
        cell = (inner or "") + found["rest"].rstrip(LINE_ENDS)
        if not FORMULA.match(cell):
            return found[0]
        return f"{dialect.quote}{blank}{found[0][1:]}" if inner is not None else f"{blank}{found[0]}"

    return lambda text: field.sub(mark, text)
