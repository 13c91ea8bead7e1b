"""SFTP packets: cut from a stream, and answers written (draft-ietf-secsh-filexfer-02, version 3).

This code owns no socket and decides nothing.  However the stream is cut, the same packets come out.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from twisted.conch.ssh.filetransfer import (
    FILEXFER_ATTR_ACMODTIME,
    FILEXFER_ATTR_EXTENDED,
    FILEXFER_ATTR_OWNERGROUP,
    FILEXFER_ATTR_PERMISSIONS,
    FILEXFER_ATTR_SIZE,
    FX_OK,
    FXP_ATTRS,
    FXP_DATA,
    FXP_EXTENDED_REPLY,
    FXP_HANDLE,
    FXP_NAME,
    FXP_STATUS,
    FXP_VERSION,
)

from dorimportd.receive.sftp.fields import UINT32, UINT64, Fields, Unreadable, string

HEADER: Final = struct.Struct("!BL")  # kind, request number; before it stands how many bytes follow
LONGEST: Final = (256 << 10) + 1024  # bytes in a packet: clients write up to 256 KiB at a time
SMALL: Final = 1024  # bytes, of pieces that are put together as they come
VERSION: Final = 3


class Packet(NamedTuple):
    """One packet of a client."""

    kind: int
    number: int  # of the request, which the answer repeats; the version in the first packet
    body: bytes | memoryview

    @property
    def size(self) -> int:
        """Bytes that it took on the wire."""
        return UINT32.size + HEADER.size + len(self.body)


class Packets:
    """The packets of a stream.  Holds no more than was fed and not taken.

    A byte is copied once where its packet comes in several pieces, and else not at all.
    """

    def __init__(self) -> None:
        self._pieces: deque[memoryview] = deque()  # what was fed and not taken
        self._size = 0  # of them all
        self._length: int | None = None  # of the packet that is next, once it can be read

    def feed(self, received: bytes | memoryview) -> None:
        self._size += len(received)
        if self._pieces and len(self._pieces[-1]) + len(received) <= SMALL:
            received = b"".join((self._pieces.pop(), received))  # many small ones would take much memory
        self._pieces.append(memoryview(received))

    def next(self) -> Packet | None:
        """The next whole packet, None when there is none yet.

        Raises Unreadable at a length that no packet has, before its bytes are waited for.
        """
        if self._length is None:
            if self._size < UINT32.size:
                return None
            self._length = checked(int(UINT32.unpack(self._take(UINT32.size))[0]))
        if self._size < self._length:
            return None
        packet, self._length = self._take(self._length), None
        kind, number = HEADER.unpack_from(packet)
        return Packet(kind, number, packet[HEADER.size :])

    def _take(self, size: int) -> memoryview:
        """The first *size* bytes, which are there."""
        self._size -= size
        parts = []
        while size:
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
            parts.append(piece[:size])
            size -= len(parts[-1])
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))


def checked(length: int) -> int:
    """*length*, which a packet may have.  Raises Unreadable."""
    if not HEADER.size <= length <= LONGEST:
        raise Unreadable(f"An SFTP packet of {length} bytes cannot be taken.")
    return length


@dataclass(frozen=True, slots=True)
class Attrs:
    """What is said of a file (section 5); None is not said."""

    size: int | None = None  # bytes
    mode: int | None = None  # st_mode
    modified_at: int | None = None  # seconds since 1970-01-01 UTC


def read_attrs(fields: Fields) -> Attrs:
    """The attributes that come next.  Raises Unreadable."""
    said = fields.uint32()
    size = fields.uint64() if said & FILEXFER_ATTR_SIZE else None
    if said & FILEXFER_ATTR_OWNERGROUP:
        fields.uint64()
    mode = fields.uint32() if said & FILEXFER_ATTR_PERMISSIONS else None
    modified_at = fields.uint64() & 0xFFFFFFFF if said & FILEXFER_ATTR_ACMODTIME else None
    for _ in range(fields.uint32() if said & FILEXFER_ATTR_EXTENDED else 0):
        fields.string()
        fields.string()
    return Attrs(size, mode, modified_at)


def written_attrs(attrs: Attrs) -> bytes:
    """*attrs* on the wire."""
    said, written = 0, b""
    if attrs.size is not None:
        said |= FILEXFER_ATTR_SIZE
        written += UINT64.pack(attrs.size)
    if attrs.mode is not None:
        said |= FILEXFER_ATTR_PERMISSIONS
        written += UINT32.pack(attrs.mode)
    if attrs.modified_at is not None:
        said |= FILEXFER_ATTR_ACMODTIME
        written += 2 * UINT32.pack(attrs.modified_at & 0xFFFFFFFF)
    return UINT32.pack(said) + written


class Answer(NamedTuple):
    """What a request is answered with."""

    kind: int
    body: bytes

    def to(self, number: int) -> bytes:
        """The packet that answers request *number*."""
        return string(HEADER.pack(self.kind, number) + self.body)


def status(code: int, text: str) -> Answer:
    """A status of section 7, its text in no language in particular."""
    return Answer(FXP_STATUS, UINT32.pack(code) + string(text.encode()) + string(b""))


def handle(name: bytes) -> Answer:
    return Answer(FXP_HANDLE, string(name))


def content(read: bytes) -> Answer:
    return Answer(FXP_DATA, string(read))


def names(listed: Iterable[tuple[str, str, Attrs]]) -> Answer:
    """File names, each with its line of a listing and its attributes."""
    each = [
        string(name.encode()) + string(line.encode()) + written_attrs(attrs) for name, line, attrs in listed
    ]
    return Answer(FXP_NAME, UINT32.pack(len(each)) + b"".join(each))


def attributes(attrs: Attrs) -> Answer:
    return Answer(FXP_ATTRS, written_attrs(attrs))


def extended(body: bytes) -> Answer:
    return Answer(FXP_EXTENDED_REPLY, body)


def version(extensions: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The packet that answers the first one (section 4)."""
    said = b"".join(string(name) + string(value) for name, value in extensions)
    return Answer(FXP_VERSION, said).to(VERSION)


OK: Final = status(FX_OK, "OK")
