"""What the defence knows outlives the daemon: it is kept in a file, soon after it has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from dorimportd.events import BansNotKept, BansUnreadable, Tell
from dorimportd.receive.defence import Defence
from dorimportd.receive.workers import Workers
from dorimportd.spool.durable import replace

NAME: Final = "bans"  # in the state directory
SOON: Final = 1.0  # seconds, in which many changes may come


class BanKeeper(Service):
    """Keeps *state*() in a file of *folder*."""

    def __init__(
        self,
        folder: Path,
        state: Callable[[], dict[str, Any]],
        *,
        workers: Workers,
        clock: IReactorTime,
        tell: Tell,
    ) -> None:
        self._path = folder / NAME
        self._state = state
        self._workers = workers
        self._clock = clock
        self._tell = tell
        self._timer: IDelayedCall | None = None
        self._changed = False
        self._failing = False
        self._writing: Deferred[None] = succeed(None)

    def restore(self, defence: Defence) -> None:
        """Have *defence* go on with what was kept.  Blocks.

        It is no reason not to start when that cannot be read.
        """
        try:
            defence.restore(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            pass
        except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
            self._tell(BansUnreadable(str(self._path), repr(error)))

    def soon(self) -> None:
        """There is something new."""
        self._changed = True
        if self.running and self._timer is None:
            self._timer = self._clock.callLater(SOON, self._begin)

    def startService(self) -> None:
        super().startService()
        if self._changed:
            self.soon()

    def stopService(self) -> Deferred[None]:
        """Fires when all is written."""
        super().stopService()
        if self._timer is not None:
            self._timer.cancel()
        return self._begin() if self._changed else self._writing

    def _begin(self) -> Deferred[None]:
        self._timer, self._changed = None, False
        before = self._writing
        self._writing = Deferred.fromCoroutine(self._write(before))
        return self._writing

    async def _write(self, before: Deferred[None]) -> None:
        """One after the other: the last to write has the newest."""
        await before
        try:
            await self._workers.run(write, self._path, self._state())
            self._failing = False
        except OSError as error:
            if not self._failing:
                self._tell(BansNotKept(str(self._path), error.strerror or str(error)))
            self._failing = True


def write(path: Path, state: dict[str, Any]) -> None:
    """Raises OSError."""
    replace(path, json.dumps(state, ensure_ascii=False, indent=1) + "\n")
