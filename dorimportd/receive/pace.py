"""A sender that drips holds a session for ever at no cost; one that is silent, the time limits end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime

MINUTE: Final = 60  # seconds over which the rate is averaged


class Pace:
    """Calls *too_slow* with the reason when less than *rate* bytes a second came for a minute.

    The time in which we are at work on what came does not count: between `came` and the next `done` it is
    not the sender who is slow.  A *rate* of 0 is none.  It is looked at when something comes, so that a
    break in the middle of a file harms nobody.
    """

    def __init__(self, clock: IReactorTime, rate: int, too_slow: Callable[[str], object]) -> None:
        self._clock = clock
        self._rate = rate
        self._too_slow = too_slow
        self._since: float | None = None  # the minute began; None when no file is coming
        self._size = 0  # bytes that came in it
        self._busy_since: float | None = None

    def came(self, size: int) -> None:
        """So many bytes of a file came, and are worked on from now on."""
        if self._rate and self._busy_since is None:
            now = self._clock.seconds()
            self._busy_since = now
            self._judge(now)
        self._size += size

    def done(self) -> None:
        """Nothing that came is worked on any more: it is the sender's turn."""
        if self._busy_since is not None and self._since is not None:
            self._since += self._clock.seconds() - self._busy_since
        self._busy_since = None

    def rest(self) -> None:
        """The file is whole."""
        self._since, self._size = None, 0

    def _judge(self, now: float) -> None:
        if self._since is None:
            self._since = now
        if now - self._since < MINUTE:
            return
        slow = self._size < self._rate * MINUTE
        self._since, self._size = now, 0
        if slow:
            self._too_slow(f"less than {self._rate} bytes a second came for a minute")
