"""A customer's files through spool, importer and store, when they change: held, mended, released."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dorimportd.errors import StoreAway
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.pipeline import importer as pipeline
from dorimportd.pipeline.importer import Importer, Plan
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.store.imports import Run
from dorimportd.store.store import open_store
from dorimportd.words import Channel, Counts, State

PLAIN = 'location = "Store"\ntransaction_id = "ID"\ntotal = "Total"\ntime = "Time"\n'
HEADER = "Store,ID,Total,Time"


def file(day, store="007", total="{}.50", count=40, header=HEADER):
    """Sales of one day: 10.50, 11.50 and so on."""
    rows = [
        f"{store},{day:03}{number:03},{total.format(10 + number)},2026-07-{day:02} 09:{number:02}"
        for number in range(count)
    ]
    return "\n".join([header, *rows]) + "\n"


CENTS = "{}50"


class House:
    """A spool, a store and an importer, without a daemon."""

    def __init__(self, folder, url):
        self.spool = Spool(folder / "spool", room=Room(1 << 30, 0))
        self.store = open_store(url)
        self.format = PLAIN
        self.importer = Importer(self.spool, self.store, lambda envelope: self.plan())

    def plan(self):
        format = parse_format(self.format, "tills.toml")
        return Plan(f"tills@{format.digest}", format, Defaults("UTC", "EUR"))

    def send(self, content, received_at=None):
        """Accept and import a file: its outcome."""
        upload = self.spool.begin("acme", "a.csv", channel=Channel.LOCAL, peer="")
        upload.write(0, content if isinstance(content, bytes) else content.encode())
        delivery = self.spool.accept(upload, received_at=received_at)
        self.store.register([delivery])
        return self.run(delivery.sequence)

    def run(self, sequence):
        return self.importer.import_delivery(sequence)[1]

    def release(self, sequence):
        self.store.release(sequence)
        return self.run(sequence)

    def retry(self, sequence):
        self.store.set_state(sequence, State.RECEIVED)
        return self.run(sequence)

    def totals(self):
        return {row.transaction_id: row.total for row in self.store.transactions("acme")}

    def locations(self):
        return {row.location for row in self.store.transactions("acme")}

    def rejected(self, sequence):
        return [reject.line for reject in self.store.rejects(sequence)]


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request, tmp_path):
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/store.db" if sqlite else request.getfixturevalue("postgresql_url")()
    house = House(tmp_path, url)
    yield house
    house.store.close()


@pytest.fixture
def one_house(tmp_path):
    house = House(tmp_path, f"sqlite:///{tmp_path}/store.db")
    yield house
    house.store.close()


@pytest.fixture
def small_windows(monkeypatch):
    """Windows of two rows, each row a batch of its own."""
    monkeypatch.setattr("dorimportd.pipeline.window.WINDOW", 2)
    monkeypatch.setattr("dorimportd.parse.convert.BATCH_ROWS", 1)
    monkeypatch.setattr("dorimportd.parse.rows.BLOCK_ROWS", 1, raising=False)


# Held, mended, and imported.

LARGER = (
    "Totals are about 100 times larger than before (median 3,050 instead of 30.50): the file may give minor"
    " units now; then set implied_decimals = 2."
)


def test_totals_in_minor_units_are_held_and_right_once_the_format_says_so(house):
    house.send(file(1))
    outcome = house.send(file(2, total=CENTS))
    assert (outcome.state, outcome.counts, outcome.reason) == (State.HELD, Counts(), LARGER)
    assert len(house.totals()) == 40
    house.format = PLAIN + "implied_decimals = 2\n"
    assert house.retry(2).counts == Counts(rows=40, imported=40)
    assert house.totals()["002007"] == "17.50"


def test_codes_without_their_zeros_are_held_and_right_once_the_format_pads_them(house):
    house.send(file(1))
    outcome = house.send(file(2, store="7"))
    assert (outcome.state, outcome.reason) == (
        State.HELD,
        "Location codes lost their leading zeros (`7` instead of `007`). Send the file as the till exported"
        ' it, not opened and saved by a spreadsheet; or set location = { column = "Store", pad = 3 }.',
    )
    house.format = PLAIN.replace('"Store"', '{ column = "Store", pad = 3 }')
    assert house.retry(2).state == State.IMPORTED
    assert house.locations() == {"007"}


def test_dates_that_are_turned_round_are_held_and_right_once_the_format_is_mended(house):
    def british(day, month, turned=False):
        written = f"{month:02}/{day:02}/2026" if turned else f"{day:02}/{month:02}/2026"
        return file(day).replace(f"2026-07-{day:02}", written)

    house.format = PLAIN + 'time_format = "%d/%m/%Y %H:%M"\n'
    for day in (5, 6, 7):
        house.send(british(day, 9), datetime(2026, 9, day + 1, 3, tzinfo=UTC))
    outcome = house.send(british(8, 9, turned=True), datetime(2026, 9, 9, 3, tzinfo=UTC))
    assert (outcome.state, outcome.reason) == (
        State.HELD,
        "Dates look turned round: the file came on 2026-09-09 and is read as sales of 2026-08-09, while the"
        " files before came within 1 day of their sales. If it means 2026-09-08, set"
        ' time_format = "%m/%d/%Y %H:%M".',
    )
    again = house.send(british(5, 9), datetime(2026, 9, 10, 3, tzinfo=UTC))
    assert again.state == State.DUPLICATE
    house.format = PLAIN + 'time_format = "%m/%d/%Y %H:%M"\n'
    assert house.retry(4).state == State.IMPORTED
    assert max(row.local_time for row in house.store.transactions("acme")) == "2026-09-08T09:39:00"


def test_a_file_is_compared_with_those_before_it_and_not_with_those_after(one_house):
    one_house.send(file(1, total=CENTS))
    one_house.send(file(2, total="{}.50"))
    assert one_house.retry(1).state == State.IMPORTED


def test_another_format_has_no_past(one_house):
    one_house.send(file(1))
    plan = one_house.plan()
    one_house.plan = lambda: Plan(f"other@{plan.format.digest}", plan.format, plan.defaults)
    assert one_house.send(file(2, total=CENTS)).state == State.IMPORTED


# Released.


def test_what_is_released_is_imported_and_from_then_on_usual(house):
    house.send(file(1))
    house.send(file(2, total=CENTS))
    assert house.release(2).counts == Counts(rows=40, imported=40)
    assert house.totals()["002007"] == "1750"
    assert house.send(file(3, total=CENTS)).state == State.IMPORTED
    assert len(house.totals()) == 120


def test_a_retry_of_what_was_released_is_no_release(one_house):
    one_house.send(file(1))
    one_house.send(file(2, total=CENTS))
    one_house.release(2)
    outcome = one_house.retry(2)
    assert (outcome.state, outcome.reason) == (State.HELD, LARGER)


def test_rows_that_held_a_released_file_are_its_rejects(one_house):
    bad = file(1, count=4) + "007,x,1O.50,2026-07-01\n" * 4
    assert one_house.send(bad).state == State.HELD
    outcome = one_house.release(1)
    assert (outcome.state, outcome.reason) == (State.IMPORTED, None)
    assert outcome.counts == Counts(rows=8, imported=4, rejected=4)
    assert one_house.rejected(1) == [6, 7, 8, 9]


def test_values_that_a_spreadsheet_has_ruined_are_the_rejects_of_a_released_file(one_house):
    ruined = file(1, count=2) + "007,1.23E+12,10.50,2026-07-01\n"
    outcome = one_house.send(ruined)
    assert (outcome.state, outcome.reason) == (
        State.HELD,
        "`ID` in line 4 is `1.23E+12`: a spreadsheet has ruined such values. Send the file as the till"
        " exported it, not opened and saved by a spreadsheet.",
    )
    assert one_house.release(1).counts == Counts(rows=3, imported=2, rejected=1)
    assert one_house.rejected(1) == [4]


@pytest.mark.parametrize("trailer", ["T,9,21.50,", "T,2,99.00,", None])
def test_a_control_row_does_not_hold_a_released_file(one_house, trailer):
    one_house.format = PLAIN + 'control = { where = { Store = "T" }, rows = "ID", total = "Total" }\n'
    one_house.send(file(1, count=2) + (f"{trailer}\n" if trailer else ""))
    assert one_house.release(1).counts == Counts(rows=2, imported=2)


def test_a_line_item_of_no_known_transaction_is_a_reject_of_a_released_file(one_house):
    one_house.format = PLAIN + 'group_by = "ID"\n'
    rows = ["007,a,1.00,2026-07-01", "007", "007,a,2.00,2026-07-01", "007,b,5.00,2026-07-01"]
    assert "so that it is not known" in one_house.send("\n".join([HEADER, *rows])).reason
    assert one_house.release(1).counts == Counts(rows=4, imported=3, rejected=1)
    assert one_house.totals() == {"a": "3.00", "b": "5.00"}
    assert one_house.rejected(1) == [3]


@pytest.mark.parametrize(
    "content",
    [
        file(1, header="Store;ID;Total;Time"),
        file(1).partition("\n")[2],
        file(1).encode() + b"007,1,10.50,2026-07-01 \xff\n",
        file(1) + "007,1,10.50,\0\n",
        b"%PDF-1.4\n",
        b"",
    ],
)
def test_what_cannot_be_read_stays_held_with_its_reason(one_house, content):
    before = one_house.send(content)
    assert before.state == State.HELD
    after = one_house.release(1)
    assert (after.state, after.reason) == (State.HELD, before.reason)
    assert one_house.totals() == {}


def test_a_release_outlives_a_break_in_the_middle_of_the_import(one_house, small_windows, monkeypatch):
    one_house.send(file(1))
    one_house.send(file(2, total=CENTS))
    write, done = Run.write, []

    def write_some(self, *args):
        if len(done) == 3:
            raise StoreAway("gone")
        done.append(1)
        return write(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", write_some)
        with pytest.raises(StoreAway):
            one_house.release(2)
    assert len(one_house.totals()) == 46
    assert one_house.run(2).counts == Counts(rows=40, imported=40)
    assert one_house.send(file(3, total=CENTS)).state == State.IMPORTED


def test_an_import_that_broke_off_is_not_judged_again(one_house, small_windows, monkeypatch):
    one_house.send(file(1, total=CENTS))

    def gone(self, *args):
        raise StoreAway("gone")

    one_house.send(file(2, total=CENTS))
    one_house.store.set_state(2, State.RECEIVED)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "finish", gone)
        with pytest.raises(StoreAway):
            one_house.run(2)
    one_house.retry(1)
    monkeypatch.setattr(pipeline, "drift", lambda *_: "It is unlike the others.")
    assert one_house.run(2).state == State.IMPORTED


# What is held without a past.


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            file(1, header="Store,ID,Grand Total,Time"),
            "The header in line 1 does not fit the format: column `Total` is gone; `Grand Total` is new and"
            " looks like it. Its columns are `Store`, `ID`, `Grand Total`, `Time`."
            ' If it is the same, set aliases = { "Total" = ["Grand Total"] }.',
        ),
        (
            file(1).replace(",", ";"),
            'The columns in line 1 are separated by ";"; set delimiter = ";".',
        ),
        (
            file(1).partition("\n")[2],
            "None of the first 100 lines has any of the columns `Store`, `ID`, `Total`, `Time`; line 1 has"
            " `007`, `001000`, `10.50`, `2026-07-01 09:00`. If the file has lost its header, send it again"
            ' with one; if it has none from now on, set header = "none" and number its columns.',
        ),
        (
            file(1).encode("utf-16"),
            "The file is UTF-16 (little-endian), as its byte order mark says, not UTF-8; set encoding = "
            '"utf-16".',
        ),
        (
            file(1, store="Zürich").encode("cp1252"),
            'Line 2 is not UTF-8 (byte 0xFC); if the till writes Windows files, set encoding = "cp1252".',
        ),
        (
            file(1).replace("001003", "1.23E+12"),
            "`ID` in line 5 is `1.23E+12`: a spreadsheet has ruined such values. Send the file as the till"
            " exported it, not opened and saved by a spreadsheet.",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_held_and_told_what_would_mend_it(one_house, content, reason):
    outcome = one_house.send(content)
    assert (outcome.state, outcome.reason) == (State.HELD, reason)
    assert one_house.totals() == {}


@pytest.mark.parametrize(
    "content",
    [
        file(1, header=f"Cashier,{HEADER}").replace("\n007", "\nAda,007"),
        "\n".join(",".join(reversed(row.split(","))) for row in file(1).splitlines()),
    ],
)
def test_columns_that_were_added_or_changed_places_do_not_matter(one_house, content):
    assert one_house.send(content).counts.imported == 40
