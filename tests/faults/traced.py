"""A daemon whose system calls are written down, and what stands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

CALLS: Final = (
    "openat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,fsync,fdatasync,"
    "write,writev,pwrite64,sendto,sendmsg"
)
# What guarantee 1 does not speak of: derived from the deliveries, or SQLite's own.
DERIVED: Final = re.compile(r"/spool/(roots|sequence|lock)|/outcome$|/\.outcome\.|dorimportd\.db|/upload$")


@dataclass(slots=True)
class Disk:
    """What was written and not synced, after each line of a trace; both are paths."""

    spool: str
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)  # names of files that were written

    def see(self, line: str) -> None:
        """Take one finished system call into account."""
        call = re.match(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?", line)
        if call is None or call[3].startswith("-"):
            return
        name, arguments, _, opened = call.groups()
        on = re.match(r"\d+<([^>]*)>", arguments)
        path = on[1] if on else ""
        if name in ("fsync", "fdatasync"):
            self.files.discard(path)
            self.folders.discard(path)
        elif name in ("write", "writev", "pwrite64") and self._ours(path):
            self.files.add(path)
            self.seen.add(path.rpartition("/")[2])
        elif name == "openat" and "O_CREAT" in arguments and opened and self._ours(opened):
            self.files.add(opened)
            self.folders.add(parent(opened))
        elif name.startswith(("rename", "link")):
            self._moved(*re.findall(r'"([^"]*)"', arguments))
        elif name.startswith("mkdir"):
            (made,) = re.findall(r'"([^"]*)"', arguments)
            if self._ours(made):
                self.folders.add(parent(made))

    def _moved(self, old: str, new: str) -> None:
        """What was not synced in the old place is not in the new one."""
        for paths in (self.files, self.folders):
            for each in [path for path in paths if path == old or path.startswith(f"{old}/")]:
                paths.remove(each)
                paths.add(new + each[len(old) :])
        if self._ours(new):
            self.folders.add(parent(new))

    def _ours(self, path: str) -> bool:
        return path.startswith(self.spool) and not DERIVED.search(path)

    def unsynced(self, *, incoming: bool = False) -> list[str]:
        """Of deliveries and kept mails, and what leads to them; of uploads with *incoming*."""
        found = self.files | self.folders
        return sorted(each for each in found if incoming or not each.startswith(f"{self.spool}/incoming"))


def parent(path: str) -> str:
    return path.rpartition("/")[0]


def finished(text: str) -> list[str]:
    """The lines of a trace, each call at the time of its end; another thread may have cut it in two."""
    begun, lines = {}, []
    for line in text.splitlines():
        thread, _, rest = line.partition(" ")
        if rest.endswith("<unfinished ...>"):
            begun[thread] = line.removesuffix("<unfinished ...>")
        elif resumed := re.match(r" *<\.\.\. \w+ resumed>(.*)", rest):
            lines.append(begun.pop(thread, "") + resumed[1])
        else:
            lines.append(line)
    return lines
