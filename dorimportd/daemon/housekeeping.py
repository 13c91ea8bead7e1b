"""What is done from time to time: leftovers of broken uploads are removed when they are old enough, and
deliveries compressed and removed: see pipeline/retention.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from dorimportd.config.schema import Retention
from dorimportd.daemon.journal import fault
from dorimportd.errors import Interrupted, NotAccepted, StoreAway, StoreUnusable
from dorimportd.events import (
    ClockDoubted,
    RetentionDone,
    RetentionFailed,
    RetentionStopped,
    Tell,
    UploadDropped,
)
from dorimportd.pipeline.retention import Done, Round
from dorimportd.receive.workers import Workers
from dorimportd.spool.retention import DAY, Before
from dorimportd.spool.spool import Spool
from dorimportd.spool.today import DOUBT, EVERY, Today
from dorimportd.store.store import Store
from dorimportd.words import iso


class Housekeeping(Service):
    """Removes unfinished uploads and old deliveries, by what *ages*() says; nothing that is written.

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
        self._today = Today(spool.layout)
        self._doubts = False  # the clock
        self._loop = LoopingCall(self._round)
        self._loop.clock = clock

    def startService(self) -> None:
        super().startService()
        self._rounds = self._loop.start(EVERY.total_seconds()).addErrback(self._ended)

    def stopService(self) -> Deferred[LoopingCall | None]:
        """Fires when no round runs any more; it was stopped between two blocks of a file."""
        super().stopService()
        self._loop.stop()
        return self._rounds

    async def _round(self) -> None:
        """A fault in one round does not end the rounds."""
        try:
            now = await self._believed(datetime.now(UTC))
            await self._tidy(now)
            await self._retain(now)
        except Exception as error:  # noqa: BLE001
            self._tell(fault("housekeeping", error))

    async def _believed(self, clock: datetime) -> datetime:
        now = await self._workers.run(self._today.at, clock)
        doubted, self._doubts = self._doubts, clock - now > DOUBT
        if self._doubts and not doubted:
            says, reckoned = (iso(each.replace(microsecond=0)) for each in (clock, now))
            self._tell(ClockDoubted(says, reckoned, DOUBT.days))
        return now

    async def _tidy(self, now: datetime) -> None:
        age_days = self._ages().unfinished_uploads_days
        before = now - timedelta(days=age_days)
        for each in await self._workers.run(self._spool.drop_unfinished, before):
            last_byte_at = iso(each.last_byte_at.replace(microsecond=0))
            self._tell(UploadDropped(each.customer, each.name, each.size, last_byte_at, age_days))

    async def _retain(self, now: datetime) -> None:
        run = self._keepers.run
        try:
            store = await run(self._open_store)
        except (StoreAway, StoreUnusable):
            return  # whoever imports tells of it
        turn = Round(self._spool, store, before(now, self._ages()), lambda: not self.running)
        try:
            while await run(turn.step):
                pass
        except (Interrupted, StoreAway, StoreUnusable):
            pass  # the next round goes on
        except NotAccepted as refusal:
            self._tell(RetentionStopped(refusal.for_us()))
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


def before(now: datetime, ages: Retention) -> Before:
    """What is old at *now*."""
    seconds, days = now.timestamp(), ages.remove_after_days
    return Before(seconds - ages.compress_after_days * DAY, None if days is None else seconds - days * DAY)
