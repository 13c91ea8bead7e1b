"""Checks of a file as a whole, compressed files, IDs of a location."""

from __future__ import annotations

import gzip
import zipfile
from datetime import date
from io import BytesIO

import pytest

from dorimportd.errors import HoldFile
from dorimportd.parse import unpack
from dorimportd.parse.batch import Batch, Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.toml import BadToml
from dorimportd.words import Transaction

PLAIN = 'location = "Store"\ntransaction_id = "No"\ntotal = "Total"\ntime = "Time"\n'
HEADER = "Store,No,Total,Time\n"
ROW = "Mitte,1,9.50,2026-07-14 12:00\n"
BERLIN = Defaults("Europe/Berlin", "EUR")


def batches(file: str | bytes, more: str = "") -> list[Batch]:
    content = file if isinstance(file, bytes) else file.encode()
    return list(read(BytesIO(content), parse_format(PLAIN + more, "till.toml"), BERLIN))


def ids(file: str | bytes, more: str = "") -> list[str]:
    return [
        each.transaction_id
        for batch in batches(file, more)
        for each in map(Transaction._make, batch.transactions)
    ]


def held(file: str | bytes, more: str = "") -> str:
    with pytest.raises(HoldFile) as hold:
        batches(file, more)
    return str(hold.value)


@pytest.mark.parametrize(
    ("good", "bad", "percent", "is_held"),
    [
        (1, 2, 5, False),
        (57, 3, 5, False),
        (56, 3, 5, True),
        (0, 3, 5, True),
        (0, 3, 100, False),
        (97, 3, 0, True),
    ],
)
def test_the_share_of_rejects_holds_the_file(good, bad, percent, is_held):
    file = HEADER + ROW * good + "Mitte,1,x,2026-07-14 12:00\n" * bad
    more = f"max_reject_percent = {percent}\n"
    if is_held:
        assert held(file, more) == (
            f"{bad} of {good + bad} rows would be rejected, more than {percent} %;"
            f" the first in line {good + 2}: `Total` `x` is not an amount with decimal mark '.'."
        )
    else:
        assert sum(len(batch.rejects) for batch in batches(file, more)) == bad


CONTROL = 'control = { where = { Store = "SUM" }, rows = "No", total = "Total" }\n'


def test_control_rows_that_agree_with_the_file_are_no_rows():
    assert ids(HEADER + ROW + ROW + "SUM,2,19.0,\n", CONTROL) == ["1", "1"]
    assert ids(HEADER + ROW + "SUM,1,9.50,\n" + ROW + "SUM,1,9.50,\n", CONTROL) == ["1", "1"]
    assert [batch.skipped for batch in batches(HEADER + ROW + "SUM,1,9.50,\n", CONTROL)] == [1]


def test_a_file_that_does_not_agree_with_its_control_row_is_held():
    assert held(HEADER + ROW + "SUM,2,9.50,\n", CONTROL) == "The file has 1 rows, but its control row says 2."
    assert held(HEADER + ROW + "SUM,1,9.51,\n", CONTROL) == (
        "The totals of the file make 9.50, but its control row says 9.51."
    )
    assert held(HEADER + ROW, CONTROL) == (
        "The file has no control row as the format says: it may be cut off."
    )


def test_a_sum_of_which_a_part_is_rejected_is_not_compared():
    file = HEADER + ROW + "Mitte,2,x,2026-07-14 12:00\nSUM,2,10.50,\n"
    assert ids(file, CONTROL) == ["1"]


def test_a_control_row_that_cannot_be_read_is_a_reject():
    (batch,) = batches(HEADER + ROW + "SUM,1,x,\nSUM,0,9.50,\n", CONTROL.replace('rows = "No", ', ""))
    assert [reject[:4] for reject in batch.rejects] == [
        (3, "Total", "x", "is not an amount with decimal mark '.'")
    ]


def test_the_control_of_totals_in_cents_with_the_sign_turned():
    more = CONTROL + 'implied_decimals = 2\nsign = "inverted"\n'
    assert ids(HEADER + ROW.replace("9.50", "-950") + "SUM,1,-950,\n", more) == ["1"]


def test_required_columns_must_be_there_though_nothing_is_read_from_them():
    assert held(HEADER + ROW, 'required = ["Cashier"]\n').startswith(
        "The header in line 1 does not fit the format: column `Cashier` is gone."
    )


def test_dates_that_are_not_plausible_are_rejects():
    file = HEADER + "".join(
        f"Mitte,1,9.50,{day}\n" for day in ("2019-12-31", "2020-01-01", "2026-12-31 23:59", "2027-01-01")
    )
    (batch,) = batches(file, "earliest = 2020-01-01\nlatest = 2026-12-31\n")
    assert [each.line for each in map(Transaction._make, batch.transactions)] == [3, 4]
    assert [reject[:4] for reject in batch.rejects] == [
        (2, "Time", "2019-12-31", "is before 2020-01-01, the earliest date of the format"),
        (5, "Time", "2027-01-01", "is after 2026-12-31, the latest date of the format"),
    ]


def received_on(day: date, more: str = "", *times: str) -> tuple[list[str], list[str]]:
    """Which of a file's *times*, one in each row, are right, and what is said of the others."""
    file = HEADER + "".join(f"Mitte,{time},9.50,{time}\n" for time in times)
    format = parse_format(PLAIN + "max_reject_percent = 100\n" + more, "till.toml")
    (batch,) = read(BytesIO(file.encode()), format, Defaults("Europe/Berlin", "EUR", day))
    return [row[0] for row in batch.transactions], [reject.rule for reject in batch.rejects]


FUTURE = "lies in the future: the file was received on 2026-07-14"


def test_a_time_long_after_the_file_was_received_is_a_reject():
    times = ("2026-07-14", "2026-07-16 23:59", "2026-07-17", "2026-08-07", "2068-07-14")
    assert received_on(date(2026, 7, 14), "", *times) == (list(times[:2]), [FUTURE] * 3)
    assert received_on(date(2026, 8, 5), "", *times) == (list(times[:4]), [FUTURE.replace("07-14", "08-05")])


@pytest.mark.parametrize(
    ("more", "time"),
    [
        ('time_format = "epoch"\n', "1784281200"),
        ('time_format = "%d.%m.%y"\n', "17.07.26"),
        ('timezone = { column = "Store", lookup = { Mitte = "Europe/Berlin" } }\n', "2026-07-17"),
    ],
)
def test_that_holds_however_times_are_written(more, time):
    assert received_on(date(2026, 7, 14), more, time) == ([], [FUTURE])


def test_the_latest_date_of_the_format_goes_before_it():
    times = ("2026-08-07", "2026-08-08")
    assert received_on(date(2026, 7, 14), "latest = 2026-08-07\n", *times) == (
        ["2026-08-07"],
        ["is after 2026-08-07, the latest date of the format"],
    )


@pytest.mark.parametrize("id_", ["1.23E+12", "1,23E+12", "4E+15", "1.2e+012", "########", "#NAME?"])
def test_ids_that_a_spreadsheet_has_ruined_hold_the_file(id_):
    file = HEADER + ROW + f'Mitte,"{id_}",9.50,2026-07-14 12:00\n'
    assert held(file) == (
        f"`No` in line 3 is `{id_}`: a spreadsheet has ruined such values. Send the file as the till"
        " exported it, not opened and saved by a spreadsheet."
    )
    (batch,) = batches(file, 'damage = "reject"\n')
    assert [reject[:4] for reject in batch.rejects] == [
        (3, "No", id_, "was ruined by a spreadsheet: export the column as text")
    ]


def test_what_only_looks_a_little_like_it_is_an_id():
    assert ids(HEADER + ROW.replace(",1,", ",AE+12,"), "") == ["AE+12"]


def test_dates_that_were_turned_round_are_told_so():
    file = HEADER + "".join(f"Mitte,1,9.50,{day}\n" for day in ("31/12/2026", "12/31/2026", "12/32/2026"))
    (batch,) = batches(file, 'time_format = "%d/%m/%Y"\nmax_reject_percent = 100\n')
    assert [reject[2:4] for reject in batch.rejects] == [
        ("12/31/2026", "is not a time like %d/%m/%Y; are day and month turned round?"),
        ("12/32/2026", "is not a time like %d/%m/%Y"),
    ]


def test_each_location_may_have_ids_of_its_own():
    file = HEADER + ROW + ROW.replace("Mitte", "No/rd") + "Mitte,,9.50,2026-07-14 12:00\n"
    (batch,) = batches(file, 'unique_per = "location"\n')
    assert [each.transaction_id for each in map(Transaction._make, batch.transactions)] == [
        "Mitte/1",
        "No//rd/1",
    ]
    assert [reject[:4] for reject in batch.rejects] == [(4, "No", "", "is empty")]
    assert ids(file + ROW, 'unique_per = "location"\ngroup_by = ["Store", "No"]\n') == ["Mitte/1", "No//rd/1"]


def zipped(**files: bytes) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


FILE = (HEADER + ROW).encode()


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(FILE, mtime=0),
        zipped(a=FILE),
        zipped(**{"a.csv": FILE, "__MACOSX/a.csv": b"x", "b/": b"", ".DS_Store": b""}),
    ],
)
def test_a_compressed_file_is_read(packed):
    assert ids(packed) == ["1"]


def test_a_compressed_file_may_be_read_twice():
    stream = BytesIO(gzip.compress(FILE))
    format = parse_format(PLAIN + 'group_by = "No"', "till.toml")
    assert list(read(stream, format, BERLIN)) == list(read(stream, format, BERLIN))


def test_compressed_files_that_are_damaged_or_several_are_held():
    packed = gzip.compress(FILE * 1_000)
    assert held(packed[:-20]) == "The compressed file is damaged or cut off; send it again."
    assert (
        held(packed[:20] + b"\xff" * 20 + packed[40:])
        == "The compressed file is damaged or cut off; send it again."
    )
    assert held(zipped(a=FILE)[:-30]) == "The ZIP archive is damaged or cut off; send it again."
    assert held(zipped(a=FILE, b=FILE)) == "The ZIP archive holds 2 files; send one in an archive."
    many = zipped(**{f"{number}": b"" for number in range(1_001)})
    assert held(many) == "The ZIP archive holds 1001 files; send one in an archive."
    locked = bytearray(zipped(a=FILE))
    locked[6] |= 1
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    assert held(bytes(locked)) == "The ZIP archive is locked by a password; send it without."
    office = zipped(**{"[Content_Types].xml": b"", "xl/workbook.xml": b""})
    assert held(office).startswith("The file is an Excel workbook (.xlsx), not CSV.")


def test_bombs_are_refused(monkeypatch):
    monkeypatch.setattr(unpack, "ALWAYS_FINE", 1 << 20)
    bomb = HEADER.encode() + b"Mitte,1,9.50,2026-07-14 12:00\n" * 500_000
    for packed in (gzip.compress(bomb), zipped(a=bomb)):
        limit = max(1 << 20, 200 * len(packed))
        if limit < len(bomb):
            assert held(packed) == f"Unpacked, the file has more than {limit:,} bytes, which is not taken."
    monkeypatch.setattr(unpack, "MOST_BYTES", 1_000)
    assert held(gzip.compress(bomb)) == "Unpacked, the file has more than 1,000 bytes, which is not taken."


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        (
            'earliest = "2020-01-01"',
            "earliest: must be a date such as 2026-07-14, without quotes; got '2020-01-01'",
        ),
        ("max_reject_percent = 101", "max_reject_percent: must be at most 100; got 101"),
        ('unique_per = "till"', "unique_per: must be 'customer' or 'location'; got 'till'"),
        ('control = { rows = "No" }', "control.where: is missing"),
    ],
)
def test_mistakes_name_their_key(line, mistake):
    with pytest.raises(BadToml) as refusal:
        parse_format(PLAIN + line, "till.toml")
    assert str(refusal.value).split(": ", 1)[1] == mistake
