"""The bytes of what is kept: as they came, compressed when they are old, removed when their time is over.

    file         in the place of data (or TOKEN.eml)
    NAME         the bytes as they came; as long as it is there, it counts
    NAME.gz      the same, compressed: see packed.py
    NAME.gz.part on its way; of no use after a crash
    removed      the time at which the bytes were removed; they may still lie there after a crash

Each step is on the disk before the next one: a crash between any two of them loses nothing, and the next
round of the retention goes on from there.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from dorimportd.errors import BytesRemoved, SpoolFailing
from dorimportd.spool.durable import replace, sync_folder
from dorimportd.spool.packed import open_packed, pack
from dorimportd.words import iso

DATA: Final = "data"
REMOVED: Final = "removed"
PACKED: Final = ".gz"
PART: Final = ".part"


def with_ending(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def open_bytes(path: Path) -> BinaryIO:
    """The bytes that were kept as *path*.  Raises FileNotFoundError when they are gone, OSError."""
    try:
        return open_plain(path)
    except FileNotFoundError:
        return open_packed(with_ending(path, PACKED))


def open_plain(path: Path) -> BinaryIO:
    """The file *path*, for reading; what a link leads to is none of ours.  Raises OSError."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb")


def file_of(path: Path) -> Path | None:
    """The file in which the bytes that were kept as *path* are; None when they are gone."""
    return next((each for each in (path, with_ending(path, PACKED)) if each.exists()), None)


def compress(path: Path, stopping: Callable[[], bool], sha256: str | None = None) -> int:
    """Have the bytes of *path* compressed, durably; how many fewer they are, 0 where they would not be.

    Raises Interrupted, and OSError also when they have another digest than *sha256*, or the compressed ones
    are not read back as they were.  Then all is as it was.
    """
    packed = with_ending(path, PACKED)
    part = with_ending(packed, PART)
    try:
        with open_plain(path) as source:
            saved = packed_beside(source, part, stopping, sha256)
        if saved <= 0:
            return 0
        part.rename(packed)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)
    path.unlink()
    sync_folder(path.parent)
    return saved


def packed_beside(source: BinaryIO, part: Path, stopping: Callable[[], bool], sha256: str | None) -> int:
    """Make *part* of the bytes of *source*, on the disk and read back; how many fewer they are."""
    was = os.fstat(source.fileno())
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    with os.fdopen(handle, "wb", buffering=0) as target:
        packing = pack(source, target, stopping)
        if sha256 is not None and packing.sha256 != sha256:
            raise OSError(errno.EIO, "it has other bytes than were sent")
        if packing.size >= was.st_size:
            return 0
        os.utime(handle, ns=(was.st_atime_ns, was.st_mtime_ns))  # a customer is shown it
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)  # to be read from the disk
    with open_packed(part) as written:
        if hashlib.file_digest(written, hashlib.sha256).hexdigest() != packing.sha256:  # type: ignore[arg-type]
            raise OSError(errno.EIO, "what was written is not what is read")
    return was.st_size - packing.size


def remove(path: Path) -> int:
    """Remove the bytes that were kept as *path*, durably; how many there were on the disk.

    Raises OSError.
    """
    packed = with_ending(path, PACKED)
    size = 0
    for each in (path, packed, with_ending(packed, PART)):
        if each.exists():
            size += each.stat().st_size
            each.unlink()
    sync_folder(path.parent)
    return size


def mark_removed(folder: Path) -> None:
    """Say that the bytes of the delivery in *folder* are removed, durably.  Raises OSError."""
    replace(folder / REMOVED, iso(datetime.now(UTC).replace(microsecond=0)) + "\n")


def removed_at(folder: Path) -> datetime | None:
    """When the bytes of the delivery in *folder* were removed, None while they are kept.

    Raises SpoolFailing.
    """
    try:
        return datetime.fromisoformat((folder / REMOVED).read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SpoolFailing(f"{folder / REMOVED} cannot be read: {error}.") from error


def check_kept(folder: Path) -> None:
    """Raises BytesRemoved, or SpoolFailing."""
    moment = removed_at(folder)
    if moment is not None:
        raise BytesRemoved(f"The bytes of delivery {int(folder.name)} were removed on {moment.date()}.")
