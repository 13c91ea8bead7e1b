"""How late the event loop is: what a session waits besides the network, the disk and the database.

A timer asks to be called every 20 ms; by how much each call is late is counted in buckets.  A loop that
stood still for a second kept everybody waiting who came in that second, and not only the timer: so such a
call counts as the fifty that it stands for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

EVERY: Final = 0.02  # seconds
SLOT: Final = 30.0  # seconds that are counted together
SLOTS: Final = 10  # that are kept: five minutes
LONGEST: Final = 60.0  # seconds; beyond it a machine slept, and nothing more is to be learned
# Milliseconds up to which a bucket goes: ten for each power of ten, so that a figure is a quarter too high at
# most.
BOUNDS: Final = tuple(
    step * 10.0**power for power in range(-1, 5) for step in (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)
)


class Delay(NamedTuple):
    """By how many milliseconds the event loop was late."""

    p50: float  # of one moment in two, not more than this
    p99: float
    longest: float  # since the start
    seconds: float  # that the first two are about

    @property
    def shape(self) -> dict[str, float]:
        """What `status --json` has of it."""
        return {
            "p50_ms": round(self.p50, 2),
            "p99_ms": round(self.p99, 2),
            "max_ms": round(self.longest, 2),
            "since_seconds": round(self.seconds),
        }


class Slot:
    """What was counted for some time."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.counts = [0] * (len(BOUNDS) + 1)

    def count(self, late: float) -> None:
        """Count a call that was *late* seconds late, and those that should have been meanwhile."""
        late = min(late, LONGEST)
        while late >= 0:
            self.counts[bisect_left(BOUNDS, late * 1000)] += 1
            late -= EVERY


class DelayService(Service):
    """Measures the delay of the event loop of *clock*, by *now*, in seconds that no clock change touches."""

    def __init__(self, *, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._clock = clock
        self._now = now
        self._slots: deque[Slot] = deque(maxlen=SLOTS)
        self._longest = 0.0
        self._due = 0.0
        self._timer: IDelayedCall | None = None

    def startService(self) -> None:
        super().startService()
        self._slots.append(Slot(self._now()))
        self._wait()

    def stopService(self) -> None:
        super().stopService()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def delay(self) -> Delay:
        """What was measured until now."""
        counts = [sum(each) for each in zip(*(slot.counts for slot in self._slots), strict=True)]
        seconds = self._now() - self._slots[0].since if self._slots else 0.0
        return Delay(share(counts, 50), share(counts, 99), self._longest * 1000, seconds)

    def _wait(self) -> None:
        self._due = self._now() + EVERY
        self._timer = self._clock.callLater(EVERY, self._called)

    def _called(self) -> None:
        now = self._now()
        late = max(0.0, now - self._due)
        if now - self._slots[-1].since >= SLOT:
            self._slots.append(Slot(now - late))
        self._slots[-1].count(late)
        self._longest = max(self._longest, late)
        self._wait()


def share(counts: list[int], percent: int) -> float:
    """The bound below which *percent* of 100 of what was counted lie; of the last bucket the lower one."""
    wanted = sum(counts) * percent / 100
    so_far = 0
    for bound, count in zip(BOUNDS, counts, strict=False):
        so_far += count
        if so_far >= wanted:
            return bound if so_far else 0.0
    return BOUNDS[-1]
