"""Twisted's reactor with its clock mended; the test that fails on the stock class is in tests/stock."""

from __future__ import annotations

import time

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor


class SteadyReactor(EPollReactor):
    """Its timers go by a clock that nobody sets.

    The stock one goes by the time of day: set back by an hour it calls nothing for an hour, set forward
    it ends all sessions as idle.  Whoever wants the time of day asks datetime, never this.
    """

    def seconds(self) -> float:
        return time.monotonic()


def install_reactor() -> None:
    """Make it the global one.  The caller has not imported another before."""
    installReactor(SteadyReactor())
