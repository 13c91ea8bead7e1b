"""Mails that reached only the archive address are looked for once a minute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from dorimportd.daemon.journal import fault
from dorimportd.errors import NoSpace, NotAccepted
from dorimportd.events import ArchiveUnreadable, Tell
from dorimportd.receive.smtp.recovery import Recovery
from dorimportd.receive.workers import Workers

EVERY: Final = 60.0  # seconds


class MailRecovery(Service):
    """Looks at each mail that came to the archive address when *grace_seconds*() have passed.

    *wall* is the clock on the wall, by which marks have their age.
    """

    def __init__(
        self,
        recovery: Recovery,
        *,
        grace_seconds: Callable[[], int],
        workers: Workers,
        clock: IReactorTime,
        wall: Callable[[], float],
        tell: Tell,
    ) -> None:
        self._recovery = recovery
        self._grace_seconds = grace_seconds
        self._workers = workers
        self._clock = clock
        self._wall = wall
        self._tell = tell
        self._timer: IDelayedCall | None = None

    def startService(self) -> None:
        super().startService()
        self._begin()

    def stopService(self) -> None:
        super().stopService()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._timer = None
        Deferred.fromCoroutine(self._round()).addBoth(self._ended)

    def _ended(self, result: object) -> None:
        if self.running:
            self._timer = self._clock.callLater(min(EVERY, self._grace_seconds()), self._begin)

    async def _round(self) -> None:
        """A fault with one mail ends neither the rounds nor the others."""
        try:
            for digest in await self._workers.run(self._recovery.due, self._wall()):
                if not self.running:
                    return
                await self._recover(digest)
        except NoSpace as full:  # so it is for all that are left
            self._tell(ArchiveUnreadable(str(full)))
        except Exception as error:  # noqa: BLE001
            self._tell(fault("the recovery of mails", error))

    async def _recover(self, digest: str) -> None:
        """First it is durable, then it is told, then the mark goes."""
        try:
            judged = await self._workers.run(self._recovery.recover, digest)
            for event in judged.events:
                self._tell(event)
            await self._workers.run(self._recovery.settle, judged)
        except NoSpace:
            raise
        except NotAccepted as failing:
            self._tell(ArchiveUnreadable(failing.for_us()))
        except Exception as error:  # noqa: BLE001
            self._tell(fault("the recovery of a mail", error))
