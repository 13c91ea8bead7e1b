"""How many sessions there may be: counted here, for all doors together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from dorimportd.errors import TooManySessions
from dorimportd.receive.addresses import source


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The most sessions at a time."""

    all: int
    per_address: int
    per_customer: int


class Sessions:
    """The open sessions.  *limits* is asked each time, so that a reload takes effect."""

    def __init__(self, limits: Callable[[], SessionLimits]) -> None:
        self._limits = limits
        self._addresses: Counter[str] = Counter()
        self._customers: Counter[str] = Counter()

    def open(self, address: str) -> None:
        """Count one more session from *address*.  Raises TooManySessions, and then counts nothing."""
        limits, counted = self._limits(), source(address)
        if self._addresses.total() >= limits.all or self._addresses[counted] >= limits.per_address:
            raise TooManySessions
        self._addresses[counted] += 1

    def close(self, address: str) -> None:
        """The session from *address*, counted by open, has ended."""
        self._less(self._addresses, source(address))

    def enter(self, customer: str) -> None:
        """Count one more logged-in session of *customer*.  Raises TooManySessions."""
        if self._customers[customer] >= self._limits().per_customer:
            raise TooManySessions
        self._customers[customer] += 1

    def leave(self, customer: str) -> None:
        """A session counted by enter has ended."""
        self._less(self._customers, customer)

    def count(self) -> int:
        """All sessions that are open."""
        return self._addresses.total()

    def _less(self, counter: Counter[str], key: str) -> None:
        counter[key] -= 1
        if counter[key] <= 0:
            del counter[key]
