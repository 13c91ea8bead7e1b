"""Sixty days of shops that go through all that honest shops go through, and what is done to their files."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from dorimportd.parse.format import parse_format
from dorimportd.pipeline.drift import drift
from dorimportd.pipeline.sampling import Sampler, thinned
from dorimportd.store.samples import COMPARED, Sample, Shown

FORMAT = parse_format(
    'location = "Store"\n'
    'transaction_id = "Receipt"\n'
    'total = "Amount"\n'
    'time = "Sold"\n'
    'time_format = "%d/%m/%Y %H:%M"\n',
    "test.toml",
)
CENTS = parse_format(
    'location = { column = "Store", strip_prefix = "S" }\n'
    'transaction_id = ["Till", "Number"]\n'
    'unique_per = "location"\n'
    'total = "Amount"\n'
    "implied_decimals = 2\n"
    'time = "Sold"\n',
    "test.toml",
)
SEEDS = range(4)
DAYS = 60
FIRST = date(2026, 1, 20)


def number(day):
    """Of a date, as a sample has it."""
    return (day - date(1970, 1, 1)).days


def received(day, hour=3):
    """At that hour of the date with this number."""
    return datetime(1970, 1, 1, hour, tzinfo=UTC) + timedelta(days=day)


@dataclass
class Shop:
    """Sales of one customer, day by day, and its files in the order in which they come."""

    chance: random.Random
    counter: int = 117
    open: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    past: list[Sample] = field(default_factory=list)  # the newest first

    def sell(self, day):
        raise NotImplementedError

    def shown(self, day, location, cents, currency="EUR", scale=2):
        self.counter += 1
        return Shown(f"{self.counter:08}", location, cents, scale, currency, day)

    def told(self, ids):
        return sum(each in self.known for each in ids)

    def judge(self, sample, format=FORMAT):
        return drift(sample, self.past[:COMPARED], format, self.told)

    def take(self, sample):
        self.known |= {row.transaction_id for row in sample.rows}
        self.past.insert(0, Sample(thinned(sample.rows), sample.received_at))

    def files(self, days):
        """Most come in the night, some late, some again, some with days before them."""
        sent, late = [], []
        for day in range(number(FIRST), number(FIRST) + days):
            rows = self.sell(day)
            come, late = [each for each in late if each[0] <= day], [each for each in late if each[0] > day]
            yield from (Sample(rows_of, received(day + 1, 4)) for _, rows_of in come)
            luck = self.chance.random()
            if luck < 0.04:
                late.append((day + self.chance.randint(1, 20), rows))
                continue
            if luck < 0.08 and sent:
                yield Sample(self.chance.choice(sent), received(day + 1, 2))  # an old one again
            if luck > 0.95 and sent:
                rows = sent[-1] + rows
            sent.append(rows)
            yield Sample(rows, received(day + 1))


class Bakery(Shop):
    """Small totals, few a day; a branch opens; one large refund."""

    def sell(self, day):
        self.open = ["001", "007", "012"] if day > number(FIRST) + 30 else ["001", "007"]
        rows = [
            self.shown(day, self.chance.choice(self.open), self.chance.choice([85, 120, 250, 310, 475, 999]))
            for _ in range(self.chance.randint(2, 60))
        ]
        if self.chance.random() < 0.1:
            rows.append(self.shown(day, "007", -250_00))
        return rows


class Phones(Shop):
    """Cards for 10.00 and phones for 1,000.00, by seasons of one or the other; all prices are whole."""

    def sell(self, day):
        self.open = ["0042"]
        phones = self.chance.choice([0.0, 0.05, 0.5, 0.95, 1.0])
        rows = []
        for _ in range(self.chance.randint(1, 80)):
            if self.chance.random() < phones:
                rows.append(self.shown(day, "0042", self.chance.choice([799_00, 999_00, 1_249_00])))
            else:
                rows.append(self.shown(day, "0042", self.chance.choice([10_00, 15_00, 20_00])))
        return rows


class Chain(Shop):
    """Many branches, new ones every week, two currencies, a sale in the fourth week, kiosks and furniture."""

    def sell(self, day):
        if not self.open:
            self.open = [f"{branch:04}" for branch in self.chance.sample(range(1, 2000), 60)]
        if day % 7 == 0:
            self.open.append(f"{self.chance.randint(2000, 9999):04}")
        sale = 0.4 if 21 <= day - number(FIRST) < 28 else 1.0
        rows = []
        for _ in range(self.chance.randint(100, 500)):
            branch = self.chance.choice(self.open)
            usual = 400_00 if int(branch) % 5 == 0 else 9_00
            cents = max(1, round(usual * sale * self.chance.lognormvariate(0, 1)))
            currency = "CHF" if int(branch) % 7 == 0 else "EUR"
            sign = -1 if self.chance.random() < 0.03 else 1
            rows.append(self.shown(day, branch, sign * cents, currency))
        return rows


class Kiosks(Shop):
    """A file for each location; a kiosk, furniture and an office, each with totals of its own size."""

    def sell(self, day):
        location, usual = self.chance.choice([("001", 350), ("002", 350_00), ("003", 90_00)])
        totals = [
            max(1, round(usual * self.chance.lognormvariate(0, 1)))
            for _ in range(self.chance.randint(20, 80))
        ]
        return [self.shown(day, location, cents) for cents in totals]


class Catering(Shop):
    """Small totals, and once a month a file of large bills."""

    def sell(self, day):
        usual = 950_00 if day % 30 == 0 else 9_50
        totals = [max(1, round(usual * self.chance.lognormvariate(0, 0.5))) for _ in range(50)]
        return [self.shown(day, "007", cents) for cents in totals]


class Tags(Shop):
    """A till that leaves zeros out; from the thirtieth day on all prices are whole."""

    def sell(self, day):
        late = day > number(FIRST) + 30
        totals = [self.chance.choice([5, 10, 15, 20] if late else [499, 999, 1499, 1999]) for _ in range(60)]
        return [self.shown(day, "007", total, scale=0 if late else 2) for total in totals]


class OtherTill(Shop):
    """A branch opens, and its till writes IDs without zeros; a file for each."""

    def sell(self, day):
        is_new = day > number(FIRST) + 30 and day % 2
        rows = [self.shown(day, "009" if is_new else "007", 9_50) for _ in range(20)]
        return [row._replace(transaction_id=str(int(row.transaction_id))) for row in rows] if is_new else rows


SHOPS = [Bakery, Phones, Chain, Kiosks, Catering, Tags, OtherTill]


@pytest.mark.parametrize("make", SHOPS)
def test_no_honest_file_is_held(make):
    held, seen = [], 0
    for seed in SEEDS:
        shop = make(random.Random(f"{make.__name__} {seed}"))
        for sample in shop.files(DAYS):
            seen += 1
            if told := shop.judge(sample):
                held.append((seed, sample.received_at, told))
            shop.take(sample)
    assert seen > len(SEEDS) * DAYS * 0.9
    assert held == []


# What is done to files, each time to those of six days of each shop.


def changed(**change):
    return lambda rows: [
        row._replace(**{name: made(getattr(row, name)) for name, made in change.items()}) for row in rows
    ]


def without_zeros(text):
    return text.lstrip("0")


CHANGES = {
    "without the decimal point": (changed(scale=lambda scale: 0), "Totals are about 100 times larger"),
    "without leading zeros in locations": (changed(location=without_zeros), "Location codes lost"),
    "without leading zeros in IDs": (changed(transaction_id=without_zeros), "Transaction IDs lost"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("make", [Bakery, Chain])
def test_a_file_that_was_spoilt_is_held(make, change):
    spoil, told = CHANGES[change]
    for seed in SEEDS:
        shop = make(random.Random(f"{make.__name__} {seed}"))
        for sample in shop.files(20):
            shop.take(sample)
        for day in range(number(FIRST) + 41, number(FIRST) + 47):
            rows = [row for row in shop.sell(day) if row.location in ("001", "007") or make is Chain]
            if len(rows) >= 5:
                said = shop.judge(Sample(spoil(rows), received(day + 1)))
                assert said is not None, (seed, day)
                assert said.startswith(told), (seed, day)


# One file after ten others.


def day_of_sales(day, totals, *, location="007", scale=2, first=1):
    """A file of one location."""
    return Sample(
        [
            Shown(f"{each:06}", location, units, scale, "EUR", number(day))
            for each, units in enumerate(totals, first)
        ],
        received(number(day) + 1),
    )


TOTALS = [850, 1250, 2350, 2375, 4990, 9999] * 6  # 8.50 to 99.99; the middle one is 23.75
PAST = [
    day_of_sales(date(2026, 7, 10) - timedelta(days=ago), TOTALS, first=1000 * (20 - ago))
    for ago in range(10)
]


def judged(sample, format=FORMAT, past=PAST, known=0):
    return drift(sample, past, format, lambda ids: known)


def test_a_file_like_those_before_is_let_in():
    assert judged(day_of_sales(date(2026, 7, 11), TOTALS)) is None


def test_totals_without_decimal_places_that_are_a_hundred_times_larger_are_minor_units():
    assert judged(day_of_sales(date(2026, 7, 11), TOTALS[:6], scale=0)) == (
        "Totals are about 100 times larger than before (median 2,375 instead of 23.75): the file may give"
        " minor units now; then set implied_decimals = 2."
    )


def test_totals_a_hundred_times_larger_that_kept_their_places_are_told_too():
    said = judged(day_of_sales(date(2026, 7, 11), [100 * each for each in TOTALS]))
    assert said == (
        "Totals are about 100 times larger than before (median 2,375.00 instead of 23.75): the file may give"
        " minor units now; then set implied_decimals = 2."
    )


def test_totals_a_hundred_times_smaller_need_no_implied_decimals_any_more():
    said = judged(day_of_sales(date(2026, 7, 11), TOTALS, scale=4), CENTS)
    assert said == (
        "Totals are about 100 times smaller than before (median 0.2375 instead of 23.75): the file may give"
        " whole units now; then take implied_decimals out of the format."
    )


def test_totals_that_were_rounded_are_told():
    said = judged(day_of_sales(date(2026, 7, 11), [8, 12, 23, 24, 50, 100] * 9, scale=0))
    assert said == (
        "Totals have no decimal places any more, and before they had: they may have been rounded. Send the"
        " file with totals as the till has them."
    )


@pytest.mark.parametrize(
    ("totals", "location", "scale"),
    [
        ([100 * each for each in TOTALS[:20]], "007", 2),  # few rows, with their places
        ([850_00, 1250_00, 2350_00, 2375_00], "007", 0),  # fewer
        ([100 * each for each in TOTALS], "008", 2),  # a new location
        ([12, 24, 50, 23, 8] * 4, "007", 0),  # whole prices, few
        ([850, 1250, 2350, -999_00], "007", 2),  # one large refund
        ([10 * each for each in TOTALS], "007", 2),  # ten times: a wholesale day
        ([8500, 12500, 23500] * 10 + [850] * 6, "007", 2),
        ([0] * 40, "007", 2),
    ],
)
def test_what_may_be_honest_is_let_in(totals, location, scale):
    assert judged(day_of_sales(date(2026, 7, 11), totals, location=location, scale=scale)) is None


def test_a_past_of_few_files_says_little_of_sizes():
    larger = day_of_sales(date(2026, 7, 11), [100 * each for each in TOTALS])
    assert judged(larger, past=PAST[:9]) is None
    assert judged(larger, past=[]) is None
    assert judged(Sample([], received(0))) is None
    assert judged(larger, past=[Sample([], received(0))] * 10) is None


def test_location_codes_that_lost_their_zeros_are_told_with_the_width_that_mends_them():
    assert judged(day_of_sales(date(2026, 7, 11), TOTALS, location="7")) == (
        "Location codes lost their leading zeros (`7` instead of `007`). Send the file as the till exported"
        ' it, not opened and saved by a spreadsheet; or set location = { column = "Store", pad = 3 }.'
    )


def test_location_codes_of_several_widths_are_looked_up():
    past = [*PAST, day_of_sales(date(2026, 7, 11), TOTALS, location="0012")]
    now = day_of_sales(date(2026, 7, 12), TOTALS, location="12")
    assert judged(now, past=past) == (
        "Location codes lost their leading zeros (`12` instead of `0012`). Send the file as the till exported"
        ' it, not opened and saved by a spreadsheet; or set location = { column = "Store", lookup = {'
        ' "12" = "0012" }, unknown = "keep" }.'
    )


@pytest.mark.parametrize("location", ["8", "07", "7A", "0"])
def test_a_new_location_is_no_lost_zero(location):
    assert judged(day_of_sales(date(2026, 7, 11), TOTALS, location=location)) is None


def test_where_one_code_still_has_zeros_none_were_lost():
    now = day_of_sales(date(2026, 7, 11), TOTALS, location="7")
    other = Shown("9", "008", 100, 2, "EUR", number(date(2026, 7, 11)))
    assert judged(Sample([*now.rows, other], now.received_at)) is None


def test_transaction_ids_that_lost_their_zeros_are_told_with_the_width_that_mends_them():
    now = day_of_sales(date(2026, 7, 11), TOTALS, first=21000)
    bare = Sample(changed(transaction_id=without_zeros)(now.rows), now.received_at)
    assert judged(bare) == (
        "Transaction IDs lost their leading zeros (`21000` instead of `021000`). Send the file as the till"
        ' exported it, not opened and saved by a spreadsheet; or set transaction_id = { column = "Receipt",'
        " pad = 6 }."
    )
    assert judged(Sample([*bare.rows, now.rows[0]], now.received_at)) is None
    assert judged(Sample(bare.rows[:2], now.received_at)) is None


def test_a_part_of_a_composed_id_is_told_by_its_column():
    def composed(sample, number_of):
        rows = [
            row._replace(transaction_id=f"007/{row.transaction_id[:3]}/{number_of(row.transaction_id[3:])}")
            for row in sample.rows
        ]
        return Sample(rows, sample.received_at)

    past = [composed(each, str) for each in PAST]
    now = composed(day_of_sales(date(2026, 7, 11), TOTALS), without_zeros)
    assert judged(now, CENTS, past) == (
        "Transaction IDs lost their leading zeros (`1` instead of `001`). Send the file as the till exported"
        ' it, not opened and saved by a spreadsheet; or put { column = "Number", pad = 3 } in place of'
        ' "Number" in transaction_id.'
    )
    bare = composed(day_of_sales(date(2026, 7, 11), TOTALS, location="7"), str)
    assert judged(bare, CENTS, past) == (
        "Location codes lost their leading zeros (`7` instead of `007`). Send the file as the till exported"
        " it, not opened and saved by a spreadsheet; or add pad = 3 to location."
    )


def test_dates_that_are_turned_round_are_told_with_the_pattern_that_mends_them():
    now = day_of_sales(date(2026, 11, 7), TOTALS)
    came = Sample(now.rows, datetime(2026, 7, 12, 3, tzinfo=UTC))
    assert judged(came) == (
        "Dates look turned round: the file came on 2026-07-12 and is read as sales of 2026-11-07, while the"
        " files before came within 1 day of their sales. If it means 2026-07-11, set"
        ' time_format = "%m/%d/%Y %H:%M".'
    )
    assert judged(came, CENTS) is None, "ISO 8601 cannot be turned round"
    assert judged(came, known=len(TOTALS)) is None, "sales that are known were sent again"
    assert judged(came, past=PAST[:2]) is None


@pytest.mark.parametrize(
    ("day", "came"),
    [
        (date(2026, 6, 7), date(2026, 7, 12)),  # late, and 6 July would be no better
        (date(2026, 7, 8), date(2026, 7, 12)),  # a little late
        (date(2026, 7, 7), date(2026, 9, 12)),  # the same turned round
        (date(2026, 6, 13), date(2026, 7, 12)),  # there is no thirteenth month
    ],
)
def test_a_late_file_is_not_turned_round(day, came):
    now = day_of_sales(day, TOTALS)
    assert judged(Sample(now.rows, received(number(came)))) is None


def test_days_of_several_months_that_would_follow_one_another_are_turned_round():
    rows = [
        row
        for month in range(8, 12)
        for row in day_of_sales(date(2026, month, 7), TOTALS[:2], first=30000 + 10 * month).rows
    ]
    week = [
        day_of_sales(date(2026, 7, 1), TOTALS, first=1000),
        *(
            Sample(
                [*day_of_sales(date(2026, 6, last - 6), TOTALS, first=1000 * last).rows],
                received(number(date(2026, 6, last)) + 1),
            )
            for last in (28, 21, 14)
        ),
    ]
    assert judged(Sample(rows, received(number(date(2026, 7, 12)))), past=week) == (
        "Dates look turned round: the file came on 2026-07-12 and is read as sales of 2026-08-07, while the"
        " files before came within 7 days of their sales. If it means 2026-07-08, set"
        ' time_format = "%m/%d/%Y %H:%M".'
    )


# Samples.


def transactions(count):
    return [
        (f"{each:06}", "7", each, 2, "EUR", 86_400_000_000 * (20_000 + each // 1000), -3600, each + 2)
        for each in range(count)
    ]


@pytest.mark.parametrize(("count", "every"), [(10, 1), (4000, 1), (4001, 2), (9000, 4), (50_000, 16)])
@pytest.mark.parametrize("batch", [7, 1000, 10_000])
def test_a_sample_depends_on_the_rows_alone(count, every, batch):
    sampler = Sampler()
    rows = transactions(count)
    for start in range(0, count, batch):
        sampler.add(rows[start : start + batch])
    found = sampler.sample(received(0)).rows
    assert [row.transaction_id for row in found] == [row[0] for row in rows[::every]]


def test_what_is_kept_has_the_first_day_and_the_last():
    sampler = Sampler()
    rows = transactions(3500)
    sampler.add(rows[1000:] + rows[:1000])
    found = thinned(sampler.sample(received(0)).rows)
    assert 58 <= len(found) <= 60
    # An hour west of UTC the day begins an hour later: the first row is of the day before.
    assert (min(row.day for row in found), max(row.day for row in found)) == (19_999, 20_002)


def test_a_row_without_location_is_no_sale_and_not_looked_at():
    sampler = Sampler()
    sampler.add([("1", "", 0, 0, "", 0, 0, 2), ("2", "7", 100, 2, "EUR", 0, 0, 3)])
    assert sampler.sample(received(0)) == Sample([Shown("2", "7", 100, 2, "EUR", 0)], received(0))
