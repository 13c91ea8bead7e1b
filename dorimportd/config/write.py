"""Files of the configuration onto the disk: one edit at a time, each file replaced in one step.

    new text beside the old, hidden    fsync    rename over the old    fsync of the folder

A crash leaves the old text or the new one, and perhaps a hidden file that the next edit of it removes.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NEW_FILE_MODE: Final = 0o640  # the daemon reads by its group, and a password hash is nobody else's
NEW_FOLDER_MODE: Final = 0o750


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until nobody else edits what is in *folder*, and keep others waiting."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which also gives the lock back


def replace_file(path: Path, text: str) -> None:
    """Put *text* into the file *path*, durably; a symbolic link stays one.

    The file keeps its owner and mode.  A new one is 0640 and of the group of its folder, since in
    /etc/dorimportd that is how the daemon reads it.  Raises OSError; then the file is as it was.
    """
    path = path.resolve()
    make_folder(path.parent)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    try:
        # Nobody else may look into it before it has the mode that it should have.
        beside.touch(0o600, exist_ok=False)
        with beside.open("r+b") as file:
            file.write(text.encode())
            file.flush()
            take_owner_and_mode(file.fileno(), path)
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def take_owner_and_mode(descriptor: int, path: Path) -> None:
    """Give the open file what *path* has, or a new file in its place should have."""
    if path.exists():
        model = path.stat()
        owner, group, mode = model.st_uid, model.st_gid, stat.S_IMODE(model.st_mode)
    else:
        owner, group, mode = os.fstat(descriptor).st_uid, path.parent.stat().st_gid, NEW_FILE_MODE
    give(descriptor, owner, group)
    os.fchmod(descriptor, mode)


def give(descriptor: int, owner: int, group: int) -> None:
    """Change owner and group only when they differ: not everyone who may write may do that."""
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (owner, group):
        os.fchown(descriptor, owner, group)


def make_folder(folder: Path) -> None:
    """Make a folder that is missing, for the group of the one around it."""
    if folder.is_dir():
        return
    folder.mkdir(NEW_FOLDER_MODE)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        give(descriptor, os.fstat(descriptor).st_uid, folder.parent.stat().st_gid)
    finally:
        os.close(descriptor)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Have what was named and renamed in *folder* on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
