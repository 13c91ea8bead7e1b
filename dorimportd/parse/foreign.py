"""Files that are no text of columns, told by their first bytes: a sentence says what they are instead."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Final

EXPORT_HINT: Final = "Export it as CSV and send that."
UNPACK_HINT: Final = "Unpack it and send the CSV file itself."

# What a file begins with that holds other files.
PACKED: Final[Mapping[bytes, str]] = {
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ\0": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"PK\x03\x04": "a ZIP archive",
}
# An Office document is a ZIP archive; these are names of its parts.
OFFICE: Final[Mapping[bytes, str]] = {
    b"xl/": "an Excel workbook (.xlsx)",
    b"word/": "a Word document (.docx)",
    b"opendocument.spreadsheet": "a LibreOffice spreadsheet (.ods)",
    b"[Content_Types].xml": "an Excel workbook or another Office document",
    b"_rels/.rels": "an Excel workbook or another Office document",
}
# What a file begins with that is no text of columns.
DOCUMENTS: Final[Mapping[bytes, str]] = {
    b"%PDF-": "a PDF document",
    b"\x89PNG\r\n\x1a\n": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"II*\0": "a picture (TIFF)",
    b"MM\0*": "a picture (TIFF)",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Excel or Office document of the old kind (.xls)",
    b"{\\rtf": "a rich text document (RTF)",
    b"SQLite format 3\0": "an SQLite database",
    b"PAR1": "a Parquet file",
}
MARKUP: Final[Mapping[bytes, str]] = {
    b"<!doctype html": "a web page (HTML)",
    b"<html": "a web page (HTML)",
    b"<?xml": "an XML document",
}


def what_it_is_instead(head: bytes) -> str | None:
    """A sentence about a file that begins with *head*, when that is no text of columns."""
    packed = next((kind for mark, kind in PACKED.items() if head.startswith(mark)), None)
    if packed == "a ZIP archive" and (
        office := next((OFFICE[name] for name in OFFICE if name in head), None)
    ):
        return f"The file is {office}, not CSV. {EXPORT_HINT}"
    if packed:
        return f"The file is {packed}. {UNPACK_HINT}"
    beginning = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    kinds = [kind for mark, kind in DOCUMENTS.items() if head.startswith(mark)]
    kinds += [kind for mark, kind in MARKUP.items() if beginning.startswith(mark)]
    return f"The file is {kinds[0]}, not CSV. {EXPORT_HINT}" if kinds else None
