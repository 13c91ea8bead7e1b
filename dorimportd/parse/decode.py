"""Bytes into physical lines, or why they are not text.

A line ends with LF, CR LF or CR, mixed as they come, and keeps its end.  Memory is bounded whatever the
file holds: lines come in lists of some 256 Ki characters, and a longer line than 1 Mi holds the file.
What is not text at all is told by its first bytes.

Encodings in which nearly any bytes are text would take UTF-8 in silence and make "KÃ¶ln" of "Köln".  A file
is UTF-8 instead when, from its beginning, each byte beyond ASCII is part of a UTF-8 character, and

    cp1252, latin-1   one of these characters is an everyday one of western Europe (ö, €), or four differ
    cp932             four of them differ that have three bytes or more; two may be two letters of katakana

Text in these encodings has that by no accident: Ã¶ or â‚¬ would have to stand for themselves, and nowhere an
accented letter beside a plain one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Final, Protocol

from dorimportd.errors import HoldFile

BLOCK_BYTES: Final = 524_288
LINE_CHARACTERS: Final = 1_048_576

HEAD_BYTES: Final = 4_096  # of the file, for a first look

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

MARKS: Final[Mapping[bytes, str]] = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# Encodings as sentences name them; others go by the name that the format uses.
NAMES: Final[Mapping[str, str]] = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 (little-endian)",
    "utf-16-be": "UTF-16 (big-endian)",
    "latin-1": "Latin-1",
}

# Not among these is à, which is Ã and a blank that does not break.
WESTERN: Final = frozenset("ÄÖÜÉÈÇßáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ€£§°‘’“”„–—…")
TELLING: Final = 4  # different characters

# Encodings in which UTF-8 is text as well, each with the characters that count, and those of which one is
# enough.
LENIENT: Final[Mapping[str, tuple[re.Pattern[str], frozenset[str]]]] = {
    "cp1252": (re.compile("[^\x00-\x7f]"), WESTERN),
    "latin-1": (re.compile("[^\x00-\x7f]"), WESTERN),
    "cp932": (re.compile("[^\x00-\u07ff]"), frozenset()),
}


class Readable(Protocol):
    """Bytes that can be read again from their beginning."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, /) -> int: ...


def decode(stream: Readable, encoding: str) -> Iterator[list[str]]:
    """The physical lines of *stream*, read from its beginning, in lists of bounded size.

    Raises as `text_of` does.
    """
    return map(split_lines, text_of(stream, encoding))


def text_of(stream: Readable, encoding: str) -> Iterator[str]:
    """The text of *stream*, read from its beginning, in pieces of bounded size that end where lines end.

    Raises HoldFile where it is not text in this *encoding*, holds a NUL or too long a line.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    refuse_what_is_no_text(head, encoding)
    stream.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    suspicion = Utf8Suspicion(encoding) if encoding in LENIENT else None
    rest, line, ended = "", 1, False
    while not ended:
        received = stream.read(BLOCK_BYTES)
        ended = not received
        if suspicion is not None:
            suspicion.look_at(received)
        before = decoder.getstate()
        try:
            text = rest + decoder.decode(received, final=ended)
        except UnicodeDecodeError as error:
            decoder.setstate(before)
            good = decoder.decode(received[: max(0, error.start - len(before[0]))])
            at = line + line_ends(rest + good)
            raise HoldFile(undecodable(error, at, encoding, ended=ended)) from error
        if line == 1 and not rest:
            text = text.removeprefix("\ufeff")
        if "\0" in text:
            at = line + line_ends(text[: text.index("\0")])
            raise HoldFile(f"Line {at} holds a NUL character: the file is damaged, or it is not text.")
        cut = len(text) if ended else end_of_last_line(text)
        rest = text[cut:]
        if cut:
            line += line_ends(text[:cut])
            yield text[:cut]
        if len(rest) > LINE_CHARACTERS:
            raise HoldFile(f"Line {line} is longer than {LINE_CHARACTERS:,} characters.")


class Utf8Suspicion:
    """Looks whether a file that is read in a lenient *encoding* is UTF-8, by the rule above."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._counted, self._enough = LENIENT[encoding]
        self._open = True  # until a byte shows that the file is no UTF-8
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._found: set[str] = set()

    def look_at(self, received: bytes) -> None:
        """Look at the next bytes of the file.  Raises HoldFile when it is UTF-8."""
        if not self._open:
            return
        try:
            text = self._decoder.decode(received)
        except UnicodeDecodeError:
            self._open = False
            return
        self._found.update(self._counted.findall(text))
        if self._found & self._enough or len(self._found) >= TELLING:
            raise HoldFile(
                f'The file is UTF-8, but the format says {name_of(self._encoding)}; set encoding = "utf-8".'
            )


def split_lines(text: str) -> list[str]:
    """The lines of *text* with their ends, which are LF, CR LF and CR and nothing else."""
    return StringIO(text, newline="").readlines()


def end_of_last_line(text: str) -> int:
    """Where the last line that surely has its whole end ends in *text*; 0 when there is none."""
    # A CR that stands last may be the first half of CR LF.
    return 1 + max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1))


def line_ends(text: str) -> int:
    """How many lines of *text* are over."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def refuse_what_is_no_text(head: bytes, encoding: str) -> None:
    """Raises HoldFile when the first bytes show that the file is something else than *encoding* says."""
    if not head:
        raise HoldFile("The file is empty.")
    if foreign := what_it_is_instead(head):
        raise HoldFile(foreign)
    marked = next((name for mark, name in MARKS.items() if head.startswith(mark)), None)
    if marked and encoding != marked and not (encoding == "utf-16" and marked.startswith(encoding)):
        kind = "utf-16" if marked.startswith("utf-16") else marked
        raise HoldFile(
            f"The file is {name_of(marked)}, as its byte order mark says, not {name_of(encoding)};"
            f' set encoding = "{kind}".'
        )
    if encoding == "utf-16" and not marked:
        raise HoldFile(
            "The file has no byte order mark, so that UTF-16 can be read in two ways;"
            ' set encoding = "utf-16-le" (Windows) or "utf-16-be".'
        )
    guess = utf16_without_mark(head)
    if guess and not encoding.startswith("utf-16"):
        raise HoldFile(
            f'The file looks like {name_of(guess)}, not {name_of(encoding)}; set encoding = "{guess}".'
        )


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


def utf16_without_mark(head: bytes) -> str | None:
    """The byte order of text of which nearly every other byte is NUL."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    enough = len(head) // 4
    if odd > enough and not even:
        return "utf-16-le"
    if even > enough and not odd:
        return "utf-16-be"
    return None


def name_of(encoding: str) -> str:
    return NAMES.get(encoding, encoding)


def undecodable(error: UnicodeDecodeError, line: int, encoding: str, *, ended: bool) -> str:
    """A sentence about bytes in *line* that are not *encoding*."""
    if ended:
        cause = f"the file is cut off, or not {name_of(encoding)}"
        return f"Line {line}, the last, ends within a character: {cause}."
    reason = f"Line {line} is not {name_of(encoding)} (byte 0x{error.object[error.start]:02X})"
    hint = '; if the till writes Windows files, set encoding = "cp1252"' if encoding == "utf-8" else ""
    return f"{reason}{hint}."
