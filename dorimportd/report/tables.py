"""Tables for people, and CSV that a spreadsheet can open without harm."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

# A spreadsheet runs what begins like this, some also in the wide signs; a number with a sign is none of it.
FORMULA: Final = re.compile(r"[\t\r\n]|\s*(?:[=@＝＠＋－]|[+-](?!\d[\d.,]*\s*\Z))")
# Where a comma is the decimal mark, one that opens the file by a click makes cells of what semicolons part.
BEHIND_SEMICOLON: Final = re.compile(r";(?=\s*[=@+\-＝＠＋－])")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> str:
    """A table with *headings*, columns as wide as needed, those named in *right* ending flush.

    Ends with a line end.  None is shown as an empty cell, control characters are escaped.
    """
    cells = [[shown(value) for value in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(headings, *cells, strict=True)]
    flush = [heading in set(right) for heading in headings]
    lines = [headings, ["-" * each for each in widths], *cells]
    return "".join(f"{line(each, widths, flush)}\n" for each in lines)


def line(cells: Sequence[str], widths: Sequence[int], flush: Sequence[bool]) -> str:
    """One line of a table, without blanks at its end."""
    padded = (pad(cell, wide, right) for cell, wide, right in zip(cells, widths, flush, strict=True))
    return "  ".join(padded).rstrip()


def pad(cell: str, wide: int, right: bool) -> str:
    """*cell* in *wide* places."""
    blanks = " " * (wide - width(cell))
    return f"{blanks}{cell}" if right else f"{cell}{blanks}"


def width(text: str) -> int:
    """How many places of a terminal *text* takes."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def shown(value: object) -> str:
    """*value* as a cell, on one line and without what would steer a terminal."""
    text = "" if value is None else str(value)
    return "".join(
        each if unicodedata.category(each) not in ("Cc", "Cf", "Zl", "Zp") else f"\\x{ord(each):02x}"
        for each in text
    )


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterable[str]:
    """CSV by RFC 4180, a line at a time, cells that a spreadsheet would run made harmless."""
    yield csv_line(headings)
    for row in rows:
        yield csv_line(["" if value is None else harmless(str(value)) for value in row])


def csv_line(cells: Sequence[object]) -> str:
    """One line of CSV with its line end."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def harmless(cell: str) -> str:
    """*cell* with an apostrophe in front of what a spreadsheet would take for a formula."""
    text = BEHIND_SEMICOLON.sub(";'", cell) if ";" in cell else cell
    return f"'{text}" if FORMULA.match(cell) else text
