"""What is on the disk: files and folders synced, files replaced in one step.

A failed sync is final: the kernel may have dropped the pages, so that a second one would succeed
without them.  Whoever called gives up what it was about to say.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def sync_place(path: Path) -> None:
    """On return the name of the folder *path*, which somebody else may have made, is on the disk."""
    try:
        sync_folder(path.parent)
    except PermissionError:
        os.sync()  # one that we may pass and not read cannot be synced alone


def write_synced(path: Path, text: str) -> None:
    """Make the file *path* with *text*, which is on the disk on return; its name is not yet.

    Raises OSError, and then leaves no such file: a second attempt does not rely on what the first one wrote.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
    except OSError:
        remove(path)
        raise


def remove(path: Path) -> None:
    """Remove the file *path* if the disk lets us: it is of no use, and harms nobody where it stays."""
    with suppress(OSError):
        path.unlink()


def replace(path: Path, text: str) -> None:
    """Put *text* in the place of the file *path*, in one step: a reader sees the old or the new."""
    new = path.with_name(f".{path.name}.new")
    write_synced(new, text)
    try:
        new.rename(path)
    except OSError:
        remove(new)
        raise
    sync_folder(path.parent)


def refuse_link(path: Path) -> None:
    """Raises OSError when *path* is a symbolic link: nobody of us makes one there, and it leads elsewhere."""
    if path.is_symlink():
        raise OSError(errno.ELOOP, "is a symbolic link", str(path))


def make_folder(path: Path) -> None:
    """Make the folder *path* where it is missing; on return its name is on the disk.

    Also when it is there: whoever made it may have been killed before he synced it.  Raises OSError, and
    then does not leave a new one: the next attempt must not find it there and sync nothing.
    """
    made = not path.exists()
    path.mkdir(mode=0o750, exist_ok=True)
    try:
        sync_folder(path.parent)
    except OSError:
        if made:
            with suppress(OSError):  # somebody has put something into it already
                path.rmdir()
        raise


class LastingFolders:
    """Folders that are made when they are needed, and that nobody of us removes.

    The name of each is synced once in a process.
    """

    def __init__(self) -> None:
        self._made: set[Path] = set()

    def make(self, folder: Path) -> None:
        """On return the name of *folder* is on the disk.  Raises OSError; the next call tries again."""
        if folder not in self._made or not folder.is_dir():
            make_folder(folder)
            self._made.add(folder)


def make_folders(folder: Path) -> None:
    """Make *folder* and those above it where they are missing; on return they are on the disk."""
    if not folder.is_dir():
        make_folders(folder.parent)
        make_folder(folder)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the *folder* alone, in all processes; waits for whoever holds it.  Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
