"""The files of a configuration, as they are on disk or as they would be after an edit.

Whatever cannot be read as text is a mistake like any other, with the file's name.  Names are told
relative to the folder of dorimportd.toml, with slashes: "customers.d/acme.toml".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dorimportd.toml import BadToml, Mistake, Place

LARGEST: Final = 1024 * 1024  # bytes; a larger file is not what someone meant to put there


class Unreadable(Exception):
    """A file that cannot be read; the text goes on after its name."""


class Files:
    """The folder of *main*, with *edits* (name to text) laid over what is on the disk."""

    def __init__(self, main: Path, edits: Mapping[str, str] | None = None) -> None:
        self.main = main.name
        self.folder = main.absolute().parent
        self._edits = edits or {}
        self._open_to_everyone: set[str] = set()

    def stems(self, folder: str, ending: str) -> list[str]:
        """What stands before *ending* in the names in *folder*, sorted.

        A folder that is missing is empty; hidden files and the copies of editors (acme~) are none of ours.
        Raises BadToml when the folder is there and cannot be listed.
        """
        try:
            names = {path.name for path in (self.folder / folder).iterdir()}
        except FileNotFoundError:
            names = set()
        except OSError as error:
            raise about(folder, f"cannot be read: {error.strerror}") from None
        names |= {name.partition("/")[2] for name in self._edits if name.startswith(f"{folder}/")}
        ours = (
            name for name in names if name.endswith(ending) and not name.startswith(".") and "~" not in name
        )
        return sorted(name.removesuffix(ending) for name in ours)

    def read(self, name: str) -> str:
        """The text of a file.

        Raises BadToml when it is not there, not a file, too large, or not UTF-8.
        """
        if name in self._edits:
            return self._edits[name]
        try:
            content = self.content(name)
        except Unreadable as error:
            raise about(name, str(error)) from None
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line_begin = content.rfind(b"\n", 0, error.start) + 1
            column = len(content[line_begin : error.start].decode("utf-8-sig")) + 1
            place = Place(name, content.count(b"\n", 0, error.start) + 1, column)
            problem = f"is not UTF-8 (byte 0x{content[error.start]:02X})"
            raise BadToml([Mistake(place, "", problem)]) from None

    def content(self, name: str) -> bytes:
        """The bytes of a file, whose name may also be an absolute path.

        Raises Unreadable.
        """
        try:
            with open(self.folder / name, "rb", opener=without_waiting) as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read(LARGEST + 1) if stat.S_ISREG(mode) else None
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from None
        if content is None:
            raise Unreadable("cannot be read: Not a regular file")
        if len(content) > LARGEST:
            raise Unreadable("is larger than 1 MiB")
        if mode & stat.S_IROTH:
            self._open_to_everyone.add(name)
        return content

    def open_to_everyone(self, name: str) -> bool:
        """Whether the file that was read could be read by every user of this machine."""
        return name in self._open_to_everyone


def without_waiting(path: str, flags: int) -> int:
    """Open *path*; a pipe is opened too, and not waited for until somebody writes into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def about(name: str, problem: str) -> BadToml:
    """The mistake that a file as a whole is."""
    return BadToml([Mistake(Place(name, 1, 1), "", problem)])
