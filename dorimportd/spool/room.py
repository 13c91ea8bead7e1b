"""How much an upload may take, and what its sender is told when the disk refuses."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dorimportd.errors import NoSpace, NotAccepted, SpoolFailing

SPACE_CHECKED_EVERY: Final = 1 << 20  # bytes written
# An upload makes five files and folders, a mail five more; outcomes and the database need theirs, too.
FREE_INODES: Final = 100


@dataclass(frozen=True, slots=True)
class Room:
    """How much an upload may take."""

    largest: int  # bytes in one file
    free_floor: int  # bytes that stay free on the disk

    def seen(self, disk: os.statvfs_result) -> os.statvfs_result:
        """*disk* with so much less free space as stays free."""
        floor = -(-self.free_floor // disk.f_frsize)
        fields = list(disk)  # the first ten: f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, ...
        fields[3:5] = max(0, disk.f_bfree - floor), max(0, disk.f_bavail - floor)
        return os.statvfs_result([*fields, disk.f_fsid])

    def check(self, folder: Path, more: int = 0) -> None:
        """Raises NoSpace when *more* bytes would go below the floor, or hardly any file can be made."""
        free = os.statvfs(folder)
        if free.f_bavail * free.f_frsize - more < self.free_floor:
            raise NoSpace
        if free.f_files and free.f_favail < FREE_INODES:  # some file systems have no fixed number of them
            raise NoSpace


def because(error: OSError) -> NotAccepted:
    """What the sender is told when the disk refuses."""
    full = (errno.ENOSPC, errno.EDQUOT)
    return NoSpace() if error.errno in full else SpoolFailing()
