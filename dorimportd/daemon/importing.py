"""The parsing reactor: feeds deliveries to the pipeline as soon as they are accepted.

What is to do is never kept in memory alone: it is the spool minus the store.  So a start finds what a
crash left, and an empty database fills itself.  While the database is away deliveries are accepted all
the same, and imports go on by themselves when it is back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from threading import Event as Signal
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from dorimportd.daemon.absence import Absence, Inquiry, StoreStatus
from dorimportd.daemon.journal import fault
from dorimportd.daemon.work import MOST_TRIES, Found, ImportWork
from dorimportd.errors import Interrupted, NotAccepted, NotWaiting, StoreAway, StoreUnusable
from dorimportd.events import (
    DeliveryAccepted,
    DeliveryDuplicate,
    DeliveryHeld,
    DeliveryImported,
    EnvelopeUnreadable,
    Event,
    ImportDeadly,
    ImportDied,
    ImportFailed,
    ImportGivenUp,
    SpoolUnreadable,
    StoreBack,
    StoreLost,
    Tell,
    TransactionsAbsent,
)
from dorimportd.instants import reach
from dorimportd.pipeline.turns import Courtesy, Turn, Turns, pause
from dorimportd.receive.workers import Workers
from dorimportd.store.deliveries import DeliveryRow
from dorimportd.store.store import Store
from dorimportd.words import Delivery, Outcome, State

LOOK_EVERY: Final = 5.0  # seconds: for what another process accepted while nobody woke us
LOOK_APART: Final = 0.1  # seconds: each look takes the database some time, however little it finds
LAST_DELIVERIES: Final = 10  # of an overview
TOLD: Final[dict[State, Callable[[Delivery, Outcome], Event]]] = {
    State.IMPORTED: DeliveryImported,
    State.HELD: DeliveryHeld,
    State.DUPLICATE: DeliveryDuplicate,
}

Overview = tuple[dict[State, int], list[DeliveryRow]]


def overview(store: Store) -> Overview:
    """On a worker thread: how many deliveries are in each state, and the last ones."""
    return store.queue(), store.deliveries(limit=LAST_DELIVERIES)


class ImportService(Service):
    """Imports what is in the spool and not in the store, several deliveries at once.

    *open_store* opens the database of the configuration; it is called again after it was away.
    """

    def __init__(
        self,
        *,
        open_store: Callable[[], Store],
        work: ImportWork,
        turns: Turns,
        workers: Workers,
        clock: IReactorTime,
        tell: Tell,
    ) -> None:
        self._open_store = open_store
        self._work = work
        self._turns = turns
        self._workers = workers
        self._clock = clock
        self._tell = tell
        self._clear = Signal()  # set while no small delivery is there that large ones give way to
        self._clear.set()
        self._store: Store | None = None
        self._absence = Absence(clock)  # of the database
        self._paused = False  # nothing begins until the next look
        self._look_at_all = True
        self._looking = False
        self._look_again = False
        self._looked = -LOOK_APART  # when the last look ended
        self._timer: IDelayedCall | None = None
        self._imports: set[Deferred[None]] = set()
        self._inquiry: Inquiry[Overview] = Inquiry(clock)

    # What others may ask.

    @property
    def store_status(self) -> StoreStatus:
        """The database, as people are told of it."""
        return self._absence.status(opened=self._store is not None)

    @property
    def waiting(self) -> int:
        return self._turns.waiting

    @property
    def importing(self) -> int:
        return self._turns.running

    @property
    def store(self) -> Store | None:
        """The database, once it was opened."""
        return self._store

    async def overview(self) -> Overview | None:
        """What the database says of the deliveries; None while it is away or says nothing."""
        store = self._store
        if store is None or self._absence.failures:
            return None
        return await self._inquiry.ask(lambda: self._workers.run(overview, store))

    def wake(self, *, retried: bool = False) -> None:
        """There is something new: a delivery was accepted, or (*retried*) one is to be imported again."""
        self._look_at_all = self._look_at_all or retried
        if self._looking:
            self._look_again = True
        elif self.running and not self._paused:
            self._look_soon()

    # The service.

    def startService(self) -> None:
        super().startService()
        self.wake(retried=True)

    def stopService(self) -> Deferred[None]:
        """Fires when no import runs any more; each was stopped between two of its steps."""
        super().stopService()
        self._clear.set()
        self._cancel_timer()

        async def ended() -> None:
            for each in list(self._imports):
                await each
            if self._store is not None:
                await self._workers.run(self._store.close)

        return Deferred.fromCoroutine(ended())

    # Looking for work.

    async def _look(self) -> None:
        self._looking = True
        self._let_large_go_on()
        self._cancel_timer()
        wait, failures = LOOK_EVERY, self._absence.failures
        try:
            for turn in await self._found():
                self._turns.add(turn)
            if self._absence.failures > failures:  # an import met it meanwhile, and waits
                wait = pause(self._absence.failures)
            else:
                self._go_on()
        except (StoreAway, StoreUnusable) as error:
            wait = self._store_is_away(error)
        except (NotAccepted, OSError) as error:
            wait = pause(MOST_TRIES)
            self._tell(SpoolUnreadable(str(error), wait))
        except Exception as error:  # noqa: BLE001  (a defect: it must not end all imports)
            wait = pause(MOST_TRIES)
            self._tell(fault("the parsing reactor", error))
        finally:
            self._looking = False
            self._looked = self._clock.seconds()
        self._look_later(wait)
        self._let_large_go_on()

    def _go_on(self) -> None:
        """The database answered a look; whether it can be written to, the first import shows."""
        self._paused = False
        self._begin_imports()
        if not self._turns.running:
            self._store_is_back()

    async def _opened(self) -> Store:
        """The database; after it was away what is at its URL now, which may be another one."""
        if self._store is not None and self._absence.failures and not self._store_in_use:
            await self._workers.run(self._store.let_go)
            self._store = None
        if self._store is None:
            self._store = await self._workers.run(self._open_store)
            self._look_at_all = True
        return self._store

    @property
    def _store_in_use(self) -> bool:
        return self._turns.running > 0 or self._inquiry.running

    async def _found(self) -> list[Turn]:
        """The deliveries that are new, or with the first look all that wait in the store."""
        store = await self._opened()
        whole, self._look_at_all = self._look_at_all, False
        try:
            found = await self._workers.run(self._work.look, store, whole)
        except Exception:
            self._look_at_all = True
            raise
        self._tell_of(found)
        return found.turns

    def _tell_of(self, found: Found) -> None:
        for sequence, reason in found.unreadable:
            self._tell(EnvelopeUnreadable(sequence, reason))
        for sequence, deaths in found.died:
            self._tell(ImportDied(sequence, deaths))
        for sequence, reason in found.deadly:
            self._tell(ImportDeadly(sequence, reason))
        for delivery in found.local:
            self._tell(DeliveryAccepted(delivery))

    def _look_later(self, wait: float) -> None:
        if not self.running:
            return
        if self._look_again and not self._paused:
            self._look_again = False
            wait = LOOK_APART
        self._cancel_timer()
        self._timer = self._clock.callLater(wait, self._timed_out)

    def _look_soon(self) -> None:
        wait = self._looked + LOOK_APART - self._clock.seconds()
        if wait > 0:
            self._look_later(wait)
        else:
            self._spawn(self._look())

    def _timed_out(self) -> None:
        self._timer = None
        self._spawn(self._look())

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _store_is_away(self, error: StoreAway | StoreUnusable) -> float:
        """Tell it once for each pause; the seconds to wait, more each time."""
        self._paused = True
        wait = self._absence.failed(str(error))
        self._tell(StoreLost(str(error), wait))
        return wait

    def _store_is_back(self) -> None:
        if self._absence.end():
            self._tell(StoreBack())

    # Importing.

    def _begin_imports(self) -> None:
        self._let_large_go_on()
        while self.running and not self._paused and (turn := self._turns.next()) is not None:
            self._spawn(self._import(self._turns.along(turn)))

    def _let_large_go_on(self) -> None:
        """Unless there are small ones, or there may be."""
        if self.running and (self._turns.small or self._looking):
            self._clear.clear()
        else:
            self._clear.set()

    def _stopping(self, turn: Turn) -> Callable[[], bool]:
        """What the import of *turn* asks on its thread between two steps; a large one gives way first."""
        courtesy = Courtesy(self._clear.wait, time.monotonic)

        def stopping() -> bool:
            if turn.large:
                courtesy.give_way()
            return not self.running

        return stopping

    async def _import(self, turns: list[Turn]) -> None:
        """Those of *turns*, of one customer, together."""
        assert self._store is not None
        try:
            stopping = self._stopping(turns[0])
            done = await self._workers.run(self._work.attempt, self._store, turns, stopping)
        except (StoreAway, StoreUnusable) as error:
            self._done(turns)
            self._look_at_all = True
            self._wait_for_store(error)
        except Interrupted:
            self._done(turns)
        except Exception as error:  # noqa: BLE001  (a defect, or bytes that are gone: it stops no other import)
            await self._not_imported(turns, error)
        else:
            self._done(turns)
            await self._imported(done)

    def _done(self, turns: list[Turn]) -> None:
        for turn in turns:
            self._turns.done(turn.sequence)

    async def _imported(self, done: list[tuple[Delivery, Outcome]]) -> None:
        self._store_is_back()
        for delivery, outcome in done:
            self._tell(TOLD[outcome.state](delivery, outcome))
            reach("import.done", delivery.envelope.name)
            if outcome.absent.count:
                self._tell(TransactionsAbsent(delivery, outcome))
        self._begin_imports()
        for delivery, outcome in done:
            if outcome.state is State.HELD:
                asked = await self._workers.run(self._work.was_asked_for, delivery.sequence)
                self._look_at_all = self._look_at_all or asked

    async def _not_imported(self, turns: list[Turn], error: Exception) -> None:
        """Of several nothing was kept: each is imported alone."""
        if len(turns) == 1 and not isinstance(error, NotWaiting):
            await self._failed(turns[0], error)
            return
        self._done(turns)
        if len(turns) > 1:
            for turn in turns:
                self._turns.add(replace(turn, alone=True))
        self._begin_imports()

    def _wait_for_store(self, error: StoreAway | StoreUnusable) -> None:
        """Of several imports that meet it the first one begins the pause."""
        if self._paused:
            return
        wait = self._store_is_away(error)
        self._cancel_timer()
        if not self._looking:
            self._look_later(wait)

    async def _failed(self, turn: Turn, error: Exception) -> None:
        """Count the try; try again later, or hold the delivery when it was tried often enough."""
        if not isinstance(error, NotAccepted):
            self._tell(fault(f"the import of delivery {turn.sequence}", error))
        assert self._store is not None
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
        try:
            tries = await self._workers.run(self._work.count_try, self._store, turn.sequence, reason)
        except (StoreAway, StoreUnusable) as away:
            self._turns.done(turn.sequence)
            self._look_at_all = True
            self._wait_for_store(away)
            return
        except NotWaiting:
            self._turns.done(turn.sequence)
            self._begin_imports()
            return
        except Exception as another:  # noqa: BLE001  (a defect: the next look finds the delivery again)
            self._turns.done(turn.sequence)
            self._look_at_all = True
            self._tell(fault(f"the failure of delivery {turn.sequence}", another))
            return
        if tries >= MOST_TRIES:
            self._turns.done(turn.sequence)
            self._tell(ImportGivenUp(turn.sequence, tries, reason))
        else:
            wait = pause(tries)
            self._tell(ImportFailed(turn.sequence, reason, wait))
            self._turns.rest(turn.sequence)
            self._clock.callLater(wait, self._try_again, turn)
        self._begin_imports()

    def _try_again(self, turn: Turn) -> None:
        self._turns.wake(turn.sequence)
        self._begin_imports()

    def _spawn(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Let *work* go on by itself; a defect in it is told."""
        running = Deferred.fromCoroutine(work)
        self._imports.add(running)

        def ended(result: object) -> None:
            self._imports.discard(running)
            if isinstance(result, Failure):
                self._tell(fault("the parsing reactor", result.value))

        running.addBoth(ended)
