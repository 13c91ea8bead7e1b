"""One at a time, in the order of coming, however many wait."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred


class OneAtATime:
    """A block that coroutines enter one at a time: `async with one_at_a_time`.

    Twisted's DeferredLock lets each one that waits in from within the end of the one before, so that some
    ninety of them that have nothing to wait for inside need more stack than there is, and wait for ever.
    """

    def __init__(self) -> None:
        self._waiting: deque[Deferred[None]] = deque()
        self._taken = False
        self._letting_in = False

    @property
    def is_free(self) -> bool:
        """Whether nobody is in, and nobody waits."""
        return not self._taken and not self._waiting

    async def __aenter__(self) -> None:
        if self._taken:
            entering: Deferred[None] = Deferred()
            self._waiting.append(entering)
            await entering
        self._taken = True

    async def __aexit__(self, *_: object) -> None:
        self._taken = False
        if not self._letting_in:  # else the loop that let this one in goes on
            self._let_in()

    def _let_in(self) -> None:
        self._letting_in = True
        while self._waiting and not self._taken:
            self._taken = True
            self._waiting.popleft().callback(None)
        self._letting_in = False
