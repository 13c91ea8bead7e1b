from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorimportd.parse.pattern import Clock, Date, Stated, pattern_of

HOUR = 3_600_000_000
MINUTE = 60_000_000
SECOND = 1_000_000

READ = [
    ("iso", "2026-07-14", Date(2026, 7, 14), Clock(0, Stated.NO_CLOCK)),
    ("iso", "2026-07-14T16:52", Date(2026, 7, 14), Clock(16 * HOUR + 52 * MINUTE, Stated.NOTHING)),
    ("iso", "2026-07-14 16:52:38.5", Date(2026, 7, 14), Clock(60758 * SECOND + 500_000, Stated.NOTHING)),
    (
        "iso",
        "2026-07-14 16:52:38,123456789",
        Date(2026, 7, 14),
        Clock(60758 * SECOND + 123_456, Stated.NOTHING),
    ),
    ("iso", "2026-07-14T16:52:38Z", Date(2026, 7, 14), Clock(60758 * SECOND, Stated.UTC)),
    ("iso", "2026-07-14T16:52:38-00:00", Date(2026, 7, 14), Clock(60758 * SECOND, Stated.UTC)),
    ("iso", "2026-07-14T16:52:38+00:00", Date(2026, 7, 14), Clock(60758 * SECOND, 0)),
    ("iso", "2026-07-14 16:52:38 +0530", Date(2026, 7, 14), Clock(60758 * SECOND, 19800)),
    ("iso", "2026-07-14 16:52:38-03", Date(2026, 7, 14), Clock(60758 * SECOND, -10800)),
    ("%d.%m.%Y", "4.7.2026", Date(2026, 7, 4), Clock(0, Stated.NO_CLOCK)),
    ("%m/%d/%y %I:%M %p", "7/4/26 12:05 AM", Date(2026, 7, 4), Clock(5 * MINUTE, Stated.NOTHING)),
    (
        "%m/%d/%y %I:%M %p",
        "7/4/26 12:05\u202fpm",
        Date(2026, 7, 4),
        Clock(12 * HOUR + 5 * MINUTE, Stated.NOTHING),
    ),
    ("%m/%d/%y %I:%M%p", "7/4/69 1:05p.m.", Date(1969, 7, 4), Clock(13 * HOUR + 5 * MINUTE, Stated.NOTHING)),
    ("%y%m%d", "680704", Date(2068, 7, 4), Clock(0, Stated.NO_CLOCK)),
    ("%a %d %b %Y %H:%M", "tue 14 JUL 2026 06:00", Date(2026, 7, 14), Clock(6 * HOUR, Stated.NOTHING)),
    ("%B %d, %Y", "July  4, 2026", Date(2026, 7, 4), Clock(0, Stated.NO_CLOCK)),
    ("%Y%m%d%H%M%S", "20260714165238", Date(2026, 7, 14), Clock(60758 * SECOND, Stated.NOTHING)),
    ("%H:%M %d/%m/%Y", "06:00 14/07/2026", Date(2026, 7, 14), Clock(6 * HOUR, Stated.NOTHING)),
    ("%d/%m/%Y %H:%M %z", "14/07/2026 06:00 +02:00", Date(2026, 7, 14), Clock(6 * HOUR, 7200)),
    ("100%% %Y-%m-%d", "100% 2026-07-14", Date(2026, 7, 14), Clock(0, Stated.NO_CLOCK)),
    ("%d.%m.%Y %H.%M", "14.07.2026 6.05", Date(2026, 7, 14), Clock(6 * HOUR + 5 * MINUTE, Stated.NOTHING)),
    ("%d.%m.%Y %H %M", "14.07.2026 6 5", Date(2026, 7, 14), Clock(6 * HOUR + 5 * MINUTE, Stated.NOTHING)),
    ("%d-%m-%Y-%H.%M", "14-07-2026-06.00", Date(2026, 7, 14), Clock(6 * HOUR, Stated.NOTHING)),
]

NOT_READ = [
    ("iso", "2026-7-14"),
    ("iso", "20260714"),
    ("iso", "2026-07-14 "),
    ("iso", "2026-07-14 24:00"),
    ("iso", "2026-07-14 16:60"),
    ("iso", "2026-07-14 16:52:60"),
    ("iso", "2026-07-14 16"),
    ("iso", "2026-07-14T16:52:38+15:00"),
    ("iso", "2026-13-01"),
    ("iso", "２０２６-07-14"),
    ("%Y%m%d", "2026111"),
    ("%d.%m.%Y %H.%M", "14.07.2026 9.5"),
    ("%d.%m.%Y %H:%M", "14.07.2026 9:5"),
    ("%d.%m.%Y %H:%M:%S", "14.07.2026 09:05:7"),
    ("%M %H %d.%m.%Y ", "5 9 14.07.2026"),
    ("%d.%m.%Y", "14.07.26"),
    ("%d.%m.%Y", "14/07/2026"),
    ("%d.%m.%Y", "14x07x2026"),
    ("%d %b %Y", "14 Juli 2026"),
    ("%I:%M %p %d.%m.%Y", "13:05 PM 14.07.2026"),
]

REFUSED = [
    ("YYYY-MM-DD", "has no codes: write %Y-%m-%d, not YYYY-MM-DD"),
    ("%Y-%m", "needs a day (%d)"),
    ("%d.%m.", "needs a year (%Y or %y)"),
    ("%Y-%d", "needs a month (%m, %b or %B)"),
    ("%Y-%m-%d %y", "holds both %Y and %y"),
    ("%Y-%m-%d %b", "holds both %m and %b"),
    ("%Y-%m-%d-%d", "holds %d twice"),
    ("%Y-%m-%d %I:%M", "holds %I without %p"),
    ("%Y-%m-%d %p", "holds %p without %I"),
    ("%Y-%m-%d %M", "holds %M without %H or %I"),
    ("%Y-%m-%d %H:%S", "holds %S without %M"),
    ("%Y-%m-%d %H:%I %p", "holds both %H and %I"),
    ("%Y-%m-%d %z", "holds %z without %H or %I"),
    (
        "%Y-%m-%d %Q",
        "holds %Q, which is not known; known are %Y %y %m %b %B %d %a %A %H %I %M %S %f %s %p %z",
    ),
]


@pytest.mark.parametrize(("pattern", "text", "date", "clock"), READ)
def test_a_text_that_fits_is_read_in_two_halves(pattern, text, date, clock):
    compiled = pattern_of(pattern)
    halves = compiled.halves(text)
    assert halves is not None
    assert (compiled.read_date(halves[0]), compiled.read_clock(halves[1])) == (date, clock)


@pytest.mark.parametrize(("pattern", "text"), NOT_READ)
def test_a_text_that_does_not_fit_is_not_read(pattern, text):
    assert pattern_of(pattern).halves(text) is None


@pytest.mark.parametrize(("pattern", "problem"), REFUSED)
def test_a_pattern_that_says_too_little_or_too_much_is_refused(pattern, problem):
    with pytest.raises(ValueError) as refusal:
        pattern_of(pattern)
    assert str(refusal.value) == problem


@given(
    st.sampled_from(
        [
            "%Y-%m-%d %H:%M:%S.%f",
            "%d/%m/%y %I:%M:%S.%f %p",
            "%B %d, %Y at %H:%M:%S.%f",
            "%Y%m%d%H%M%S.%f",
            "%S.%f past %H:%M on %a %d %b %Y",
        ]
    ),
    st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)),
)
def test_what_strftime_writes_is_read_as_strptime_reads_it(pattern: str, moment: datetime):
    text = moment.strftime(pattern)
    compiled = pattern_of(pattern)
    halves = compiled.halves(text)
    assert halves is not None
    date, clock = compiled.read_date(halves[0]), compiled.read_clock(halves[1])
    midnight = datetime(moment.year, moment.month, moment.day)
    assert date == Date(moment.year, moment.month, moment.day)
    assert clock is not None
    assert clock.microseconds == (moment - midnight) // timedelta(microseconds=1)
