from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.parse.moment import Moments
from dorimportd.parse.pattern import pattern_of
from dorimportd.parse.values import BadValue


def moments(*patterns: str, zone: str = "Europe/Berlin") -> Moments:
    return Moments([pattern_of(pattern) for pattern in patterns or ("iso",)], ZoneInfo(zone))


def utc(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


READ = [
    # zone, text, instant, offset
    ("Europe/Berlin", "2026-07-14 16:52:38", "2026-07-14 14:52:38", 7200),
    ("Europe/Berlin", "2026-01-14 16:52:38.000001", "2026-01-14 15:52:38.000001", 3600),
    ("Europe/Berlin", " 2026-01-14 16:52 ", "2026-01-14 15:52", 3600),
    ("Asia/Kathmandu", "2026-01-14 05:45", "2026-01-14 00:00", 20700),
    ("America/New_York", "2026-07-14", "2026-07-14 04:00", -14400),
    # The offset in the value counts more than the zone.
    ("Europe/Berlin", "2026-07-14 16:52:38-04:00", "2026-07-14 20:52:38", -14400),
    # Z says when, and nothing of the place.
    ("Europe/Berlin", "2026-07-14 16:52:38Z", "2026-07-14 16:52:38", 7200),
    ("Europe/Berlin", "2026-03-29 00:59:59Z", "2026-03-29 00:59:59", 3600),
    ("Europe/Berlin", "2026-03-29 01:00:00Z", "2026-03-29 01:00:00", 7200),
    # The clocks go forward at 02:00 on 29 March 2026.
    ("Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29 00:59:59", 3600),
    ("Europe/Berlin", "2026-03-29 03:00:00", "2026-03-29 01:00:00", 7200),
    # They go back at 03:00 on 25 October 2026; what happens twice is the first of the two.
    ("Europe/Berlin", "2026-10-25 01:59:59", "2026-10-24 23:59:59", 7200),
    ("Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25 00:30:00", 7200),
    ("Europe/Berlin", "2026-10-25 03:00:00", "2026-10-25 02:00:00", 3600),
    # Midnight itself is skipped in Beirut on 29 March 2026: the day begins at 01:00.
    ("Asia/Beirut", "2026-03-29", "2026-03-28 22:00", 10800),
    ("Asia/Beirut", "2026-03-29 01:00", "2026-03-28 22:00", 10800),
    # Samoa had no 30 December 2011.
    ("Pacific/Apia", "2011-12-31", "2011-12-30 10:00", 50400),
    ("Pacific/Apia", "2011-12-29 23:59", "2011-12-30 09:59", -36000),
]


@pytest.mark.parametrize(("zone", "text", "instant", "offset"), READ)
def test_a_local_time_is_the_instant_at_its_place(zone, text, instant, offset):
    reader = moments(zone=zone)
    assert [reader.read(text) for _ in range(2)] == [(utc(instant), offset)] * 2


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("2026-02-29", "is not a day of the calendar"),
        ("2026-04-31 10:00", "is not a day of the calendar"),
        ("1969-12-31", "is not in the years 1970 to 2100"),
        ("2101-01-01", "is not in the years 1970 to 2100"),
        ("0000-01-01", "is not in the years 1970 to 2100"),
        ("14.07.2026", "is not a time like 2026-07-14 16:52:38"),
        ("2026-07-14 25:00", "is not a time like 2026-07-14 16:52:38"),
        ("2026-03-29 02:30", "is skipped by the clocks in Europe/Berlin when they go forward"),
    ],
)
def test_the_rule_says_what_is_wrong(text, rule):
    reader = moments()
    for _ in range(2):
        with pytest.raises(BadValue) as refusal:
            reader.read(text)
        assert refusal.value.rule == rule


def test_patterns_are_tried_in_their_order_and_the_first_that_gives_a_date_counts():
    reader = moments("%d/%m/%Y", "%m/%d/%Y", zone="UTC")
    assert reader.read("12/25/2026") == (utc("2026-12-25"), 0)
    assert reader.read("01/02/2026") == (utc("2026-02-01"), 0)
    with pytest.raises(BadValue, match="is not a time like %d/%m/%Y or %m/%d/%Y"):
        reader.read("2026-01-02")


def test_halves_that_were_met_with_another_pattern_do_not_mislead():
    reader = moments("%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p", zone="UTC")
    assert reader.read("12/25/2026 10:00 AM") == (utc("2026-12-25 10:00"), 0)
    assert reader.read("01/02/2026 10:00 AM") == (utc("2026-01-02 10:00"), 0)
    assert reader.read("01/02/2026 10:00") == (utc("2026-02-01 10:00"), 0)


def test_the_garbage_collector_looks_at_nothing_that_is_remembered():
    reader = moments()
    before = {id(each) for each in gc.get_objects()}
    for text in ("2026-07-14", "2026-07-14 16:52", "2026-07-15T16:53Z", "2026-03-29 16:54+02:00"):
        reader.read(text)
    gc.collect()
    found = [each for each in gc.get_objects() if isinstance(each, tuple) and id(each) not in before]
    assert [each for each in found if any(isinstance(part, int) for part in each)] == []


def test_blanks_of_other_kinds_make_no_difference():
    reader = moments("%d %b %Y %I:%M %p", zone="UTC")
    for text in ("4 Jul 2026 1:05 PM", "4\u00a0Jul 2026  1:05\u202fpm", "\t4 Jul 2026\u00a01:05 p.m. "):
        assert reader.read(text) == (utc("2026-07-04 13:05"), 0), text


@settings(max_examples=60)
@given(
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
    st.datetimes(datetime(1975, 1, 1), datetime(2100, 1, 1)),
)
def test_every_instant_comes_back_from_its_local_time(zone: str, moment: datetime):
    """But for the second of two that a clock on the wall shows alike."""
    local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(fold=0)
    offset = local.utcoffset()
    assert offset is not None
    instant = local.astimezone(UTC).replace(tzinfo=None).isoformat()
    written = local.replace(tzinfo=None).isoformat(" ")
    assert moments(zone=zone).read(written) == (utc(instant), offset // timedelta(seconds=1))


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_every_instant_comes_back_from_a_time_with_an_offset(moment: datetime, minutes: int):
    offset = timedelta(minutes=minutes)
    written = moment.replace(tzinfo=UTC).astimezone(timezone(offset)).isoformat()
    instant, east = moments().read(written)
    assert (instant, east) == (utc(moment.isoformat()), minutes * 60)
