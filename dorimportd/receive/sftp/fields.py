"""The fields that SSH and SFTP packets are made of (RFC 4251 section 5).

No field is taken beyond the end of its packet: one that does not fit is an error, where a slice would
quietly give less than was sent.
"""

from __future__ import annotations

import struct
from typing import Final

UINT32: Final = struct.Struct("!L")
UINT64: Final = struct.Struct("!Q")


class Unreadable(Exception):
    """What the client sent does not follow the protocol; the text says where."""


class Fields:
    """The fields of *body*, one after the other.  Every method raises Unreadable."""

    def __init__(self, body: bytes | memoryview) -> None:
        self._body = memoryview(body)
        self._at = 0

    def boolean(self) -> bool:
        return self._take(1)[0] != 0

    def uint32(self) -> int:
        return int(UINT32.unpack(self._take(4))[0])

    def uint64(self) -> int:
        return int(UINT64.unpack(self._take(8))[0])

    def string(self) -> bytes:
        return bytes(self.content())

    def content(self) -> memoryview:
        """A string that may be long, without a copy of it: its packet is there as long as it is."""
        return self._take(self.uint32())

    def rest(self) -> bytes:
        """All that is left."""
        return bytes(self._take(len(self._body) - self._at))

    def _take(self, size: int) -> memoryview:
        end = self._at + size
        if end > len(self._body):
            raise Unreadable("A packet ends in the middle of a field.")
        taken, self._at = self._body[self._at : end], end
        return taken


def string(content: bytes) -> bytes:
    """*content* as a string on the wire."""
    return UINT32.pack(len(content)) + content
