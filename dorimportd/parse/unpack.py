"""A file that was sent compressed: what is in it, in bounded memory, and bombs refused.

gzip, and a ZIP archive of one file.  An Office document is a ZIP archive, too, and is left as it is: the
sentence for it says more.
"""

from __future__ import annotations

import errno
import gzip
import struct
import zipfile
import zlib
from typing import IO, BinaryIO, Final, cast

from dorimportd.errors import HoldFile
from dorimportd.parse.decode import Readable
from dorimportd.parse.foreign import OFFICE

GZIP: Final = b"\x1f\x8b"
ZIP: Final = b"PK\x03\x04"

MOST_BYTES: Final = 8 << 30  # of what is in it
MOST_TIMES: Final = 200  # its size; tables of tills come to ten or twenty
ALWAYS_FINE: Final = 16 << 20

ZIP_END: Final = struct.Struct("<4s6xH10x")  # the end of the central directory, up to its comment
ZIP_TAIL: Final = ZIP_END.size + 65_535
MOST_PARTS: Final = 1_000  # of an archive that is looked into at all
MOST_AT_ONCE: Final = (
    4 << 20
)  # bytes; the list of an archive's parts is read at once, and says itself how long it is
# Others, which no till writes, take as much memory as the archive asks for.
WAYS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

PACKED_UNUSUALLY: Final = "The ZIP archive is damaged, or packed in an unusual way; send it again."

# What a Mac puts beside the file.
NOT_MEANT: Final = ("__MACOSX/", ".DS_Store")

DAMAGED: Final = (
    *(gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError),
    # What zipfile stumbles over where an archive gives wrong places and lengths.
    *(ValueError, OverflowError, struct.error),
)


class Sparing:
    """A file of which nobody reads very much at once, and no place outside of it.  Raises BadZipFile."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.tell = stream.tell
        self.seekable = stream.seekable

    def read(self, size: int = -1, /) -> bytes:
        taken = self._stream.read(size if 0 <= size <= MOST_AT_ONCE else MOST_AT_ONCE + 1)
        if len(taken) > MOST_AT_ONCE:
            raise zipfile.BadZipFile("too much at once")
        return taken

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return self._stream.seek(offset, whence)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise zipfile.BadZipFile(f"no such place: {offset}") from error


class Unpacked:
    """What is in a compressed file.  Raises HoldFile where it is damaged or too much."""

    def __init__(self, content: IO[bytes], packed: int) -> None:
        self._content = content
        self._limit = min(MOST_BYTES, max(ALWAYS_FINE, packed * MOST_TIMES))
        self._given = 0

    def read(self, size: int, /) -> bytes:
        try:
            piece = self._content.read(size)
        except DAMAGED as error:
            raise HoldFile("The compressed file is damaged or cut off; send it again.") from error
        self._given += len(piece)
        if self._given > self._limit:
            raise HoldFile(f"Unpacked, the file has more than {self._limit:,} bytes, which is not taken.")
        return piece

    def seek(self, offset: int, /) -> int:
        self._given = 0
        return self._content.seek(offset)


def unpacked(stream: BinaryIO) -> Readable:
    """What is in *stream*, from its beginning; *stream* itself when that is not compressed.

    Raises HoldFile when it cannot be unpacked.
    """
    stream.seek(0)
    head = stream.read(len(ZIP))
    if head.startswith(GZIP):
        size = stream.seek(0, 2)
        stream.seek(0)
        return Unpacked(cast(IO[bytes], gzip.GzipFile(fileobj=stream)), size)
    if head == ZIP:
        return from_archive(stream)
    return stream


def from_archive(stream: BinaryIO) -> Readable:
    """The one file of the ZIP archive *stream*."""
    size = stream.seek(0, 2)
    refuse_many(stream, size)
    try:
        archive = zipfile.ZipFile(cast(IO[bytes], Sparing(stream)))
    except DAMAGED as error:
        raise HoldFile("The ZIP archive is damaged or cut off; send it again.") from error
    names = archive.namelist()
    if any(name.startswith(part) for name in names for part in map(bytes.decode, OFFICE)):
        return stream
    meant = [part for part in archive.infolist() if not part.is_dir() and not is_beside(part.filename)]
    if len(meant) != 1:
        raise HoldFile(f"The ZIP archive holds {len(meant)} files; send one in an archive.")
    if meant[0].flag_bits & 1:
        raise HoldFile("The ZIP archive is locked by a password; send it without.")
    if meant[0].compress_type not in WAYS:
        raise HoldFile(PACKED_UNUSUALLY)
    try:
        return Unpacked(archive.open(meant[0]), size)
    except DAMAGED as error:
        raise HoldFile(PACKED_UNUSUALLY) from error


def is_beside(name: str) -> bool:
    return name.startswith(NOT_MEANT[0]) or name.endswith(NOT_MEANT[1])


def refuse_many(stream: BinaryIO, size: int) -> None:
    """Raises HoldFile when the archive has so many parts that their list alone is a burden."""
    stream.seek(max(0, size - ZIP_TAIL))
    tail = stream.read(ZIP_TAIL)
    place = tail.rfind(b"PK\x05\x06")
    if place >= 0 and len(tail) - place >= ZIP_END.size:
        _, parts = ZIP_END.unpack_from(tail, place)
        if parts > MOST_PARTS:
            raise HoldFile(f"The ZIP archive holds {parts} files; send one in an archive.")
