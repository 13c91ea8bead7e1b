"""One delivery, one outcome: bytes from the spool through the customer's format into the store.

Whether a file is held is decided before its first row is written: a file that fits into one window is
read whole first, and of a larger one the rows are put on a shelf, or read again if they are too many for it.
Then it is compared with the files before it, see drift.py.  A delivery that a person has released is held
only if it cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dorimportd.errors import HoldFile, Interrupted, NotWaiting, TooLargeForSeveral
from dorimportd.instants import reach
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import Format
from dorimportd.parse.read import read
from dorimportd.pipeline.drift import drift
from dorimportd.pipeline.sampling import Sampler, thinned
from dorimportd.pipeline.window import Shelf, Window
from dorimportd.spool.outcomes import Past
from dorimportd.spool.spool import Spool
from dorimportd.store.deliveries import DeliveryRow
from dorimportd.store.imports import Run
from dorimportd.store.samples import Sample
from dorimportd.store.store import Store
from dorimportd.words import Delivery, Envelope, Outcome, State

if TYPE_CHECKING:
    from dorimportd.pipeline.history import History


@dataclass(frozen=True, slots=True)
class Plan:
    """How a delivery is to be read."""

    tag: str  # NAME@DIGEST of the format
    format: Format
    defaults: Defaults

    @property
    def name(self) -> str:
        """Of the format, without its digest."""
        return self.tag.rpartition("@")[0]


class Importer:
    """Imports deliveries; may be called from several threads at once.

    *plan* says by which format a delivery is read at this moment, or raises HoldFile.  *history* keeps how
    each was read; without it nothing is kept, and none is read as it was.
    """

    def __init__(
        self,
        spool: Spool,
        store: Store,
        plan: Callable[[Envelope], Plan],
        *,
        history: History | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._history = history
        self._spool = spool
        self._store = store
        self._plan = plan
        self._stopping = stopping

    def import_delivery(self, sequence: int, row: DeliveryRow | None = None) -> tuple[Delivery, Outcome]:
        """Import delivery *sequence*; on return its outcome is in the store.

        *row* is what the store told of it a moment ago, so that it need not be asked again.
        Within Store.together it is there only when that ends.
        Raises NotWaiting when it is there already, StoreAway, Interrupted when the daemon stops,
        TooLargeForSeveral, and NoSuchFile or SpoolFailing when its bytes cannot be read.  After any of them,
        and after a crash at any instant, the same call again is right.
        """
        row = row or self._store.delivery(sequence)
        if row is None or row.outcome.state.final:
            raise NotWaiting
        delivery = self._spool.delivery(sequence)
        reach("import.begun", delivery.envelope.name)
        if (moment := self._spool.removed_at(sequence)) is not None:
            return delivery, self._hold_removed(sequence, moment)
        past = None if self._history is None else self._history.past(sequence)
        if self._history is not None and past is not None and past.state.final:
            return delivery, self._import_as_before(delivery, past, self._history)
        try:
            plan = self._plan(delivery.envelope)
        except HoldFile as reason:
            return delivery, self.hold(sequence, str(reason))
        return delivery, self._import(delivery, plan, released=row.released, row=row).outcome

    def hold(self, sequence: int, reason: str) -> Outcome:
        """Let a delivery that waits to be imported wait for a person.

        Raises NotWaiting when it has its outcome, StoreAway.
        """
        if self._history is not None:
            self._history.held(sequence, reason)
        self._store.set_state(sequence, State.HELD, reason)
        return Outcome(State.HELD, reason=reason)

    def _hold_removed(self, sequence: int, moment: datetime) -> Outcome:
        """Its bytes are not there to be read into this store; what was decided of it stays in the spool."""
        reason = f"Its bytes were removed on {moment.date()}, so that it cannot be imported again."
        self._store.set_state(sequence, State.HELD, reason)
        return Outcome(State.HELD, reason=reason)

    def _import_as_before(self, delivery: Delivery, past: Past, history: History) -> Outcome:
        """Put in the rows of every reading, the last one with the outcome.

        Those before it leave the delivery waiting, so that a crash between them does not end it half done.
        """
        sequence, held = delivery.sequence, past.state is State.HELD
        try:
            plans = [(history.plan(each), each.released) for each in past.readings]
            last = None if held else plans.pop()
            for plan, released in plans:
                self._put_rows(delivery, plan, released=released)
            if last is not None:
                plan, released = last
                row = self._import(delivery, plan, released=released, anew=False, resume=not plans)
                return row.outcome
            reason = past.reason or ""
        except HoldFile as fault:
            reason = str(fault)
        if past.readings:
            run = self._store.importing(sequence, past.readings[-1].format, resume=False)
            return run.hold(reason).outcome
        self._store.set_state(sequence, State.HELD, reason)
        return Outcome(State.HELD, reason=reason)

    def _put_rows(self, delivery: Delivery, plan: Plan, *, released: bool) -> None:
        """All that it tells by *plan*, without an outcome.  Raises HoldFile."""
        run = self._store.importing(delivery.sequence, plan.tag, resume=False)
        for window in self._windows(delivery, plan, Sampler(), released=released):
            run.write(window.transactions, window.rejects, window.rows, window.further)
            window.clear()

    def _import(
        self,
        delivery: Delivery,
        plan: Plan,
        *,
        released: bool,
        row: DeliveryRow | None = None,
        anew: bool = True,
        resume: bool = True,
    ) -> DeliveryRow:
        """Unless it is done *anew* the delivery was judged, and how it is read is kept already."""
        envelope, whole_days = delivery.envelope, plan.format.whole_days
        run = self._store.importing(
            delivery.sequence, plan.tag, whole_days=whole_days, resume=resume, row=row
        )

        def earlier() -> int | None:
            return self._store.earlier_same_bytes(envelope.customer, envelope.sha256, delivery.sequence)

        sampler = Sampler()
        windows = self._windows(delivery, plan, sampler, released=released)
        shelf = Shelf()
        try:
            only: Window | None = next(windows)
            for window in windows:  # to the end, so that a file that must be held leaves no row behind
                if run.among_others:
                    raise TooLargeForSeveral
                for each in (only, window):
                    if each is not None:
                        shelf.put(each)
                        each.clear()
                only = None
            reach("import.read", envelope.name)
            judged = released or not anew or run.resume_at > 0  # before the first row of it was written
            run.sample = self._compared(delivery, plan, sampler, judged=judged)
            reach("import.judged", envelope.name)
        except HoldFile as reason:
            if self._history is not None and anew:
                self._history.held(delivery.sequence, str(reason))
            return run.hold(str(reason), reason.rejects)
        if self._history is not None and anew:
            self._history.imported(delivery.sequence, plan, released=released)
        if only is not None:
            return run.finish(only.transactions, only.rejects, only.rows, earlier, only.further)
        if shelf.is_whole:
            return write_windows(run, self._from_shelf(shelf), earlier)
        return write_windows(run, self._windows(delivery, plan, Sampler(), released=released), earlier)

    def _from_shelf(self, shelf: Shelf) -> Iterator[Window]:
        for window in shelf.take():
            if self._stopping():
                raise Interrupted
            yield window

    def _compared(self, delivery: Delivery, plan: Plan, sampler: Sampler, *, judged: bool) -> Sample:
        """What is kept of the file for those that follow.

        Raises HoldFile when it is unlike those before, unless that was *judged* already.
        """
        sequence, envelope = delivery.sequence, delivery.envelope
        now = sampler.sample(envelope.received_at)
        past = self._store.samples(envelope.customer, plan.name, sequence)
        found = drift(now, past, plan.format, lambda ids: self._store.known(envelope.customer, ids, sequence))
        if found and not judged:
            raise HoldFile(found)
        return Sample(thinned(now.rows), envelope.received_at, anew=found is not None)

    def _windows(
        self, delivery: Delivery, plan: Plan, sampler: Sampler, *, released: bool
    ) -> Iterator[Window]:
        """The rows of the file, at least one window, each but the last as full as a window gets."""
        window = Window()
        with self._spool.open_delivery(delivery.sequence) as stream:
            name = delivery.envelope.name
            for batch in read(stream, plan.format, plan.defaults, name, released=released):
                reach("import.reading", name)
                if self._stopping():
                    raise Interrupted
                if not window.has_room_for(batch):
                    yield window
                    window = Window()
                window.add(batch)
                sampler.add(batch.transactions)
        yield window


def write_windows(run: Run, windows: Iterator[Window], earlier: Callable[[], int | None]) -> DeliveryRow:
    """Write all of *windows* but those that an earlier attempt wrote; the last with the outcome."""
    held = next(windows)
    for number, window in enumerate(windows):
        if number >= run.resume_at:
            run.write(held.transactions, held.rejects, held.rows, held.further)
        held.clear()
        held = window
    return run.finish(held.transactions, held.rejects, held.rows, earlier, held.further)
