"""Who drips, who is only silent for a while, and who waits for us."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from dorimportd.receive.pace import Pace

SLOW = ["less than 10 bytes a second came for a minute"]


class Scene:
    def __init__(self, rate):
        self.clock, self.told = Clock(), []
        self.pace = Pace(self.clock, rate, self.told.append)

    def send(self, size, every, times):
        """What comes, is written at once, and is followed by a pause."""
        for _ in range(times):
            self.pace.came(size)
            self.pace.done()
            self.clock.advance(every)


@pytest.fixture
def scene():
    return Scene(10)


def test_a_sender_that_keeps_the_rate_goes_on(scene):
    scene.send(10, every=1, times=1000)
    scene.send(300, every=30, times=100)
    assert scene.told == []


def test_a_sender_below_the_rate_is_told_of_after_a_minute(scene):
    scene.send(9, every=1, times=60)
    assert scene.told == []
    scene.send(9, every=1, times=1)
    assert scene.told == SLOW


def test_one_byte_from_time_to_time_is_too_slow(scene):
    scene.send(1, every=299, times=1)
    assert scene.told == []
    scene.send(1, every=299, times=1)
    assert scene.told == SLOW


def test_a_break_in_the_middle_of_a_file_is_none_of_its_business(scene):
    scene.send(100, every=1, times=10)
    scene.clock.advance(250)
    scene.send(100, every=1, times=10)
    assert scene.told == []


def test_the_next_file_begins_anew(scene):
    for _ in range(10):
        scene.send(5, every=30, times=2)
        scene.pace.rest()
    assert scene.told == []


def test_the_time_in_which_we_are_at_work_does_not_count(scene):
    for _ in range(10):
        scene.pace.came(1)
        scene.clock.advance(500)
        scene.pace.came(1)
        scene.clock.advance(500)
        scene.pace.done()
        scene.clock.advance(5)
    assert scene.told == []
    for _ in range(3):
        scene.send(1, every=5, times=1)
    assert scene.told == SLOW


def test_a_rate_of_none_is_never_too_slow():
    scene = Scene(0)
    scene.send(1, every=299, times=100)
    assert scene.told == []
