"""What is done from time to time: leftovers of broken uploads are removed when they are old enough."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from dorimportd.daemon.journal import fault
from dorimportd.events import Tell, UploadsDropped
from dorimportd.receive.workers import Workers
from dorimportd.spool.spool import Spool

EVERY: Final = 3600.0  # seconds


class Today:
    """The time of day by which leftovers grow old: of a clock that somebody may set.

    Set forward it is believed when a second round finds it so, an hour later by a clock that nobody sets;
    so an upload that is young is not lost to a clock that is set forward and back.  Set back it is believed
    at once, since then uploads are kept for longer.
    """

    def __init__(self) -> None:
        self._most: datetime | None = None  # that the next round may believe

    def at(self, now: datetime) -> datetime:
        """What a round believes that finds the clock at *now*; the first one has nothing else to go by."""
        believed = now if self._most is None else min(now, self._most)
        self._most = now + 2 * timedelta(seconds=EVERY)
        return believed


class Housekeeping(Service):
    """Removes unfinished uploads that nobody writes and that are older than *age_days*() days."""

    def __init__(
        self, *, spool: Spool, age_days: Callable[[], int], workers: Workers, clock: IReactorTime, tell: Tell
    ) -> None:
        self._spool = spool
        self._age_days = age_days
        self._workers = workers
        self._tell = tell
        self._today = Today()
        self._loop = LoopingCall(self._round)
        self._loop.clock = clock

    def startService(self) -> None:
        super().startService()
        self._loop.start(EVERY).addErrback(self._ended)

    def stopService(self) -> None:
        super().stopService()
        self._loop.stop()

    async def _round(self) -> None:
        """A fault in one round does not end the rounds."""
        try:
            await self._tidy()
        except Exception as error:  # noqa: BLE001
            self._tell(fault("housekeeping", error))

    async def _tidy(self) -> None:
        age_days = self._age_days()
        before = self._today.at(datetime.now(UTC)) - timedelta(days=age_days)
        count = await self._workers.run(self._spool.drop_unfinished, before)
        if count:
            self._tell(UploadsDropped(count, age_days))

    def _ended(self, failure: Failure) -> None:
        self._tell(fault("housekeeping", failure.value))
