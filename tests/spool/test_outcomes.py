from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from dorimportd.errors import SpoolFailing
from dorimportd.spool.layout import Layout
from dorimportd.spool.outcomes import NO_PAST, Outcomes, Past, Reading
from dorimportd.words import State

BERLIN = Reading("tills@0123456789ab", "Europe/Berlin", "EUR", "2026-07-14", released=False)
LONDON = Reading("tills@0123456789ab", "Europe/London", "GBP", None, released=True)


NO_READING = b'{"state": "imported", "reason": null, "readings": []}'


@pytest.fixture
def outcomes(tmp_path):
    layout = Layout(tmp_path)
    layout.delivery(17).mkdir(parents=True)
    return Outcomes(layout)


def text_of(outcomes):
    return outcomes._layout.delivery(17) / "outcome"


def test_an_outcome_is_read_as_it_was_written(outcomes):
    past = Past(State.HELD, "The header is gone.", (BERLIN, LONDON))
    outcomes.put(17, past)
    assert outcomes.past(17) == past
    assert sorted(os.listdir(text_of(outcomes).parent)) == ["outcome"]


def test_an_outcome_that_is_missing_or_was_cut_by_a_power_cut_is_not_known(outcomes):
    assert outcomes.past(17) is None
    for left in (
        b"",
        b'{"state": "imp',
        b"\0\0\0\0",
        b"\xff",
        b"[]",
        b'{"state": "lost", "readings": []}',
        NO_READING,
    ):
        text_of(outcomes).write_bytes(left)
        assert outcomes.past(17) is None, left


def test_an_outcome_that_cannot_be_read_is_a_fault_of_the_spool(outcomes):
    text_of(outcomes).mkdir()
    with pytest.raises(SpoolFailing):
        outcomes.past(17)


def test_of_two_equal_readings_the_later_one_is_kept():
    once = NO_PAST.read(BERLIN).read(LONDON)
    assert once.read(BERLIN) == Past(State.IMPORTED, None, (LONDON, BERLIN))


def test_a_retry_keeps_the_readings_and_makes_no_outcome_where_there_was_none(outcomes):
    outcomes.ask_again(17)
    assert outcomes.past(17) is None
    outcomes.put(17, Past(State.HELD, "Too many rejects.", (BERLIN,)))
    outcomes.ask_again(17)
    assert outcomes.past(17) == Past(State.RECEIVED, None, (BERLIN,))


def test_it_is_known_whether_an_outcome_is_newer_than_a_moment(outcomes):
    now = datetime.now(UTC)
    assert not outcomes.was_put_since(17, now)
    outcomes.put(17, Past(State.IMPORTED, None, (BERLIN,)))
    assert outcomes.was_put_since(17, now - timedelta(seconds=5))
    assert not outcomes.was_put_since(17, now + timedelta(seconds=60))


def test_an_outcome_of_a_time_that_is_still_to_come_is_from_before_the_clock_was_set_back(outcomes):
    outcomes.put(17, Past(State.IMPORTED, None, (BERLIN,)))
    in_an_hour = time.time() + 3600
    os.utime(text_of(outcomes), (in_an_hour, in_an_hour))
    assert not outcomes.was_put_since(17, datetime.now(UTC) - timedelta(seconds=5))


def test_a_format_is_kept_once(outcomes):
    assert outcomes.format("0123456789ab") is None
    outcomes.keep_format("0123456789ab", 'location = "Store"\n')
    outcomes.keep_format("0123456789ab", "another text\n")
    assert outcomes.format("0123456789ab") == 'location = "Store"\n'
