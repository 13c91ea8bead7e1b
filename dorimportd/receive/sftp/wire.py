"""SFTP packets: cut from a stream, and answers written (draft-ietf-secsh-filexfer-02, version 3).

This code owns no socket and decides nothing.  However the stream is cut, the same packets come out.
"""

from __future__ import annotations

import struct
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

HEADER: Final = struct.Struct("!LBL")  # length of what follows it, kind, request number
LONGEST: Final = (256 << 10) + 1024  # bytes in a packet: clients write up to 256 KiB at a time
VERSION: Final = 3


class Packet(NamedTuple):
    """One packet of a client."""

    kind: int
    number: int  # of the request, which the answer repeats; the version in the first packet
    body: bytes

    @property
    def size(self) -> int:
        """Bytes that it took on the wire."""
        return HEADER.size + len(self.body)


class Packets:
    """The packets of a stream.  Holds no more than was fed and not taken."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, received: bytes) -> None:
        self._held += received

    def next(self) -> Packet | None:
        """The next whole packet, None when there is none yet.

        Raises Unreadable at a length that no packet has, before its bytes are waited for.
        """
        if len(self._held) < UINT32.size:
            return None
        length = int(UINT32.unpack_from(self._held)[0])
        if not HEADER.size - UINT32.size <= length <= LONGEST:
            raise Unreadable(f"An SFTP packet of {length} bytes cannot be taken.")
        end = UINT32.size + length
        if len(self._held) < end:
            return None
        _, kind, number = HEADER.unpack_from(self._held)
        body = bytes(memoryview(self._held)[HEADER.size : end])
        del self._held[:end]
        return Packet(kind, number, body)


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
        return HEADER.pack(HEADER.size - UINT32.size + len(self.body), self.kind, number) + self.body


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
