"""Accounts at which somebody guesses passwords from many addresses.

After so many wrong ones password logins are refused for a while, but not to addresses that have logged in
rightly before, so that nobody locks a customer out by guessing.  Logins by key are not our business.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dorimportd.receive.addresses import source

WRONG_PASSWORDS: Final = 30  # within WINDOW
WINDOW: Final = 1800  # seconds
CLOSED: Final = 1800  # seconds
KNOWN: Final = 20  # addresses of each account, the last to log in


@dataclass(slots=True)
class Account:
    """What is known of one customer's logins."""

    wrong: deque[float] = field(default_factory=deque)  # when they came
    closed_until: float = 0.0  # to passwords from elsewhere
    known: OrderedDict[str, None] = field(default_factory=OrderedDict)  # addresses, the latest last


class Accounts:
    """By customer.  *spares* says of which addresses nothing is counted."""

    def __init__(
        self, now: Callable[[], float], changed: Callable[[], None], spares: Callable[[str], bool]
    ) -> None:
        self._now = now
        self._changed = changed
        self._spares = spares
        self._accounts: dict[str, Account] = {}

    def guessed(self, customer: str, address: str) -> float | None:
        """Count a wrong password; until when the account is closed, when this one closes it."""
        account, now = self._account(customer), self._now()
        if account.closed_until > now or self._is_known(account, address):
            return None
        account.wrong.append(now)
        while account.wrong[0] <= now - WINDOW:
            account.wrong.popleft()
        if len(account.wrong) < WRONG_PASSWORDS:
            return None
        account.wrong.clear()
        account.closed_until = now + CLOSED
        self._changed()
        return account.closed_until

    def closed_until(self, customer: str) -> float | None:
        """Until when passwords count only from addresses that are known."""
        account = self._accounts.get(customer)
        return account.closed_until if account is not None and account.closed_until > self._now() else None

    def refuses(self, customer: str, address: str) -> bool:
        """Whether a password is refused for now, right or wrong."""
        return self.closed_until(customer) is not None and not self._is_known(
            self._account(customer), address
        )

    def succeeded(self, customer: str, address: str) -> None:
        """A login was right."""
        known, key = self._account(customer).known, source(address)
        new = key not in known
        known[key] = None
        known.move_to_end(key)
        if len(known) > KNOWN:
            known.popitem(last=False)
        if new:
            self._changed()

    def know(self, address: str) -> bool:
        """Whether some customer has logged in from *address*."""
        key = source(address)
        return any(key in account.known for account in self._accounts.values())

    def open_all(self) -> None:
        """Passwords count again from everywhere."""
        for account in self._accounts.values():
            account.closed_until = 0.0
            account.wrong.clear()
        self._changed()

    def state(self) -> dict[str, Any]:
        """What is to be kept, as JSON can say it."""
        return {
            customer: {"closed_until": account.closed_until, "known": list(account.known)}
            for customer, account in self._accounts.items()
            if account.known or account.closed_until
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with what was kept.  Raises LookupError, TypeError or ValueError when it is none of ours."""
        latest = self._now() + CLOSED  # the clock may have been set since
        for customer, kept in state.items():
            known = OrderedDict.fromkeys(map(str, kept["known"][-KNOWN:]))
            self._accounts[customer] = Account(
                closed_until=min(float(kept["closed_until"]), latest), known=known
            )

    def _account(self, customer: str) -> Account:
        return self._accounts.setdefault(customer, Account())

    def _is_known(self, account: Account, address: str) -> bool:
        return self._spares(address) or source(address) in account.known
