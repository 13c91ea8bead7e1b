"""Who is kept out for a while: addresses that guess, and strangers at an account that is guessed at.

All doors count together.  What an address did costs it points:

    a password for a login that does not exist              2
    a wrong password                                        1
    a session that ended with keys refused, and no login    1
    a session that says nothing                             0

So many of them within WINDOW ban it; the ban of one that was banned of late is longer by half each time.
Nothing that comes from a banned address counts, and a right login takes its points away.  An IPv6 address
counts as its /64 network.

It knows no network, no file and no thread, and the time is handed in.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, NamedTuple

from dorimportd.config.keys import lies_in
from dorimportd.config.schema import Defence as Rules
from dorimportd.receive.accounts import Accounts
from dorimportd.receive.addresses import plain_address, source

UNKNOWN_LOGIN: Final = 2  # points
WRONG_PASSWORD: Final = 1
REFUSED_KEYS: Final = 1
WINDOW: Final = 1800  # seconds in which points add up
GROWTH: Final = 1.5
LONGEST: Final = 86_400  # seconds of a ban, unless the first one is to be longer
REMEMBERED: Final = 86_400  # seconds after a ban in which the next one is longer
GROWTHS: Final = 40  # more make no ban longer, and a number that is too large
MOST: Final = 10_000  # addresses with points, and as many with bans: the oldest are forgotten first

# Somebody on this very machine: checks of its health, and a tunnel or proxy for everybody.
OURSELVES: Final = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Ban:
    """Everything from *address* is refused.  Times are seconds since 1970."""

    address: str  # or an IPv6 network
    since: float
    until: float
    why: str
    number: int  # of the bans of this address that came one after the other


class Failure(NamedTuple):
    """What an address did."""

    at: float
    points: int


class Defence:
    """Bans and guarded accounts.  *rules* is asked each time, so that a reload takes effect.

    *now* is the time of day by a clock that nobody sets while we run.  *changed* is called when there is
    something new to be kept.
    """

    def __init__(
        self, rules: Callable[[], Rules], now: Callable[[], float], changed: Callable[[], None] = lambda: None
    ) -> None:
        self._rules = rules
        self._now = now
        self._changed = changed
        self._failures: OrderedDict[str, deque[Failure]] = OrderedDict()
        self._bans: OrderedDict[str, Ban] = OrderedDict()  # those of late, too
        self.accounts = Accounts(now, changed, self.spares)

    def spares(self, address: str) -> bool:
        """Whether nothing is held against *address*."""
        networks = self._rules().never_banned
        return plain_address(address) in OURSELVES or (bool(networks) and lies_in(address, networks))

    def ban_of(self, address: str) -> Ban | None:
        """The ban that keeps *address* out."""
        ban = self._bans.get(source(address))
        return ban if ban is not None and ban.until > self._now() and not self.spares(address) else None

    def failed(self, address: str, points: int, what: str) -> Ban | None:
        """Hold *points* against *address* for *what* it did; the ban, when it is one too many."""
        if self.spares(address) or self.ban_of(address) is not None:
            return None
        key, now = source(address), self._now()
        failures = self._failures.setdefault(key, deque())
        failures.append(Failure(now, points))
        while failures[0].at <= now - WINDOW:
            failures.popleft()
        self._failures.move_to_end(key)
        forget_oldest(self._failures)
        if sum(each.points for each in failures) < self._rules().ban_score:
            return None
        del self._failures[key]
        return self._ban(key, f"{len(failures)} failed logins in {WINDOW // 60} minutes, the last {what}")

    def succeeded(self, address: str, customer: str) -> None:
        """A login of *customer* from *address* was right."""
        self._failures.pop(source(address), None)
        self.accounts.succeeded(customer, address)

    def bans(self) -> list[Ban]:
        """Those that hold, the oldest first."""
        now = self._now()
        return [ban for ban in self._bans.values() if ban.until > now and not self._spares_ban(ban)]

    def lift(self, address: str) -> Ban | None:
        """End the ban of *address*, which may be an IPv6 network as we show it; it has no points any more.

        Raises ValueError when it is no address.
        """
        key = source(address.removesuffix("/64"))
        self._failures.pop(key, None)
        ban = self._bans.pop(key, None)
        self._changed()
        return ban if ban is not None and ban.until > self._now() else None

    def _spares_ban(self, ban: Ban) -> bool:
        return self.spares(ban.address.removesuffix("/64"))

    def _ban(self, key: str, why: str) -> Ban:
        rules, now = self._rules(), self._now()
        last = self._bans.pop(key, None)
        number = last.number + 1 if last is not None and last.until > now - REMEMBERED else 1
        seconds = rules.ban_seconds * GROWTH ** min(number - 1, GROWTHS)
        ban = Ban(key, now, now + min(seconds, max(LONGEST, rules.ban_seconds)), why, number)
        self._bans[key] = ban
        forget_oldest(self._bans)
        self._changed()
        return ban

    # What outlives us.

    def state(self) -> dict[str, Any]:
        """What is to be kept, as JSON can say it."""
        after = self._now() - REMEMBERED
        bans = [asdict(ban) for ban in self._bans.values() if ban.until > after]
        return {"bans": bans, "accounts": self.accounts.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with what was kept.  Raises LookupError, TypeError or ValueError when it is none of ours."""
        bans = [Ban(**each) for each in state["bans"]]
        latest = self._now() + max(LONGEST, self._rules().ban_seconds)  # the clock may have been set since
        found = {source(ban.address.removesuffix("/64")): ban for ban in bans[-MOST:]}
        self._bans.update(
            (key, replace(ban, until=min(float(ban.until), latest))) for key, ban in found.items()
        )
        self.accounts.restore(state["accounts"])


def forget_oldest(found: OrderedDict[str, Any]) -> None:
    """Keep *found* bounded."""
    while len(found) > MOST:
        found.popitem(last=False)
