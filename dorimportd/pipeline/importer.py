"""One delivery, one outcome: bytes from the spool through the customer's format into the store.

Whether a file is held is decided before its first row is written: a file that fits into one window is
read whole first, and of a larger one the rows are put on a shelf, or read again if they are too many for it.
Then it is compared with the files before it, see drift.py.  A delivery that a person has released is held
only if it cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dorimportd.errors import HoldFile, Interrupted, NotWaiting
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import Format
from dorimportd.parse.read import read
from dorimportd.pipeline.drift import drift
from dorimportd.pipeline.sampling import Sampler, thinned
from dorimportd.pipeline.window import Shelf, Window
from dorimportd.spool.spool import Spool
from dorimportd.store.deliveries import DeliveryRow
from dorimportd.store.imports import Run
from dorimportd.store.samples import Sample
from dorimportd.store.store import Store
from dorimportd.words import Delivery, Envelope, Outcome, State


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

    *plan* says by which format a delivery is read at this moment, or raises HoldFile.
    """

    def __init__(
        self,
        spool: Spool,
        store: Store,
        plan: Callable[[Envelope], Plan],
        *,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._spool = spool
        self._store = store
        self._plan = plan
        self._stopping = stopping

    def import_delivery(self, sequence: int) -> tuple[Delivery, Outcome]:
        """Import delivery *sequence*; on return its outcome is in the store.

        Raises NotWaiting when it is there already, StoreAway, Interrupted when the daemon stops, and
        NoSuchFile or SpoolFailing when its bytes cannot be read.  After any of them, and after a crash
        at any instant, the same call again is right.
        """
        row = self._store.delivery(sequence)
        if row is None or row.outcome.state.final:
            raise NotWaiting
        delivery = self._spool.delivery(sequence)
        try:
            plan = self._plan(delivery.envelope)
        except HoldFile as reason:
            self._store.set_state(sequence, State.HELD, str(reason))
            return delivery, Outcome(State.HELD, reason=str(reason))
        return delivery, self._import(delivery, plan, released=row.released).outcome

    def _import(self, delivery: Delivery, plan: Plan, *, released: bool) -> DeliveryRow:
        envelope = delivery.envelope
        run = self._store.importing(delivery.sequence, plan.tag, whole_days=plan.format.whole_days)
        earlier = self._store.earlier_same_bytes(envelope.customer, envelope.sha256, delivery.sequence)
        sampler = Sampler()
        windows = self._windows(delivery, plan, sampler, released=released)
        shelf = Shelf()
        try:
            only: Window | None = next(windows)
            for window in windows:  # to the end, so that a file that must be held leaves no row behind
                for each in (only, window):
                    if each is not None:
                        shelf.put(each)
                        each.clear()
                only = None
            judged = released or run.resume_at > 0  # before the first row of it was written
            run.sample = self._compared(delivery, plan, sampler, judged=judged)
        except HoldFile as reason:
            return run.hold(str(reason), reason.rejects)
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
                if self._stopping():
                    raise Interrupted
                if not window.has_room_for(batch):
                    yield window
                    window = Window()
                window.add(batch)
                sampler.add(batch.transactions)
        yield window


def write_windows(run: Run, windows: Iterator[Window], earlier: int | None) -> DeliveryRow:
    """Write all of *windows* but those that an earlier attempt wrote; the last with the outcome."""
    held = next(windows)
    for number, window in enumerate(windows):
        if number >= run.resume_at:
            run.write(held.transactions, held.rejects, held.rows, held.further)
        held.clear()
        held = window
    return run.finish(held.transactions, held.rejects, held.rows, earlier, held.further)
