"""Some seconds of each fuzzer; `python tests/hostile/fuzz.py` runs them for as long as one likes."""

from __future__ import annotations

import pytest
from hostile import fuzz

SECONDS = 12


@pytest.mark.parametrize("name", fuzz.ON_THE_WIRE)
def test_whatever_comes_over_the_wire_is_answered_and_nothing_acknowledged_is_lost(doors, name):
    print(fuzz.run(name, SECONDS, doors=doors))


@pytest.mark.parametrize("name", fuzz.IN_PROCESS)
def test_whatever_is_read_is_read_or_refused(name):
    print(fuzz.run(name, SECONDS))


def test_a_sound_daemon_is_told_from_one_that_has_lost_what_it_acknowledged(doors):
    watch = fuzz.Watch(doors)
    watch.add([(doors.is_served(), b"other bytes than those that were sent")])
    with pytest.raises(AssertionError):
        watch.look()
