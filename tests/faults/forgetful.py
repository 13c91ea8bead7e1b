"""The daemon on a disk that forgets: python forgetful.py SHADOW run --config FILE.

SHADOW becomes what a power cut leaves of each file and folder that was ever synced:

    SHADOW/files/INODE      the bytes of a file when it was last synced
    SHADOW/folders/INODE    the names in a folder when it was last synced: JSON, see `names_in`

Nothing else of this process is on the disk, whatever it wrote.  The copies are made inside the call of
fsync, so that what is said after it has returned is said of what SHADOW has.  What SQLite syncs is not
seen here, since C code does it.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import stat
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any


def kind_of(status: os.stat_result) -> str:
    """What an inode is: folder, link, file, or something else that no power cut matters to."""
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "file" if stat.S_ISREG(mode) else "other"


def names_in(folder: int | Path) -> dict[str, list[Any]]:
    """For each name in *folder* its inode, its kind, and of a symbolic link the text."""
    found = {}
    handle = os.open(folder, os.O_RDONLY) if isinstance(folder, Path) else os.dup(folder)
    try:
        for name in os.listdir(handle):
            status = os.lstat(name, dir_fd=handle)
            text = os.readlink(name, dir_fd=handle) if stat.S_ISLNK(status.st_mode) else None
            found[name] = [status.st_ino, kind_of(status), text]
    finally:
        os.close(handle)
    return found


class Shadow:
    """What is on the disk."""

    def __init__(self, folder: Path) -> None:
        self._files, self._folders = folder / "files", folder / "folders"
        for each in (self._files, self._folders):
            each.mkdir(parents=True, exist_ok=True)
        last = max((json.loads(each.read_text())["time"] for each in self._folders.iterdir()), default=0)
        self._times = itertools.count(last + 1)
        self._lock = threading.Lock()
        self._kept: dict[int, int] = {}

    def fsync(self, handle: int) -> None:
        """In the place of os.fsync."""
        with self._lock:
            status = os.fstat(handle)
            self.keep(status.st_ino, f"/proc/self/fd/{handle}", follow=True)
            if stat.S_ISDIR(status.st_mode):
                self._sync_folder(handle, status.st_ino)
            else:
                self._put(self._files / str(status.st_ino), Path(f"/proc/self/fd/{handle}"))

    def _sync_folder(self, handle: int, inode: int) -> None:
        names = names_in(handle)
        for name, (number, *_) in names.items():
            self.keep(number, name, folder=handle)
        listing = self._folders / f"{inode}.new"
        listing.write_text(json.dumps({"time": next(self._times), "names": names}))
        listing.rename(self._folders / str(inode))

    def _put(self, target: Path, source: Path) -> None:
        new = target.with_suffix(".new")
        with source.open("rb") as file, new.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        new.rename(target)

    def keep(self, inode: int, path: str, *, folder: int | None = None, follow: bool = False) -> None:
        """Keep an inode that was seen, also when it loses its name, so that its number is not used again."""
        if inode not in self._kept:
            flags = os.O_PATH if follow else os.O_PATH | os.O_NOFOLLOW
            with suppress(FileNotFoundError):  # it went away since the listing; nothing of it was synced
                self._kept[inode] = os.open(path, flags | os.O_CLOEXEC, dir_fd=folder)


def main() -> None:
    shadow = Shadow(Path(sys.argv[1]))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.fsync = os.fdatasync = shadow.fsync
    from dorimportd.daemon.main import main as daemon

    sys.argv = ["dorimportd", *sys.argv[2:]]
    sys.exit(daemon())


if __name__ == "__main__":
    main()
