"""What is on the disk: files and folders synced, files replaced in one step.

A failed sync is final: the kernel may have dropped the pages, so that a second one would succeed
without them.  Whoever called gives up what it was about to say.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sync_file(path: Path) -> None:
    """On return the bytes of *path* are on the disk.  Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """On return the names in *path* are on the disk, as they are now.  Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: Path, text: str) -> None:
    """Make the new file *path* with *text*, which is on the disk on return; its name is not yet."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)


def replace(path: Path, text: str) -> None:
    """Put *text* in the place of the file *path*, in one step: a reader sees the old or the new."""
    new = path.with_name(f".{path.name}.new")
    write_synced(new, text)
    new.rename(path)
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make the folder *path* where it is missing; on return its name is on the disk.

    Also when it is there: whoever made it may have been killed before he synced it.
    """
    path.mkdir(mode=0o750, exist_ok=True)
    sync_folder(path.parent)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the *folder* alone, in all processes; waits for whoever holds it.  Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
