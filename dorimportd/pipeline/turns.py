"""Whose turn it is: which delivery is imported next.  Pure: no thread, no disk; time is an argument.

A customer's deliveries are imported one at a time, in the order of their sequence.  Among customers the
one that waited longest since its last turn goes first, so that nobody's thousand files delay another's
one.  Large deliveries never take the last worker, so that a small one always finds a free one.  And they
give way: threads of one process share one interpreter, and databases have few writers, so that a small one
would else take ten times as long beside a large one.

Tiny deliveries of one customer that wait for one another are imported several at once: they share what the
database takes for each database transaction.  Where that fails each is imported alone.

A delivery at which the process died before comes after all others of its customer, and never together with
another such one; those with fewer deaths come first.  So those that only happened to be there are cleared.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

TINY: Final = 32 << 10  # bytes: a few milliseconds of work
AT_ONCE: Final = 20  # tiny ones
LARGE: Final = 8 << 20  # bytes: more than a second or two of work
COURTESY: Final = 4  # times as long as it has worked a large import waits for small ones, and no longer


@dataclass(frozen=True, slots=True)
class Turn:
    """A delivery that waits."""

    sequence: int
    customer: str
    size: int  # bytes
    deaths: int = 0  # of the process, while it imported this
    alone: bool = False  # something has failed when it was imported together with others

    @property
    def order(self) -> tuple[int, int]:
        """By this the deliveries of one customer are sorted."""
        return self.deaths, self.sequence

    @property
    def tiny(self) -> bool:
        """Whether it may be imported together with others."""
        return self.size <= TINY and not self.deaths and not self.alone

    @property
    def large(self) -> bool:
        """Whether it takes more than a second or two."""
        return self.size >= LARGE


class Turns:
    """The deliveries that wait and those that are being imported, by at most *workers* at a time."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._waiting: dict[str, list[tuple[tuple[int, int], Turn]]] = {}  # customer -> heap
        self._known: set[int] = set()
        self._running: dict[int, Turn] = {}  # those of one customer together, by one worker
        self._resting: dict[int, Turn] = {}  # failed ones, until they are tried again
        self._last_turn: dict[str, int] = {}  # customer -> number of its last turn
        self._turns = 0
        self._small = 0  # of those that wait or run

    def add(self, turn: Turn) -> None:
        """*turn* waits from now on; one that waits or runs already is not added again."""
        if turn.sequence not in self._known:
            self._known.add(turn.sequence)
            self._wait(turn)

    def next(self) -> Turn | None:
        """The delivery to import now, which runs until `done`; None when none may begin."""
        if len({each.customer for each in self._running.values()}) >= self.workers:
            return None
        for customer in sorted(self._waiting, key=lambda each: self._last_turn.get(each, 0)):
            _, turn = self._waiting[customer][0]
            if self._may_begin(turn):
                return self._begin(turn)
        return None

    def along(self, turn: Turn) -> list[Turn]:
        """*turn*, which has just begun, and those that are imported together with it: they run, too."""
        turns = [turn]
        while turn.tiny and len(turns) < AT_ONCE and turn.customer in self._waiting:
            _, following = self._waiting[turn.customer][0]
            if not following.tiny:
                break
            turns.append(self._begin(following))
        return turns

    def _may_begin(self, turn: Turn) -> bool:
        running = self._running.values()
        if any(each.customer == turn.customer for each in running):
            return False
        if turn.deaths and (any(each.deaths for each in running) or self._fewest_deaths() < turn.deaths):
            return False
        return not turn.large or sum(each.large for each in running) < max(1, self.workers - 1)

    def _fewest_deaths(self) -> int:
        """Of those that come next for their customer and have any."""
        return min(turn.deaths for (_, turn), *_ in self._waiting.values() if turn.deaths)

    def done(self, sequence: int) -> None:
        """The import of *sequence* has ended, well or not."""
        self._small -= not self._running.pop(sequence).large
        self._known.discard(sequence)

    def rest(self, sequence: int) -> None:
        """The import of *sequence* failed; until `wake` it neither waits nor takes a worker."""
        turn = self._resting[sequence] = self._running.pop(sequence)
        self._small -= not turn.large

    def wake(self, sequence: int) -> None:
        """A resting delivery waits for its turn again."""
        self._wait(self._resting.pop(sequence))

    def _wait(self, turn: Turn) -> None:
        self._small += not turn.large
        heapq.heappush(self._waiting.setdefault(turn.customer, []), (turn.order, turn))

    @property
    def small(self) -> bool:
        """Whether one that is not large waits or is being imported."""
        return self._small > 0

    @property
    def waiting(self) -> int:
        return len(self._known) - len(self._running)

    @property
    def running(self) -> int:
        return len(self._running)

    def _begin(self, turn: Turn) -> Turn:
        heap = self._waiting[turn.customer]
        heapq.heappop(heap)
        if not heap:
            del self._waiting[turn.customer]
        self._turns += 1
        self._last_turn[turn.customer] = self._turns
        self._running[turn.sequence] = turn
        return turn


def pause(attempts: int, *, first: float = 1.0, longest: float = 60.0) -> float:
    """How many seconds to wait after *attempts* failures in a row: growing, up to *longest*."""
    return min(longest, first * 2.0 ** min(max(0, attempts - 1), 30))


class Courtesy:
    """How a large import gives way to small ones between its steps, by *now* in seconds.

    *wait* waits until no small one is there, up to so many seconds; those are a few times what the step
    before took, so that the large one gets its share however many small ones come.
    """

    def __init__(self, wait: Callable[[float], object], now: Callable[[], float]) -> None:
        self._wait = wait
        self._now = now
        self._since = now()

    def give_way(self) -> None:
        """Call it between two steps."""
        self._wait(COURTESY * (self._now() - self._since))
        self._since = self._now()
