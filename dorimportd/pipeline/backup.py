"""A backup: a folder of copies and the list of their digests, which is written last.

    backup                     what the folder is; there from the first moment on
    manifest                   SHA-256 and name of each file, for `sha256sum -c`; without it nothing is whole
    database/dorimportd.db     SQLite's, as at one instant
    spool/                     as in the state folder, without what is derived: roots
    keys/                      the state folder's
    configuration/             dorimportd.toml and all that belongs to it
    elsewhere/                 files to which it leads in other folders, by their whole path

The database is copied before the spool: what came between them waits in the spool to be imported, and what
was decided between them is decided again, as it was, at the first start.
A folder may get a newer backup.  What is there already is not written again: a delivery's bytes are not even
read, since its envelope is written after them and never changes.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from dorimportd.spool.durable import make_folders, replace, sync_folder

DATABASE: Final = "database/dorimportd.db"
MARK: Final = "backup"
MARK_TEXT: Final = "A backup of dorimportd; whole when the file `manifest` is here.\n"
MANIFEST: Final = "manifest"
UNFINISHED: Final = ".manifest.unfinished"
PIECE: Final = 1 << 20  # bytes
DIGEST_DIGITS: Final = 64


class BadBackup(Exception):
    """A folder that is no backup, or not a whole one; the text says why."""


class Entry(NamedTuple):
    """A file of a backup."""

    name: str  # its path in the backup
    sha256: str


class BackupWriter:
    """A backup being written into *folder*, which is made, or is empty, or has an earlier one.

    Raises BadBackup for another folder, OSError.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
        if not (folder / MARK).exists():
            if any(folder.iterdir()):
                raise BadBackup(f"{folder} is not empty and no backup of dorimportd.")
            replace(folder / MARK, MARK_TEXT)
        (folder / MANIFEST).unlink(missing_ok=True)
        sync_folder(folder)  # from now on it is no whole backup, whatever happens
        self._manifest: IO[str] = (folder / UNFINISHED).open("w", encoding="utf-8")

    def has(self, name: str, source: Path) -> bool:
        """Whether the file *name* is there with the bytes of *source*."""
        try:
            return filecmp.cmp(source, self.folder / name, shallow=False)
        except FileNotFoundError:
            return False

    def size(self, name: str) -> int | None:
        """The size of the file *name*, None when it is not there."""
        try:
            return (self.folder / name).stat().st_size
        except FileNotFoundError:
            return None

    def put(self, name: str, source: Path) -> str:
        """Have the bytes of *source* as *name*, on the disk on return; their SHA-256.  Raises OSError."""
        # Of the copy, since the source may change meanwhile.
        digest = digest_of(self.folder / name) if self.has(name, source) else self._copy(name, source)
        self.list(name, digest)
        return digest

    def put_text(self, name: str, text: str) -> None:
        """Have *text* as *name*, on the disk on return.  Raises OSError."""
        path = self.folder / name
        make_folders(path.parent)
        replace(path, text)
        self.list(name, hashlib.sha256(text.encode()).hexdigest())

    def list(self, name: str, digest: str) -> None:
        """Say that *name*, which is there, belongs to the backup."""
        self._manifest.write(f"{digest}  {name}\n")

    def drop(self, name: str) -> None:
        """Have *name* no longer, if an earlier backup had it."""
        (self.folder / name).unlink(missing_ok=True)

    def finish(self) -> None:
        """Make it a backup.  Raises OSError."""
        self._manifest.flush()
        os.fsync(self._manifest.fileno())
        self._manifest.close()
        (self.folder / UNFINISHED).rename(self.folder / MANIFEST)
        sync_folder(self.folder)

    def close(self) -> None:
        """Leave it as it is: a backup only if it was finished."""
        self._manifest.close()

    def _copy(self, name: str, source: Path) -> str:
        target = self.folder / name
        make_folders(target.parent)
        digest = copied(source, target, 0o600)
        sync_folder(target.parent)
        return digest


def copied(source: Path, target: Path, mode: int) -> str:
    """Copy *source* to *target* with this *mode*, on the disk on return; the SHA-256 of what was read.

    A name in a folder is on the disk only when that is synced.  Raises OSError.
    """
    digest = hashlib.sha256()
    target.unlink(missing_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with source.open("rb") as old, os.fdopen(handle, "wb") as new:
        while piece := old.read(PIECE):
            digest.update(piece)
            new.write(piece)
        new.flush()
        os.fsync(new.fileno())
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, hashlib.sha256).hexdigest()


def entries(folder: Path) -> Iterator[Entry]:
    """The files of the backup in *folder*.  Raises BadBackup when there is no whole one."""
    if not (folder / MANIFEST).is_file():
        what = "no whole backup: it was not finished" if (folder / MARK).exists() else "no backup"
        raise BadBackup(f"{folder} has {what}.")
    with (folder / MANIFEST).open(encoding="utf-8") as lines:
        for line in lines:
            digest, name = line[:DIGEST_DIGITS], line[DIGEST_DIGITS + 2 :].removesuffix("\n")
            if not name or Path(name).is_absolute() or ".." in Path(name).parts:
                raise BadBackup(f"The manifest of {folder} has a line that is none: {line.strip()!r}")
            yield Entry(name, digest)
