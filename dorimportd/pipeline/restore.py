"""A backup back onto a disk: every file is looked at first, and an empty state folder is filled.

    STATE/restore-unfinished/    all of it, until it is whole; then keys, database and spool get their places

What an interrupted restore leaves is in that folder, or without a spool.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dorimportd.pipeline.backup import DATABASE, BadBackup, Entry, copied, digest_of, entries
from dorimportd.spool.durable import make_folders, sync_folder
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool

BESIDE: Final = "restore-unfinished"
PRIVATE: Final = 0o600
USUAL: Final = 0o640


def fault(folder: Path, entry: Entry) -> str | None:
    """What is wrong with a file of the backup in *folder*."""
    try:
        same = digest_of(folder / entry.name) == entry.sha256
    except OSError as error:
        return f"{entry.name} cannot be read: {error.strerror}"
    return None if same else f"{entry.name} has other bytes than were backed up"


def fill(folder: Path, state: Path, database: Path | None, step: Callable[[], None]) -> int:
    """Fill the empty folder *state* from the backup in *folder*; how many deliveries there are now.

    *database* is where that of the backup, if there is one, belongs.  All is its owner's to whom *state*
    belongs.  Raises BadBackup or OSError, and then leaves nothing behind.
    """
    beside = state / BESIDE
    copy = None if database is None else database.with_name(f".{database.name}.{BESIDE}")
    make_folders(beside)
    try:
        for entry in entries(folder):
            step()
            target = copy if entry.name == DATABASE else beside / entry.name
            if target is not None and entry.name.startswith(("spool/", "keys/", DATABASE)):
                put(folder, entry, target)
        count = show_all(beside / "spool")
        give(state, [beside, *([copy] if copy is not None and copy.exists() else [])])
        put_in_place(beside, copy, database, state)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        if copy is not None:
            copy.unlink(missing_ok=True)
        raise
    return count


def put(folder: Path, entry: Entry, target: Path) -> None:
    """Copy a file of the backup; private keys stay private."""
    make_folders(target.parent)
    mode = PRIVATE if entry.name.startswith("keys/") else USUAL
    if copied(folder / entry.name, target, mode) != entry.sha256:
        raise BadBackup(f"{folder / entry.name} has changed.")
    sync_folder(target.parent)


def show_all(root: Path) -> int:
    """Make what customers see; the number of deliveries."""
    spool = Spool(root, room=Room(0, 0))
    spool.roots.put_all(spool.shown())
    return sum(1 for _ in spool.sequences())


def give(state: Path, paths: list[Path]) -> None:
    """Make all of it the property of the owner of *state*."""
    found = state.stat()
    if os.geteuid() != 0 or found.st_uid == 0:
        return
    for top in paths:
        for each in (top, *top.rglob("*")):
            os.chown(each, found.st_uid, found.st_gid, follow_symlinks=False)


def put_in_place(beside: Path, copy: Path | None, database: Path | None, state: Path) -> None:
    """Give all of it its name, the spool last."""
    if copy is not None and database is not None and copy.exists():
        copy.rename(database)
        sync_folder(database.parent)
    if (beside / "keys").exists():
        (beside / "keys").rename(state / "keys")
    (beside / "spool").rename(state / "spool")
    beside.rmdir()
    sync_folder(state)
