"""The appliance as a process: it starts, hears signals, tells systemd, and stops with an exit status."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dorimportd.daemon.assembly import Appliance
from dorimportd.daemon.journal import fault
from dorimportd.daemon.listening import CannotListen
from dorimportd.daemon.supervise import Supervisor
from dorimportd.events import DaemonStopping, StartRefused

FAILED: Final = 1


SWITCH_SECONDS: Final = 0.001


def spare_the_reactor() -> None:
    """Have threads that compute delay the reactor thread as little as possible.

    They let go of the interpreter lock after a millisecond, and what is there from the start is not gone
    through again at each full garbage collection, during which all threads stand still.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()


class Process:
    """Runs *appliance* on *reactor* until a signal; *ready* is called when all doors are open."""

    def __init__(
        self,
        reactor: Any,
        appliance: Appliance,
        supervisor: Supervisor,
        ready: Callable[[Appliance], None],
    ) -> None:
        self._reactor = reactor
        self._appliance = appliance
        self._supervisor = supervisor
        self._ready = ready
        self._status = 0
        self._reloading = False
        self._wanted = False  # a reload, since the last one began to read
        self._told_to_stop = False

    def run(self) -> int:
        """The exit status, when it has stopped."""
        spare_the_reactor()
        self._reactor.callWhenRunning(self._spawn, self._start)
        self._reactor.callLater(0, self._stop_once)  # when Twisted has set its handlers
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        self._reactor.addSystemEventTrigger("after", "shutdown", self._appliance.release)
        self._reactor.run()
        return self._status

    async def _start(self) -> None:
        signal.signal(signal.SIGHUP, lambda number, frame: self._reactor.callFromThread(self._hang_up))
        try:
            await self._appliance.start()
        except (CannotListen, OSError) as error:
            self._appliance.tell(StartRefused(str(error)))
            self._status = FAILED
            self._reactor.stop()
            return
        self._supervisor.ready()
        self._supervisor.watch(self._reactor)
        self._ready(self._appliance)

    def _stop_once(self) -> None:
        """Pass only the first signal on to Twisted's handlers: a second one would be told as a defect."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._first_only(signal.getsignal(number)))

    def _first_only(self, handler: Any) -> Callable[[int, FrameType | None], None]:
        def stop(number: int, frame: FrameType | None) -> None:
            if not self._told_to_stop:
                self._told_to_stop = True
                handler(number, frame)

        return stop

    def _hang_up(self) -> None:
        self._spawn(self._reload)

    async def _reload(self) -> None:
        """Signals that come while it reads are one more reading, however many they are."""
        self._wanted = True
        if self._reloading:
            return
        self._reloading = True
        try:
            while self._wanted:
                self._wanted = False
                await self._appliance.reload()
        finally:
            self._reloading = False

    def _stop(self) -> Deferred[None]:
        self._supervisor.stopping()
        if self._status == 0:
            self._appliance.tell(DaemonStopping("told to"))
        return Deferred.fromCoroutine(self._appliance.stop())

    def _spawn(self, work: Callable[[], Any]) -> None:
        def failed(failure: Failure) -> None:
            self._appliance.tell(fault("dorimportd", failure.value))
            self._status = FAILED

        Deferred.fromCoroutine(work()).addErrback(failed)
