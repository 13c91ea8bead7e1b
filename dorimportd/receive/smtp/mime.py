"""The parts of a message: where each lies, and what its headers say of it (RFC 2045, 2046).

A message may be 50 MiB of anything, so this reads it in one pass per level, in windows that hold the
interpreter lock only for moments, and within limits that are asked before any work: Python's own parser
takes ten seconds for one hostile header.  It wants a message in which every line ends with CRLF.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from dorimportd.errors import BadMail
from dorimportd.receive.smtp.parameters import file_name, header_text, read_parameters

Message = bytes | mmap.mmap

HEADERS_LIMIT: Final = 100_000  # bytes, of all parts together
HEADER_LIMIT: Final = 10_000  # bytes, unfolded
DEPTH_LIMIT: Final = 20  # parts inside parts
PARTS_LIMIT: Final = 100
WINDOW: Final = 1 << 20  # bytes looked at in one go

FOLD: Final = re.compile(rb"\r\n(?=[ \t])")
MESSAGE_ID: Final = re.compile(r"<[!-;=?-~]{1,250}>")


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has no parts in it."""

    type: str  # as declared, in small letters: text/csv
    name: str | None  # of the file, as the sender wrote it
    encoding: str  # the Content-Transfer-Encoding, in small letters
    start: int  # of its body in the message, bytes
    end: int


class Headers:
    """The headers at the beginning of an entity; of each name the first counts."""

    def __init__(self, block: bytes) -> None:
        """Raises BadMail when one of them is too long."""
        self._fields: dict[bytes, bytes] = {}
        for line in FOLD.sub(b"", block).split(b"\r\n"):
            if len(line) > HEADER_LIMIT:
                raise BadMail(f"One of its headers is longer than {HEADER_LIMIT} bytes.")
            name, _, value = line.partition(b":")
            self._fields.setdefault(name.strip().lower(), value.strip())

    def get(self, name: bytes) -> str:
        """The value of the header *name*, "" when there is none."""
        return header_text(self._fields.get(name, b""))


def parts(message: Message) -> list[Part]:
    """All parts of *message* that have none in them, in order.

    Raises BadMail when it is beyond the limits, or cut off inside a part.
    """
    return _Walk(message).found


def message_id(beginning: bytes) -> str | None:
    """The Message-ID in the first bytes of a message; None when it has none that can be used."""
    for value in header_values(beginning, (b"message-id",)):
        match = MESSAGE_ID.match(value.decode("latin-1"))
        return match[0] if match else None
    return None


def header_values(beginning: bytes, names: Collection[bytes]) -> Iterator[bytes]:
    """Of each header with one of *names*, in small letters, in the first bytes of a message its value."""
    block = beginning[: _end_of_headers(beginning, 0, len(beginning))]
    for line in FOLD.sub(b"", block).split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in names:
            yield value.strip()


class _Walk:
    """One walk through a message."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._headers = 0  # bytes of headers so far
        self.found: list[Part] = []
        self._entity(0, len(message), depth=0)

    def _entity(self, start: int, end: int, *, depth: int) -> None:
        """The part from *start* to *end*, its headers first."""
        if depth > DEPTH_LIMIT:
            raise BadMail(f"Its parts are nested more than {DEPTH_LIMIT} deep.")
        headers, body = self._read_headers(start, end)
        declared, parameters = read_parameters(headers.get(b"content-type") or "text/plain")
        encoding = headers.get(b"content-transfer-encoding").lower()
        boundary = parameters.get("boundary", "")
        if declared.startswith("multipart/") and boundary:
            for section in self._sections(body, end, boundary.encode("utf-8")):
                self._entity(*section, depth=depth + 1)
        elif declared == "message/rfc822" and encoding in ("", "7bit", "8bit", "binary"):
            self._entity(body, end, depth=depth + 1)
        else:
            _, disposition = read_parameters(headers.get(b"content-disposition"))
            name = file_name(disposition, "filename") or file_name(parameters, "name")
            self._leaf(Part(declared, name, encoding, body, end))

    def _leaf(self, part: Part) -> None:
        if len(self.found) == PARTS_LIMIT:
            raise BadMail(f"It has more than {PARTS_LIMIT} parts.")
        self.found.append(part)

    def _read_headers(self, start: int, end: int) -> tuple[Headers, int]:
        """The headers at *start*, and where the body behind them begins."""
        stop = _end_of_headers(self._message, start, min(end, start + HEADERS_LIMIT + 4))
        self._headers += stop - start
        if self._headers > HEADERS_LIMIT:
            raise BadMail(f"Its headers are longer than {HEADERS_LIMIT} bytes.")
        empty = stop == start
        return Headers(self._message[start:stop]), min(end, stop + (2 if empty else 4))

    def _sections(self, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
        """What lies between the boundaries (RFC 2046 section 5.1.1)."""
        section: int | None = None
        for begin, after, closes in self._boundaries(start, end, boundary):
            if section is not None:
                yield section, max(section, begin)
            if closes:
                return
            section = after
        raise BadMail("It is cut off: the end of a part is missing.")

    def _boundaries(self, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int, bool]]:
        """Each boundary: where the CRLF before it begins, where its line ends, whether it is the last."""
        line = re.compile(rb"\r\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r\n|\Z)")
        needle = b"\r\n--" + boundary
        # The line before the body ends with the CRLF that a boundary in its first line needs.
        for place in occurrences(self._message, needle, max(0, start - 2), end):
            if match := line.match(self._message, place, end):
                yield place, match.end(), match[1] is not None


def occurrences(message: Message, needle: bytes, start: int, end: int) -> Iterator[int]:
    """Where *needle* stands between *start* and *end*, one window after the other."""
    while start < end:
        stop = min(end, start + WINDOW + len(needle))
        place = message.find(needle, start, stop)
        if place >= 0:
            yield place
            start = place + 2  # two boundaries may share the CRLF between them
        elif stop == end:
            return
        else:
            start = stop - len(needle) + 1


def _end_of_headers(message: Message, start: int, end: int) -> int:
    """Where the CRLF of the last header begins; *start* when there are none, *end* without an empty line."""
    if message[start : min(end, start + 2)] == b"\r\n":
        return start
    stop = message.find(b"\r\n\r\n", start, end)
    return stop if stop >= 0 else end
