"""What Twisted's own reactor does wrong, beside ours."""

from __future__ import annotations

import pytest
from twisted.internet import base
from twisted.internet.epollreactor import EPollReactor

from dorimportd.daemon.mended import SteadyReactor

HOUR = 3600


class Jumping:
    """A clock that somebody sets."""

    def __init__(self):
        self.now = 1_784_000_000.0

    def seconds(self):
        return self.now


def reactor_of(kind, clock, monkeypatch):
    """A reactor of that class in a world where the time of day is *clock*'s, and only that is set."""
    monkeypatch.setattr(base.ReactorBase, "seconds", staticmethod(clock.seconds))
    monkeypatch.setattr("time.time", clock.seconds)
    return kind()


@pytest.mark.parametrize("jump", [-HOUR, HOUR, -30 * 24 * HOUR, 30 * 24 * HOUR])
@pytest.mark.parametrize(("kind", "steady"), [(EPollReactor, False), (SteadyReactor, True)])
def test_a_clock_that_is_set_moves_no_timer(kind, steady, jump, monkeypatch):
    """The stock reactor ends an idle time of an hour too early or too late by as much as the clock jumped."""
    clock = Jumping()
    reactor = reactor_of(kind, clock, monkeypatch)
    late = []
    reactor.callLater(HOUR / 2, late.append, "idle")
    clock.now += jump
    left = reactor.timeout()
    reactor.runUntilCurrent()
    reactor.disconnectAll()
    assert (left == pytest.approx(HOUR / 2, abs=60)) is steady
    assert (late == []) is (steady or jump < 0)
