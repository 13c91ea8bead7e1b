"""What a disk holds after a power cut: made from the tree as it was, and from what forgetful.py kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Any

from faults.forgetful import names_in


class Left(StrEnum):
    """What is left of that which was not synced."""

    NOTHING = "nothing"
    NAMES = "names"  # names and lengths as they were last; the bytes of what was not synced are zeros
    EMPTY = "empty"  # names as they were last; files without what was not synced
    BYTES = "bytes"  # the last bytes of all files whose names were synced


class Disk:
    """The disk on which *dead* was, of which *shadow* has what was synced."""

    def __init__(self, dead: Path, shadow: Path, left: Left) -> None:
        self._dead = dead
        self._shadow = shadow
        self._left = left
        self._paths = {path.lstat().st_ino: path for path in (dead, *dead.rglob("*"))}
        self._places: dict[int, float] = {}  # of each folder -> when its last place was synced
        for listing in (shadow / "folders").glob("*[0-9]"):
            said = json.loads(listing.read_text())
            for number, kind, _ in said["names"].values():
                if kind == "folder":
                    self._places[number] = max(self._places.get(number, 0), said["time"])

    def rebuild(self, target: Path) -> None:
        """Make *target* what is left of the dead folder, if its name is; SQLite's files are left out.

        The machine has started again since.
        """
        inode = self._dead.stat().st_ino
        _, names = self._names(self._dead.parent.stat().st_ino)
        if self._left in (Left.NAMES, Left.EMPTY) or inode in (each[0] for each in names.values()):
            self._build(inode, target)
        if (target / "spool" / "boot").exists():
            (target / "spool" / "boot").write_text("another\n")

    def _build(self, inode: int, target: Path) -> None:
        target.mkdir()
        time, names = self._names(inode)
        for name, (number, kind, text) in names.items():
            if kind == "link":
                (target / name).symlink_to(text)
            elif kind == "file" and not name.startswith("dorimportd.db"):
                (target / name).write_bytes(self._content(number))
                (target / name).chmod(0o600)  # private keys must be so
            # A rename is one entry of the journal: a folder is in one of its places, never in two.
            elif kind == "folder" and self._places.get(number, 0) <= time:
                self._build(number, target / name)

    def _names(self, inode: int) -> tuple[float, Mapping[str, Any]]:
        """The names in a folder, and when they came to the disk."""
        if self._left in (Left.NAMES, Left.EMPTY) and inode in self._paths:
            return inf, names_in(self._paths[inode])
        listing = self._shadow / "folders" / str(inode)
        if not listing.exists():
            return 0, {}
        said = json.loads(listing.read_text())
        return said["time"], said["names"]

    def _content(self, inode: int) -> bytes:
        path, synced = self._paths.get(inode), self._shadow / "files" / str(inode)
        if self._left is Left.BYTES and path is not None:
            return path.read_bytes()
        content = synced.read_bytes() if synced.exists() else b""
        if self._left is Left.NAMES and path is not None:
            return content.ljust(path.stat().st_size, b"\0")
        return content
