"""Which deliveries are being imported, so that one at which the whole process dies does not kill it for ever.

importing/000000000017    JSON: how often the process died while it imported that delivery, see Mark

Several that are imported together, of which all are kept or none, have one mark, under the first one's name.

A mark is there from before an attempt begins until it ends in any way that the process lives to see.  What a
start finds was being imported when the process died; it need not be what the process died of, since several
deliveries are imported at once, and people kill processes, too.  So whoever imports tries such deliveries
again, one by one, and gives one up only after several deaths.

Marks are not synced: they outlive the process and not the machine, and those of another boot mean nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from dorimportd.spool.durable import make_folder
from dorimportd.spool.layout import Layout
from dorimportd.spool.room import because

BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of the attempts at one delivery."""

    boot: str  # in which it was written
    deaths: int  # of the process, at it
    windows: int  # of it that were in the store when the attempt began
    running: bool  # an attempt has begun and not ended
    others: Sequence[int] = ()  # that are imported together with it; what is said of it holds for them, too


class Attempts:
    """The marks of one spool; any thread of the process that holds the spool's lock may use them."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.importing

    @cached_property
    def _boot(self) -> str:
        return BOOT.read_text(encoding="ascii").strip()

    def found(self) -> dict[int, Mark]:
        """What an earlier process left, by sequence; marks of another boot are removed.

        That of several comes after those of the others that it is about.  Raises OSError.
        """
        make_folder(self._folder)
        boot = self._boot  # now, and not with the first import, when there may be no file descriptor left
        marks = {}
        for path in list(self._folder.iterdir()):
            mark = read_mark(path)
            if mark is None or mark.boot != boot or not path.name.isdigit():
                path.unlink()
            else:
                marks[int(path.name)] = mark
        for mark in list(marks.values()):
            marks |= {other: replace(mark, others=()) for other in mark.others if other not in marks}
        return dict(sorted(marks.items(), reverse=True))

    def begin(self, sequence: int, *, deaths: int, windows: int, others: Sequence[int] = ()) -> None:
        """An attempt begins, after so many *deaths*, at it and at *others* after it.

        Raises NoSpace or SpoolFailing.
        """
        self._write(sequence, Mark(self._boot, deaths, windows, running=True, others=others))

    def rest(self, sequence: int, *, deaths: int) -> None:
        """None is under way, and the delivery still waits.  Raises NoSpace or SpoolFailing."""
        if deaths:
            self._write(sequence, Mark(self._boot, deaths, 0, running=False))
        else:
            self.end(sequence)

    def end(self, sequence: int) -> None:
        """There is nothing to be remembered of it any more.  Raises SpoolFailing."""
        try:
            self._path(sequence).unlink(missing_ok=True)
        except OSError as error:
            raise because(error) from error

    def _write(self, sequence: int, mark: Mark) -> None:
        path = self._path(sequence)
        new = path.with_name(f".{path.name}")
        try:
            new.write_text(json.dumps(asdict(mark)) + "\n", encoding="utf-8")
            new.rename(path)  # in one step: the process may die in between
        except OSError as error:
            raise because(error) from error

    def _path(self, sequence: int) -> Path:
        return self._folder / f"{sequence:012}"


def died(mark: Mark, windows: int) -> int:
    """How many deaths count now that the store has *windows* of the delivery.

    An attempt that has put more of it in than there was shows that it is not what the process dies of.
    """
    if mark.running and windows > mark.windows:
        return 0
    return mark.deaths + mark.running


def read_mark(path: Path) -> Mark | None:
    """The mark in *path*; None when it says nothing whole, as after a power cut."""
    try:
        mark = Mark(**json.loads(path.read_text(encoding="utf-8")))
        return replace(mark, others=tuple(mark.others))
    except (ValueError, TypeError):
        return None
