"""Bytes into physical lines, or why they are not text.

A line ends with LF, CR LF or CR, mixed as they come, and keeps its end.  Memory is bounded whatever the
file holds: it comes in pieces of some 512 Ki characters, and a longer line than 1 Mi holds the file.
What is not text at all is told by its first bytes, see foreign.py; where text is UTF-8 though another
encoding is said, or in part, see mixed.py.

A byte order mark at the beginning of a line is that of another file, which was put below the first one, and
is no more a part of the text than the first is.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Final, Protocol

from dorimportd.errors import HoldFile
from dorimportd.parse.foreign import what_it_is_instead
from dorimportd.parse.mixed import LENIENT, Utf8Suspicion, name_of, several_encodings

BLOCK_BYTES: Final = 524_288
LINE_CHARACTERS: Final = 1_048_576

HEAD_BYTES: Final = 4_096  # of the file, for a first look

MARKS: Final[Mapping[bytes, str]] = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
MARK_OF_LINE: Final = re.compile("(^|[\r\n])\ufeff")


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
            reason = several_encodings(stream, encoding) or undecodable(error, at, encoding, ended=ended)
            raise HoldFile(reason) from error
        if "\ufeff" in text:
            text = MARK_OF_LINE.sub(r"\1", text)
        if "\0" in text:
            at = line + line_ends(text[: text.index("\0")])
            raise HoldFile(f"Line {at} holds a NUL character: the file is damaged, or it is not text.")
        cut = len(text) if ended else end_of_last_line(text)
        rest = text[cut:]
        if cut:
            if suspicion is not None and suspicion.holds_a_line(text[:cut], split_lines):
                raise HoldFile(several_encodings(stream, encoding))
            line += line_ends(text[:cut])
            yield text[:cut]
        if len(rest) > LINE_CHARACTERS:
            raise HoldFile(f"Line {line} is longer than {LINE_CHARACTERS:,} characters.")


def split_lines(text: str) -> list[str]:
    """The lines of *text* with their ends, which are LF, CR LF and CR and nothing else."""
    return StringIO(text, newline="").readlines()


def end_of_last_line(text: str) -> int:
    """Where the last line that surely has its whole end ends in *text*; 0 when there is none."""
    # A CR that stands last may be the first half of CR LF.
    return 1 + max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1))


def line_ends(text: str) -> int:
    """How many lines of *text* are over."""
    # Most files have no CR at all, and to see that is cheap.
    return text.count("\n") + (text.count("\r") - text.count("\r\n") if "\r" in text else 0)


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


def utf16_without_mark(head: bytes) -> str | None:
    """The byte order of text of which nearly every other byte is NUL."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    enough = len(head) // 4
    if odd > enough and not even:
        return "utf-16-le"
    if even > enough and not odd:
        return "utf-16-be"
    return None


def undecodable(error: UnicodeDecodeError, line: int, encoding: str, *, ended: bool) -> str:
    """A sentence about bytes in *line* that are not *encoding*."""
    if ended:
        cause = f"the file is cut off, or not {name_of(encoding)}"
        return f"Line {line}, the last, ends within a character: {cause}."
    reason = f"Line {line} is not {name_of(encoding)} (byte 0x{error.object[error.start]:02X})"
    hint = '; if the till writes Windows files, set encoding = "cp1252"' if encoding == "utf-8" else ""
    return f"{reason}{hint}."
