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
    strangers: int = 100


@dataclass(eq=False, slots=True)
class Stranger:
    """A session in which nobody has logged in yet, or begun a mail; *end* ends it."""

    source: str
    end: Callable[[], None]


class Strangers:
    """They get in each other's way, and not in that of customers.

    When there are *most*() of them the next one takes the place of the oldest of the address that has most:
    a crowd that says nothing, from few addresses or from many, keeps nobody out.
    """

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._count = 0
        self._by_source: dict[str, dict[Stranger, None]] = {}  # both with the oldest first

    def add(self, address: str, end: Callable[[], None]) -> Stranger:
        """One more, from *address*."""
        if self._count >= self._most():
            self._end_one()
        stranger = Stranger(source(address), end)
        self._by_source.setdefault(stranger.source, {})[stranger] = None
        self._count += 1
        return stranger

    def forget(self, stranger: Stranger | None) -> None:
        """It is none any more, because somebody has logged in or because it has ended."""
        if stranger is None or stranger not in self._by_source.get(stranger.source, {}):
            return
        others = self._by_source[stranger.source]
        del others[stranger]
        self._count -= 1
        if not others:
            del self._by_source[stranger.source]

    def _end_one(self) -> None:
        crowd = max(self._by_source.values(), key=len)
        oldest = next(iter(crowd))
        self.forget(oldest)
        oldest.end()


class Sessions:
    """The open sessions.  *limits* is asked each time, so that a reload takes effect."""

    def __init__(self, limits: Callable[[], SessionLimits]) -> None:
        self.strangers = Strangers(lambda: limits().strangers)
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
