"""Compressed files that are read from any place as fast as from their beginning.

A file is cut into blocks, and each is a gzip member of its own; zcat joins them.  The header of each says
how long the member is (RFC 1952 section 2.3.1.1, the subfield dl), so that others are skipped and not
unpacked: one who reads backwards costs a block for each step, and not the whole file.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO, Final, NamedTuple, cast

from dorimportd.errors import Interrupted

BLOCK: Final = 1 << 20  # bytes of the original in a member
LEVEL: Final = 6  # zlib's own default
# Two magic bytes, deflate, with an extra field; no time, no flags, unknown system; the extra field of 8
# bytes: its one subfield dl, of 4 bytes, which are the length of the whole member.
HEAD: Final = struct.Struct("<2sBBIBBH2sHI")
FIXED: Final = (b"\x1f\x8b", 8, 4, 0, 0, 255, 8, b"dl", 4)
TAIL: Final = struct.Struct("<II")  # CRC-32 and length of the block
LONGEST: Final = HEAD.size + BLOCK + (BLOCK >> 8) + TAIL.size  # of a member


class Packing(NamedTuple):
    """What was packed."""

    sha256: str  # of the original
    size: int  # bytes, packed


def pack(source: BinaryIO, target: IO[bytes], stopping: Callable[[], bool]) -> Packing:
    """Write what is in *source* into *target*, packed.  Raises Interrupted between two blocks, OSError."""
    digest, size = hashlib.sha256(), 0
    while block := source.read(BLOCK):
        if stopping():
            raise Interrupted
        digest.update(block)
        size += target.write(member(block))
    return Packing(digest.hexdigest(), size)


def member(block: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(block) + packer.flush()
    length = HEAD.size + len(packed) + TAIL.size
    return HEAD.pack(*FIXED, length) + packed + TAIL.pack(zlib.crc32(block), len(block))


def open_packed(path: Path) -> BinaryIO:
    """The original of the packed file *path*.  Raises OSError, also when it is read and is damaged."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    return cast(BinaryIO, io.BufferedReader(Unpacking(handle)))


class Unpacking(io.RawIOBase):
    """The original of the packed file that is open as *handle*, which is closed with it."""

    def __init__(self, handle: int) -> None:
        super().__init__()
        self._handle = handle
        self._end = os.fstat(handle).st_size
        self._starts = [0]  # of the members that were met, in the packed file, and of the one after
        self._number = -1  # of the block that is unpacked
        self._block = b""
        self._place = 0  # in the original

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Of the packed file: what it is called, and when it was made."""
        return self._handle

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place}.get(whence)
        place = offset + (self._size() if base is None else base)
        if place < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._place = place
        return place

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        number, offset = divmod(self._place, BLOCK)
        piece = self._unpacked(number)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            os.close(self._handle)
        super().close()

    def _size(self) -> int:
        """Of the original: all blocks but the last are full."""
        while self._starts[-1] < self._end:
            self._meet_next()
        last = len(self._starts) - 2
        return 0 if last < 0 else last * BLOCK + len(self._unpacked(last))

    def _unpacked(self, number: int) -> bytes:
        """The block of that number; nothing behind the last one."""
        if number == self._number:
            return self._block
        while len(self._starts) <= number + 1:
            if self._starts[-1] >= self._end:
                return b""
            self._meet_next()
        start, end = self._starts[number : number + 2]
        self._block = block_of(self._read(start, end - start))
        self._number = number
        return self._block

    def _meet_next(self) -> None:
        start = self._starts[-1]
        *fixed, length = HEAD.unpack(self._read(start, HEAD.size))
        if tuple(fixed) != FIXED or not HEAD.size + TAIL.size < length <= LONGEST:
            raise damaged()
        self._starts.append(start + length)

    def _read(self, offset: int, length: int) -> bytes:
        found = os.pread(self._handle, length, offset)
        if len(found) < length:
            raise damaged()
        return found


def block_of(packed: bytes) -> bytes:
    """What the member *packed* holds.  Raises OSError when it is damaged."""
    try:
        block = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed[HEAD.size : -TAIL.size], BLOCK)
    except zlib.error as error:
        raise damaged() from error
    if TAIL.unpack(packed[-TAIL.size :]) != (zlib.crc32(block), len(block)):
        raise damaged()
    return block


def damaged() -> OSError:
    return OSError(errno.EIO, "The compressed bytes are damaged")
