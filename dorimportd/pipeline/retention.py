"""A round of the retention: what was decided long ago is compressed, and removed when its time is over.

    bytes of a delivery     never before spool and store both say that it is imported, a duplicate or held
    mails                   compressed by their own age, removed with the last delivery that came of them
    samples                 removed with the delivery of which they are

Its age counts from when its outcome was written.  Without the store nothing is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from pathlib import Path

from dorimportd.errors import Interrupted, NotAccepted
from dorimportd.spool.bytes import compress, file_of
from dorimportd.spool.retention import (
    FULL,
    Before,
    Note,
    alone,
    compress_mails,
    data_of,
    deliveries_in,
    folders,
    is_before,
    is_full,
    mail_folders,
    numbers_of,
    read_note,
    remove_delivery,
    were_looked_at,
    write_note,
)
from dorimportd.spool.spool import Spool
from dorimportd.store.store import Store


class Fate(Enum):
    """How the bytes of a delivery are after the round."""

    PLAIN = auto()
    INCOMPRESSIBLE = auto()
    COMPRESSED = auto()
    REMOVED = auto()


@dataclass(slots=True)
class Done:
    """What a round did."""

    compressed: int = 0  # deliveries and mails
    saved: int = 0  # bytes
    removed: int = 0  # deliveries
    freed: int = 0  # bytes
    failed: list[tuple[str, str]] = field(default_factory=list)  # what stays as it is, and why

    def fail(self, what: str, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) else None
        self.failed.append((what, reason or str(error)))


class Round:
    """One round over *spool*, step by step; *stopping* is asked between two blocks of a file.

    Whatever ends it before its end, the next round goes on from there.
    """

    def __init__(self, spool: Spool, store: Store, before: Before, stopping: Callable[[], bool]) -> None:
        self._spool = spool
        self._store = store
        self._before = before
        self._stopping = stopping
        self._left = self._due()
        self.done = Done()

    def step(self) -> bool:
        """Look into the next folder in which something may be old; whether there was one.

        Raises StoreAway, Interrupted, and OSError when the disk is full or fails.
        """
        for work in self._left:
            with alone(self._spool.layout) as nobody_reads:
                if nobody_reads:
                    work()
            return nobody_reads
        return False

    def _due(self) -> Iterator[Callable[[], None]]:
        layout = self._spool.layout
        for folder in folders(layout):
            if read_note(folder).is_due(self._before):
                yield partial(self._look_into, folder)
        for folder in mail_folders(layout):
            if not were_looked_at(folder):
                yield partial(self._compress_mails, folder)

    def _compress_mails(self, folder: Path) -> None:
        for saved in compress_mails(folder, self._before.compress, self._stopping, self.done.fail):
            self._count_compressed(saved)

    def _look_into(self, folder: Path) -> None:
        """A thousand deliveries."""
        now, sequences = time.time(), deliveries_in(self._spool, folder)
        note, settled = read_note(folder), self._settled(folder, sequences)
        if over := [each for each in sequences if self._is_over(settled.get(each))]:
            self._store.drop_samples(over)
        fates = {each: self._treat(each, settled.get(each), note) for each in sequences}
        coming = [] if is_full(self._spool, folder) else [now]
        # One that is old enough and yet as it was, for a fault, is not looked at again in each round.
        since = {each: min(settled.get(each, now), now) for each in sequences}
        plain = [later(since[each], self._before.compress, now) for each in having(fates, Fate.PLAIN)]
        kept = [later(since[each], self._before.remove, now) for each in sequences if is_kept(fates[each])]
        stay = tuple(having(fates, Fate.INCOMPRESSIBLE))
        write_note(folder, Note(min(plain + coming, default=None), min(kept + coming, default=None), stay))

    def _settled(self, folder: Path, sequences: list[int]) -> dict[int, float]:
        """When those were decided of which spool and store say so."""
        numbers = numbers_of(folder)
        states = self._store.states(numbers.start, numbers.stop - 1)
        final = (each for each in sequences if each in states and states[each].final)
        found = ((each, self._spool.outcomes.settled_at(each)) for each in final)
        return {sequence: moment for sequence, moment in found if moment is not None}

    def _is_over(self, settled_at: float | None) -> bool:
        return is_before(settled_at, self._before.remove)

    def _treat(self, sequence: int, settled_at: float | None, note: Note) -> Fate:
        """Do what is due with one delivery; what cannot be done is told, and hinders no other."""
        if self._stopping():
            raise Interrupted
        try:
            if self._is_over(settled_at) or self._spool.removed_at(sequence) is not None:
                return self._remove(sequence)
            return self._compress(sequence, settled_at, note)
        except NotAccepted as refusal:
            self.done.fail(f"delivery {sequence}", refusal)
        except OSError as error:
            if error.errno in FULL:
                raise
            self.done.fail(f"delivery {sequence}", error)
        return Fate.PLAIN

    def _remove(self, sequence: int) -> Fate:
        there = file_of(data_of(self._spool, sequence))
        if there is None:
            return Fate.REMOVED
        limit = self._before.remove or 0.0  # where nothing is removed any more, what was begun is ended
        freed = remove_delivery(self._spool, self._spool.delivery(sequence), limit)
        if freed is None:  # retried meanwhile
            return Fate.PLAIN
        self.done.removed += 1
        self.done.freed += freed
        return Fate.REMOVED

    def _compress(self, sequence: int, settled_at: float | None, note: Note) -> Fate:
        data = data_of(self._spool, sequence)
        if not data.exists():
            return Fate.COMPRESSED
        if sequence in note.incompressible:
            return Fate.INCOMPRESSIBLE
        if not is_before(settled_at, self._before.compress):
            return Fate.PLAIN
        saved = compress(data, self._stopping, self._spool.delivery(sequence).envelope.sha256)
        if not saved:
            return Fate.INCOMPRESSIBLE
        self._count_compressed(saved)
        return Fate.COMPRESSED

    def _count_compressed(self, saved: int) -> None:
        self.done.compressed += 1
        self.done.saved += saved


def having(fates: dict[int, Fate], fate: Fate) -> list[int]:
    return [sequence for sequence, each in fates.items() if each is fate]


def is_kept(fate: Fate) -> bool:
    return fate is not Fate.REMOVED


def later(moment: float, limit: float | None, now: float) -> float:
    return now if is_before(moment, limit) else moment
