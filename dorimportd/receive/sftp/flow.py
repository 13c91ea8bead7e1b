"""How much of one connection is being worked on, so that no client can take memory without end.

A request is begun only while there is room for it and for its answer.  What is not begun stays in the
window of its SSH channel, which is given back when a request has ended and not when it came: a disk or
a client that is slow slows the sender down, and the connection is read all the same, so that its end is
noticed at once.
"""

from __future__ import annotations

from collections.abc import Callable

from dorimportd.receive.uploads import WAITING_LIMIT


class Flow:
    """The requests of all channels of one connection that were begun and have not ended."""

    def __init__(self) -> None:
        self._weight = 0  # bytes
        self._congested = False
        self._waiting: list[Callable[[], None]] = []

    @property
    def idle(self) -> bool:
        """Nothing is being worked on."""
        return self._weight == 0

    @property
    def has_room(self) -> bool:
        """Whether one more request may be begun."""
        return not self._congested and self._weight < WAITING_LIMIT

    def wait(self, go_on: Callable[[], None]) -> None:
        """Have *go_on* called, once, when there is room again."""
        if go_on not in self._waiting:
            self._waiting.append(go_on)

    def begin(self, weight: int) -> None:
        self._weight += weight

    def end(self, weight: int) -> None:
        """What begin counted has ended."""
        self._weight -= weight
        self._wake()

    def congested(self, congested: bool) -> None:
        """Whether the client does not take what it is sent."""
        self._congested = congested
        self._wake()

    def _wake(self) -> None:
        if self._waiting and self.has_room:
            waiting, self._waiting = self._waiting, []
            for go_on in waiting:
                go_on()
