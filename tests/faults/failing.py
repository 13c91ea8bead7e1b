"""The daemon on a disk that fails when it is told to: python failing.py PLAN run --config FILE.

PLAN is a file that need not be there; while it is, it is JSON and says which calls fail, see `Plan`.
PLAN.hits has a line for each call that did.
"""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True)
class Plan:
    """Of the calls by threads called *thread* on paths below *under*, the one numbered *call* fails."""

    under: str
    thread: str
    call: int = 0  # 0: none
    error: str = "EIO"
    once: bool = False  # else all later ones fail, too
    spare: tuple[str, ...] = ()  # calls that never fail
    free: int | None = None  # what statvfs says, in bytes
    inodes: int | None = None

    def save(self, path: Path) -> None:
        Path(f"{path}.hits").write_text("")
        new = path.with_suffix(".new")
        new.write_text(json.dumps(vars(self)))
        new.rename(path)

    @staticmethod
    def clear(path: Path) -> list[str]:
        """The disk is well; the calls that failed."""
        path.unlink()
        return Path(f"{path}.hits").read_text().splitlines()


class Disk:
    """What stands between the daemon and the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read = (0, 0)  # inode and time of the plan; the number of an inode is given again
        self._count = 0

    def plan(self) -> Plan | None:
        try:
            with real_open(self._path) as file:
                status, plan = os.fstat(file.fileno()), Plan(**json.load(file))
        except FileNotFoundError:
            return None
        if self._read != (status.st_ino, status.st_mtime_ns):
            self._read, self._count = (status.st_ino, status.st_mtime_ns), 0
        return plan

    def pass_on(self, call: str, place: Any) -> None:
        """Raise the error of the plan, if it is about this *call*."""
        with self._lock:
            plan, path = self.plan(), path_of(place)
            if plan is None or plan.thread not in threading.current_thread().name:
                return
            if not path.startswith(plan.under) or call in plan.spare:
                return
            self._count += 1
            if not plan.call or self._count < plan.call or (plan.once and self._count > plan.call):
                return
            with real_open(f"{self._path}.hits", "a") as hits:
                hits.write(f"{call} {path}\n")
        number = getattr(errno, plan.error)
        raise OSError(number, os.strerror(number), path)

    def statvfs(self, place: Any) -> Any:
        plan, said = self.plan(), real_statvfs(place)
        fields = dict(zip(FIELDS, said, strict=False))
        if plan is not None and plan.free is not None:
            fields["f_bavail"] = plan.free // fields["f_frsize"]
        if plan is not None and plan.inodes is not None:
            fields["f_files"], fields["f_favail"] = 1000, plan.inodes
        return os.statvfs_result([fields[name] for name in FIELDS])


real_open, real_os_open, real_statvfs = io.open, os.open, os.statvfs
FIELDS = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail")
FIELDS += ("f_files", "f_ffree", "f_favail", "f_flag", "f_namemax")


def path_of(place: Any) -> str:
    return os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else os.fspath(place)


def hooked(disk: Disk, name: str) -> Callable[..., Any]:
    """The function *name* of os, which first asks *disk*."""
    real = getattr(os, name)

    def call(place: Any, *args: Any, **kwargs: Any) -> Any:
        disk.pass_on(name, place)
        return real(place, *args, **kwargs)

    return call


def opener_of(disk: Disk) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """What stands for os.open and for io.open."""

    def os_open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & WRITING and "dir_fd" not in kwargs:
            disk.pass_on("open", path)
        return real_os_open(path, flags, *args, **kwargs)

    class File(io.FileIO):
        def write(self, content: Any) -> int:
            disk.pass_on("write", self.fileno())
            return super().write(content)

    def io_open(
        file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        if not set(mode) & set("wax+"):
            return real_open(file, mode, buffering, encoding, *args, **kwargs)
        if not isinstance(file, int):
            disk.pass_on("open", file)
        raw = File(file, mode.replace("b", "").replace("t", ""), **kwargs)
        if buffering == 0:
            return raw
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding)

    return os_open, io_open


def main() -> None:
    disk = Disk(Path(sys.argv[1]))
    from dorimportd.daemon.main import main as daemon

    for name in ("write", "pwrite", "rename", "mkdir", "fsync", "unlink", "ftruncate"):
        setattr(os, name, hooked(disk, name))
    real_symlink = os.symlink

    def symlink(text: Any, place: Any, *args: Any, **kwargs: Any) -> None:
        disk.pass_on("symlink", place)
        real_symlink(text, place, *args, **kwargs)

    os.symlink, os.statvfs = symlink, disk.statvfs
    os.open, io.open = opener_of(disk)
    sys.argv = ["dorimportd", *sys.argv[2:]]
    sys.exit(daemon())


if __name__ == "__main__":
    main()
