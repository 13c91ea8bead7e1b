"""One delivery, one outcome: bytes from the spool through the customer's format into the store.

Whether a file is held is decided before its first row is written: a file that fits into one window is
read whole first, and of a larger one the rows are put on a shelf, or read again if they are too many for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from dorimportd.errors import HoldFile, Interrupted, NotWaiting
from dorimportd.parse.format import Format
from dorimportd.parse.read import Defaults, read
from dorimportd.pipeline.window import Shelf, Window
from dorimportd.spool.spool import Spool
from dorimportd.store.deliveries import DeliveryRow
from dorimportd.store.imports import Run
from dorimportd.store.store import Store
from dorimportd.words import Delivery, Envelope, Outcome, State

WINDOW: Final = 100_000  # rows in one database transaction


@dataclass(frozen=True, slots=True)
class Plan:
    """How a delivery is to be read."""

    tag: str  # NAME@DIGEST of the format
    format: Format
    defaults: Defaults


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
        return delivery, self._import(delivery, plan).outcome

    def _import(self, delivery: Delivery, plan: Plan) -> DeliveryRow:
        envelope = delivery.envelope
        run = self._store.importing(delivery.sequence, plan.tag, whole_days=plan.format.whole_days)
        earlier = self._store.earlier_same_bytes(envelope.customer, envelope.sha256, delivery.sequence)
        windows = self._windows(delivery, plan)
        shelf = Shelf()
        try:
            only: Window | None = next(windows)
            for window in windows:  # to the end, so that a file that must be held leaves no row behind
                for each in (only, window):
                    if each is not None:
                        shelf.put(each)
                        each.clear()
                only = None
        except HoldFile as reason:
            return run.hold(str(reason), reason.rejects)
        if only is not None:
            return run.finish(only.transactions, only.rejects, only.rows, earlier, only.further)
        again = self._from_shelf(shelf) if shelf.is_whole else self._windows(delivery, plan)
        return write_windows(run, again, earlier)

    def _from_shelf(self, shelf: Shelf) -> Iterator[Window]:
        for window in shelf.take():
            if self._stopping():
                raise Interrupted
            yield window

    def _windows(self, delivery: Delivery, plan: Plan) -> Iterator[Window]:
        """The rows of the file, at least one window, each but the last as full as a window gets."""
        window = Window()
        with self._spool.open_delivery(delivery.sequence) as stream:
            for batch in read(stream, plan.format, plan.defaults, delivery.envelope.name):
                if self._stopping():
                    raise Interrupted
                if window.rows and window.rows + batch.rows > WINDOW:
                    yield window
                    window = Window()
                window.add(batch)
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
