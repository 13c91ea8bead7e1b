"""What is done from time to time: leftovers of broken uploads are removed when they are old enough, and
deliveries compressed and removed: see pipeline/retention.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from dorimportd.config.schema import Retention
from dorimportd.daemon.journal import fault
from dorimportd.errors import Interrupted, StoreAway, StoreUnusable
from dorimportd.events import RetentionDone, RetentionFailed, RetentionStopped, Tell, UploadDropped
from dorimportd.pipeline.retention import Done, Round
from dorimportd.receive.workers import Workers
from dorimportd.spool.retention import DAY, Before
from dorimportd.spool.spool import Spool
from dorimportd.store.store import Store
from dorimportd.words import iso

EVERY: Final = 3600.0  # seconds


class Housekeeping(Service):
    """Removes unfinished uploads and old deliveries, by what *ages*() says.

    A round of the retention has a thread of *keepers* to itself, and the store by *open_store* for itself.
    """

    def __init__(
        self,
        *,
        spool: Spool,
        ages: Callable[[], Retention],
        workers: Workers,
        keepers: Workers,
        open_store: Callable[[], Store],
        clock: IReactorTime,
        tell: Tell,
    ) -> None:
        self._spool = spool
        self._ages = ages
        self._workers = workers
        self._keepers = keepers
        self._open_store = open_store
        self._tell = tell
        self._loop = LoopingCall(self._round)
        self._loop.clock = clock

    def startService(self) -> None:
        super().startService()
        self._rounds = self._loop.start(EVERY).addErrback(self._ended)

    def stopService(self) -> Deferred[LoopingCall | None]:
        """Fires when no round runs any more; it was stopped between two blocks of a file."""
        super().stopService()
        self._loop.stop()
        return self._rounds

    async def _round(self) -> None:
        """A fault in one round does not end the rounds."""
        try:
            await self._tidy()
            await self._retain()
        except Exception as error:  # noqa: BLE001
            self._tell(fault("housekeeping", error))

    async def _tidy(self) -> None:
        age_days = self._ages().unfinished_uploads_days
        before = datetime.now(UTC) - timedelta(days=age_days)
        for each in await self._workers.run(self._spool.drop_unfinished, before):
            last_byte_at = iso(each.last_byte_at.replace(microsecond=0))
            self._tell(UploadDropped(each.customer, each.name, each.size, last_byte_at, age_days))

    async def _retain(self) -> None:
        run = self._keepers.run
        try:
            store = await run(self._open_store)
        except (StoreAway, StoreUnusable):
            return  # whoever imports tells of it
        turn = Round(self._spool, store, before(self._ages()), lambda: not self.running)
        try:
            while await run(turn.step):
                pass
        except (Interrupted, StoreAway):
            pass  # the next round goes on
        except OSError as error:
            self._tell(RetentionStopped(f"{error.filename or self._spool.layout.root}: {error.strerror}"))
        finally:
            await run(store.close)
            self._tell_done(turn.done)

    def _tell_done(self, done: Done) -> None:
        for what, reason in done.failed:
            self._tell(RetentionFailed(what, reason))
        if done.compressed or done.removed:
            self._tell(RetentionDone(done.compressed, done.saved, done.removed, done.freed))

    def _ended(self, failure: Failure) -> None:
        self._tell(fault("housekeeping", failure.value))


def before(ages: Retention) -> Before:
    """What is old now."""
    now, days = time.time(), ages.remove_after_days
    return Before(now - ages.compress_after_days * DAY, None if days is None else now - days * DAY)
