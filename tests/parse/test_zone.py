from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from zoneinfo import available_timezones

import pytest

from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.parse.values import BadValue
from dorimportd.parse.zone import names, zone_of
from dorimportd.words import Transaction, instant, iso

FORMAT = (
    'location = "Store"\ntransaction_id = "No"\ntotal = "Total"\ntime = "Time"\nmax_reject_percent = 100\n'
)
BERLIN = Defaults("Europe/Berlin", "EUR")
JULY = datetime(2026, 7, 14, 12, tzinfo=UTC)
JANUARY = datetime(2026, 1, 14, 12, tzinfo=UTC)


def hours(text: str, moment: datetime) -> float:
    offset = moment.astimezone(zone_of(text)).utcoffset()
    assert offset is not None
    return offset / timedelta(hours=1)


@pytest.mark.parametrize(
    ("name", "july", "january"),
    [
        ("Europe/Berlin", 2, 1),
        ("europe/berlin", 2, 1),
        (" W. Europe Standard Time ", 2, 1),
        ("W. Europe Daylight Time", 2, 1),
        ("Eastern Time (US & Canada)", -4, -5),
        ("(GMT-05:00) Eastern Time (US & Canada)", -4, -5),
        ("Eastern Standard Time", -4, -5),
        ("Pacific Time (US & Canada)", -7, -8),
        ("US Mountain Standard Time", -7, -7),
        ("India Standard Time", 5.5, 5.5),
        ("New Delhi", 5.5, 5.5),
        ("GMT Standard Time", 1, 0),
        ("UTC", 0, 0),
        ("CET", 1, 1),
        ("CEST", 2, 2),
        ("edt", -4, -4),
        ("+05:30", 5.5, 5.5),
        ("UTC-3", -3, -3),
        ("GMT+0200", 2, 2),
    ],
)
def test_zones_have_many_names(name, july, january):
    assert (hours(name, JULY), hours(name, JANUARY)) == (july, january)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "is empty"),
        ("IST", "is not a time zone that is known here"),
        ("Mars", "is not a time zone that is known here"),
        ("+15:00", "is not a time zone that is known here"),
        ("..", "is not a time zone that is known here"),
    ],
)
def test_what_names_no_zone_or_several_is_refused(name, rule):
    with pytest.raises(BadValue, match=f"^{rule}$"):
        zone_of(name)


def test_each_name_is_of_a_zone_that_there_is():
    assert set(names().values()) <= available_timezones()
    assert len(names()) > 1_000


def local(file: str, more: str) -> list[object]:
    """Instant and offset in hours, or the reject, of each row."""
    (batch,) = read(BytesIO(file.encode()), parse_format(FORMAT + more, "till.toml"), BERLIN)
    found: dict[int, object] = {reject.line: reject[1:4] for reject in batch.rejects}
    for each in map(Transaction._make, batch.transactions):
        at = datetime.fromtimestamp(each.occurred_at / 1e6, UTC).strftime("%m-%d %H:%M:%S")
        found[each.line] = (at, each.utc_offset / 3600)
    return [value for _, value in sorted(found.items())]


def times(*texts: str) -> str:
    return "Store,No,Total,Time\n" + "".join(
        f"Mitte,{number},1,{text}\n" for number, text in enumerate(texts)
    )


def test_a_column_may_tell_the_zone():
    file = "Store,No,Total,Time,Zone\n" + "".join(
        f"Mitte,1,1,2026-07-14 {time},{zone}\n"
        for time, zone in [
            ("12:00", "Eastern Time (US & Canada)"),
            ("12:00", "Tokyo Standard Time"),
            ("12:00Z", "Europe/Lisbon"),
            ("12:00", "Mars"),
            ("12:00", ""),
            ("x", "Mars"),
        ]
    )
    assert local(file, 'timezone = { column = "Zone" }') == [
        ("07-14 16:00:00", -4),
        ("07-14 03:00:00", 9),
        ("07-14 12:00:00", 1),
        ("Zone", "Mars", "is not a time zone that is known here"),
        ("Zone", "", "is empty"),
        ("Time", "2026-07-14 x", "is not a time like 2026-07-14 16:52:38"),
    ]


def test_each_location_may_have_its_zone():
    file = times("2026-07-14 12:00", "2026-07-14 12:00").replace("Mitte,1", "Porto,1")
    zones = 'timezone = { column = "Store", lookup = { Mitte = "Europe/Berlin", Porto = "Europe/Lisbon" } }'
    assert local(file, zones) == [("07-14 10:00:00", 2), ("07-14 11:00:00", 1)]


def test_of_a_time_that_is_shown_twice_the_format_may_take_the_second():
    file = times("2026-10-25 01:59", "2026-10-25 02:30", "2026-10-25 03:00")
    assert local(file, "") == [("10-24 23:59:00", 2), ("10-25 00:30:00", 2), ("10-25 02:00:00", 1)]
    second = [("10-24 23:59:00", 2), ("10-25 01:30:00", 1), ("10-25 02:00:00", 1)]
    assert local(file, 'dst_overlap = "second"') == second


def test_a_time_that_is_left_out_may_be_shifted():
    file = times("2026-03-29 01:59", "2026-03-29 02:30", "2026-03-29 03:00")
    assert local(file, 'dst_gap = "shift"') == [
        ("03-29 00:59:00", 1),
        ("03-29 01:30:00", 2),
        ("03-29 01:00:00", 2),
    ]


def test_times_may_be_counts_since_1970():
    file = times("1784023200", "1784023200.25", "4133980800", "x", "-1")
    assert local(file, 'time_format = "epoch"') == [
        ("07-14 10:00:00", 2),
        ("07-14 10:00:00", 2),
        ("Time", "4133980800", "is not in the years 1970 to 2100"),
        ("Time", "x", "is not a time like 1784023200"),
        ("Time", "-1", "is not a time like 1784023200"),
    ]
    assert local(times("1784023200000"), 'time_format = "epoch_ms"') == [("07-14 10:00:00", 2)]
    both = 'time_format = ["iso", "epoch"]'
    assert local(times("2026-07-14 12:00", "1784023200", "x"), both) == [
        ("07-14 10:00:00", 2),
        ("07-14 10:00:00", 2),
        ("Time", "x", "is not a time like 2026-07-14 16:52:38 or 1784023200"),
    ]


def test_the_time_of_the_day_may_be_seconds_since_midnight():
    file = times("14.07.2026 43200", "14.07.2026 0", "14.07.2026 86399", "14.07.2026 86400")
    assert local(file, 'time_format = "%d.%m.%Y %s"') == [
        ("07-14 10:00:00", 2),
        ("07-13 22:00:00", 2),
        ("07-14 21:59:59", 2),
        ("Time", "14.07.2026 86400", "is not a time like %d.%m.%Y %s"),
    ]


def test_time_and_zone_may_both_be_taken_out_of_one_column(read_file):
    transactions, rejects = read_file(
        "Store,No,Total,Time\n0042,117,5.00,2026-07-14 12:52 EDT\n0042,118,5.00,2026-07-14 18:52 CEST\n",
        """
        timezone = { column = "Time", extract = '[A-Z]+$' }
        """,
        format="""
        location = "Store"
        transaction_id = "No"
        total = "Total"
        time = { column = "Time", extract = '^[0-9: -]+' }
        """,
    )
    assert rejects == []
    assert [iso(instant(each.occurred_at)) for each in transactions] == ["2026-07-14T16:52:00Z"] * 2
