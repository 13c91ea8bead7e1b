"""The last logins of each customer, right and wrong: a few of them, in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from dorimportd.events import Event, LoginAccepted, LoginRefused, SessionRefused
from dorimportd.words import Channel

KEPT: Final = 10  # of each customer


@dataclass(frozen=True, slots=True)
class Login:
    """A login, or several that were the same, one after the other."""

    at: float  # the last of them, in seconds since 1970
    channel: Channel
    address: str
    accepted: bool
    how: str  # by what it was accepted, or why it was not
    times: int = 1

    def is_like(self, other: Login) -> bool:
        """Whether only the time is another one."""
        return replace(self, at=other.at, times=other.times) == other


class LastLogins:
    """By customer.  *now* is the time of day."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._logins: dict[str, deque[Login]] = {}

    def note(self, event: Event) -> None:
        """Keep *event* when it is a login of somebody whom we know."""
        if isinstance(event, LoginAccepted):
            self._add(event.customer, Login(self._now(), event.channel, event.peer, True, event.method))
        elif isinstance(event, LoginRefused | SessionRefused) and event.customer is not None:
            self._add(event.customer, Login(self._now(), event.channel, event.peer, False, event.reason))

    def of(self, customer: str) -> list[Login]:
        """The newest first."""
        return list(reversed(self._logins.get(customer, ())))

    def _add(self, customer: str, login: Login) -> None:
        logins = self._logins.setdefault(customer, deque(maxlen=KEPT))
        if logins and logins[-1].is_like(login):
            login = replace(login, times=logins.pop().times + 1)
        logins.append(login)
