"""What the parsing reactor has done on worker threads: finding deliveries, and one attempt at one of them.

A delivery at which the whole process died before is tried again alone among such ones, and held when that
has happened too often: see spool/attempts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from dorimportd.errors import (
    Interrupted,
    NotAccepted,
    NotWaiting,
    StoreAway,
    StoreUnusable,
    TooLargeForSeveral,
)
from dorimportd.instants import reach
from dorimportd.pipeline.asked import ask_store_again, was_asked_for
from dorimportd.pipeline.importer import Importer
from dorimportd.pipeline.turns import Turn
from dorimportd.spool.attempts import Mark, died
from dorimportd.spool.spool import Spool
from dorimportd.store.store import Store
from dorimportd.words import Channel, Delivery, Outcome, State

MOST_TRIES: Final = 5  # of a delivery that fails by a fault of ours, before it is held
MOST_DEATHS: Final = 3  # of the process at one delivery: the unit's StartLimitBurst has room for ten such
REGISTERED_AT_ONCE: Final = 1000  # deliveries in one database transaction

T = TypeVar("T")


class Found(NamedTuple):
    """What a look found."""

    turns: list[Turn]  # deliveries that wait
    local: list[Delivery]  # those that no door has told of
    unreadable: list[tuple[int, str]]  # whose envelope is, and why
    died: list[tuple[int, int]]  # at which the process died, and how often
    deadly: list[tuple[int, str]]  # at which it died so often that they are held, and the reason


class ImportWork:
    """All of it blocks; each call may come on another thread.

    Making one reads what an earlier process left in the spool, whose lock the caller holds.  Raises OSError.
    """

    def __init__(self, spool: Spool, make_importer: Callable[[Store, Callable[[], bool]], Importer]) -> None:
        self._spool = spool
        self._make_importer = make_importer
        self._left: dict[int, Mark] = spool.attempts.found()
        self._deaths: dict[int, int] = {}  # of the process, by the delivery that it imported
        self._unreadable: set[int] = set()  # deliveries whose envelope could not be read
        self._compared: Store | None = None  # in which all that was in the spool at that time is registered

    def look(self, store: Store, whole: bool) -> Found:
        """Enter new deliveries into the store; with *whole* all that wait there are found."""
        found = Found([], [], [], [], [])
        for some in batched(self._unregistered(store), REGISTERED_AT_ONCE):
            new = self._readable(some, found)
            # The process that accepted one from the disk may have been killed before it synced the name.
            self._spool.sync_names(each.sequence for each in new if each.envelope.channel is Channel.LOCAL)
            store.register(new)
            reach("import.registered")
            found.local.extend(each for each in new if each.envelope.channel is Channel.LOCAL and not whole)
            found.turns.extend(
                self._turn(each.sequence, each.envelope.customer, each.envelope.size) for each in new
            )
        if whole:
            self._judge(store, found)
            ask_store_again(self._spool.outcomes, store)
            found.turns[:] = (self._turn(each.sequence, each.customer, each.size) for each in store.waiting())
        return found

    def _unregistered(self, store: Store) -> Iterator[int]:
        """What is in the spool and not in the store, of which all is compared the first time.

        Later that is what came since, and what could not be read until now.
        """
        if store is self._compared:
            yield from sorted(self._unreadable)
            yield from self._spool.sequences(store.last_registered())
            return
        for some in batched(self._spool.sequences(), REGISTERED_AT_ONCE):
            known = store.registered(some[0], some[-1])
            yield from (sequence for sequence in some if sequence not in known)
        self._compared = store

    def _readable(self, sequences: Iterable[int], found: Found) -> list[Delivery]:
        """Those whose envelope can be read; the others are told once, and tried again at each look."""
        readable = []
        for sequence in sequences:
            try:
                readable.append(self._spool.delivery(sequence))
                self._unreadable.discard(sequence)
            except NotAccepted as error:
                if sequence not in self._unreadable:
                    found.unreadable.append((sequence, str(error)))
                self._unreadable.add(sequence)
        return readable

    def was_asked_for(self, sequence: int) -> bool:
        """Whether a delivery that was held is to be read again.  Raises SpoolFailing."""
        return was_asked_for(self._spool.outcomes, sequence)

    def _turn(self, sequence: int, customer: str, size: int) -> Turn:
        return Turn(sequence, customer, size, self._deaths.get(sequence, 0))

    def _judge(self, store: Store, found: Found) -> None:
        """Count how often the process died at each delivery, and hold those where it was too often."""
        for sequence, mark in list(self._left.items()):
            row = store.delivery(sequence)
            deaths = died(mark, row.windows if row is not None else 0)
            if row is not None and row.outcome.state.final:
                deaths = 0
            elif deaths >= MOST_DEATHS:
                found.deadly.append((sequence, self._hold(store, sequence, deaths)))
                deaths = 0
            elif mark.running and deaths:
                found.died.append((sequence, deaths))
            self._spool.attempts.rest(sequence, deaths=deaths)
            self._deaths[sequence] = deaths
            del self._left[sequence]

    def _hold(self, store: Store, sequence: int, deaths: int) -> str:
        reason = (
            f"dorimportd died {deaths} times while it imported this file; see its log for the cause, then "
            f"`dorimportctl delivery retry {sequence}` tries it again."
        )
        self._importer(store).hold(sequence, reason)
        return reason

    def _importer(self, store: Store) -> Importer:
        return self._make_importer(store, lambda: False)

    def attempt(
        self, store: Store, turns: Sequence[Turn], stopping: Callable[[], bool]
    ) -> list[tuple[Delivery, Outcome]]:
        """Import the deliveries of *turns*, unless *stopping* says otherwise between two steps.

        What is done with several is kept at once, or nothing.  Raises what Importer.import_delivery raises.
        """
        first, *others = [turn.sequence for turn in turns]
        rows = store.some_deliveries([first, *others])
        if others and any(row.windows for row in rows.values()):
            raise TooLargeForSeveral
        self._mark(turns[0], others, windows=rows[first].windows if first in rows else 0)
        importer = self._make_importer(store, stopping)
        try:
            with store.together() if others else nullcontext():
                done = [importer.import_delivery(each, rows.get(each)) for each in (first, *others)]
        except (Interrupted, StoreAway, StoreUnusable):
            with suppress(NotAccepted):  # as in _forget
                self._spool.attempts.rest(first, deaths=turns[0].deaths)  # this says nothing of it
            raise
        except Exception:
            self._forget(first)
            raise
        self._forget(first)
        return done

    def _mark(self, turn: Turn, others: Sequence[int], *, windows: int) -> None:
        try:
            self._spool.attempts.begin(turn.sequence, deaths=turn.deaths, windows=windows, others=others)
        except NotAccepted as refusal:
            raise StoreAway(f"The spool takes no marks of imports: {refusal.for_us()}") from refusal

    def _forget(self, sequence: int) -> None:
        # A mark that the disk does not let go counts as one death at the next start, and only where the
        # delivery still waits then.  What was done with it stays done.
        with suppress(NotAccepted):
            self._spool.attempts.end(sequence)
        self._deaths.pop(sequence, None)

    def count_try(self, store: Store, sequence: int, reason: str) -> int:
        """How often its import failed, this time with it; after the last one it is held."""
        store.set_state(sequence, State.FAILED, reason)
        row = store.delivery(sequence)
        if row is None:
            raise NotWaiting
        if row.tries >= MOST_TRIES:
            reason = f"Importing it failed {row.tries} times, by a fault of dorimportd: {reason}"
            self._importer(store).hold(sequence, reason)
        return row.tries


def batched(numbers: Iterable[T], size: int) -> Iterator[list[T]]:
    """*numbers* in lists of *size*, the last one shorter."""
    rest = iter(numbers)
    while some := list(islice(rest, size)):
        yield some
