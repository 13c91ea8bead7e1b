"""A time limit that is put off as long as something moves."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Timer:
    """Calls *expired* when it was neither stopped nor put off for as long as it was started for."""

    def __init__(self, clock: IReactorTime, expired: Callable[[], object]) -> None:
        self._clock = clock
        self._expired = expired
        self._seconds = 0.0
        self._call: IDelayedCall | None = None

    def start(self, seconds: float) -> None:
        """Let it run, from now on."""
        self.stop()
        self._seconds = seconds
        self._call = self._clock.callLater(seconds, self._expired)

    def put_off(self) -> None:
        """When it runs, let it begin again."""
        if self._call is not None and self._call.active():
            self._call.reset(self._seconds)

    def stop(self) -> None:
        """Let it run no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
