"""How long the database is away, why, and when it is tried again; and questions that do not wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from dorimportd.errors import StoreAway, StoreUnusable
from dorimportd.pipeline.turns import pause

ASK_SECONDS: Final = 3.0  # that a person waits for the database

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """The database, as people are told of it."""

    state: str  # ok, opening or away
    reason: str | None = None  # why it is away
    since: datetime | None = None  # when it went
    next_try_seconds: float | None = None  # until it is tried again; 0 while it is


class Absence:
    """What is known while the database is away."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._reason: str | None = None
        self._since: datetime | None = None
        self._next_try = 0.0  # by the clock
        self.failures = 0  # in a row, to use the database; 0 when it is there

    def failed(self, reason: str) -> float:
        """It could not be used; the seconds to wait, more each time."""
        self.failures += 1
        self._since = self._since or datetime.now(UTC)
        self._reason = reason
        wait = pause(self.failures)
        self._next_try = self._clock.seconds() + wait
        return wait

    def end(self) -> bool:
        """Something was done with it; whether it was away."""
        was_away, self.failures, self._since = self.failures > 0, 0, None
        return was_away

    def status(self, *, opened: bool) -> StoreStatus:
        if not self.failures:
            return StoreStatus("ok" if opened else "opening")
        left = max(0.0, self._next_try - self._clock.seconds())
        return StoreStatus("away", self._reason, self._since, left)


class Inquiry(Generic[T]):
    """A question that is asked once at a time, whoever asks, and whose asker does not wait for ever."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._askers: list[Deferred[T | None]] = []
        self.running = False

    def ask(self, question: Callable[[], Deferred[T]]) -> Deferred[T | None]:
        """The answer to *question*, or to the same one that runs; None when there is none in time."""
        asker: Deferred[T | None] = Deferred()
        self._askers.append(asker)
        asker.addTimeout(ASK_SECONDS, self._clock, lambda late, seconds: None)
        if not self.running:
            self.running = True
            question().addErrback(no_answer).addBoth(self._answered)
        return asker

    def _answered(self, answer: T | Failure | None) -> None:
        self.running = False
        askers, self._askers = self._askers, []
        for each in askers:
            each.callback(answer)


def no_answer(failure: Failure) -> None:
    """A database that is away answers nothing."""
    failure.trap(StoreAway, StoreUnusable)
