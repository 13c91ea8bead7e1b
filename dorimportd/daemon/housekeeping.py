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
from dorimportd.events import Tell, UploadDropped
from dorimportd.receive.workers import Workers
from dorimportd.spool.spool import Spool
from dorimportd.words import iso

EVERY: Final = 3600.0  # seconds


class Housekeeping(Service):
    """Removes unfinished uploads older than *age_days*() days."""

    def __init__(
        self, *, spool: Spool, age_days: Callable[[], int], workers: Workers, clock: IReactorTime, tell: Tell
    ) -> None:
        self._spool = spool
        self._age_days = age_days
        self._workers = workers
        self._tell = tell
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
        before = datetime.now(UTC) - timedelta(days=age_days)
        for each in await self._workers.run(self._spool.drop_unfinished, before):
            last_byte_at = iso(each.last_byte_at.replace(microsecond=0))
            self._tell(UploadDropped(each.customer, each.name, each.size, last_byte_at, age_days))

    def _ended(self, failure: Failure) -> None:
        self._tell(fault("housekeeping", failure.value))
