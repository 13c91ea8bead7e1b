"""The fast lane makes of a file what the reference lane makes of it, whatever is in the file."""

from __future__ import annotations

from io import BytesIO
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.errors import HoldFile
from dorimportd.parse import decode, lanes, read
from dorimportd.parse.batch import Defaults
from dorimportd.parse.convert import Converter
from dorimportd.parse.format import parse_format
from dorimportd.parse.lanes import is_plain
from dorimportd.parse.rows import Dialect
from dorimportd.words import Reject, TransactionRow

BASE = """
location = "Store"
total = "Total"
max_reject_percent = 100
damage = "reject"
"""
PLAIN = BASE + 'transaction_id = "No"\ntime = "Time"\n'
COLUMNS = ["Store", "No", "Total", "Time", "Day", "Kind", "Note"]

FORMATS = {
    "plain": PLAIN,
    "date and clock apart": BASE
    + 'transaction_id = "No"\ntime = ["Day", "Note"]\ntime_format = "%d.%m.%Y %H:%M"\n',
    "a pattern with one-digit days": PLAIN + 'time_format = "%m/%d/%Y %I:%M %p"\n',
    "a pattern whose codes touch": PLAIN + 'time_format = ["%Y%m%d%H%M", "iso"]\n',
    "the clock before the date": PLAIN + 'time_format = ["%H:%M %d.%m.%Y", "iso"]\n',
    "a date alone": BASE + 'transaction_id = "No"\ntime = "Day"\ntime_format = "%d.%m.%Y"\n',
    "seconds since 1970": PLAIN + 'time_format = ["epoch", "iso"]\n',
    "a zone in each row": PLAIN
    + 'timezone = { column = "Kind", lookup = { S = "Europe/Berlin" }, unknown = "keep" }\n',
    "a zone in each row, date and clock apart": BASE
    + 'transaction_id = "No"\ntime = ["Day", "Note"]\ntime_format = "%d.%m.%Y %H:%M"\n'
    + 'timezone = { column = "Kind" }\n',
    "a currency in each row": PLAIN + 'currency = { column = "Kind" }\n',
    "refunds": PLAIN + 'refunds = { Kind = "R" }\n',
    "a sum": PLAIN.replace('"Total"', '{ sum = ["Total", "Note"] }'),
    "minor units": PLAIN + "implied_decimals = 2\n",
    "composed": BASE + 'transaction_id = ["Day", "No"]\ntime = "Time"\n',
    "generated": BASE + 'transaction_id = { generate_from = ["Day", "Kind"] }\ntime = "Time"\n',
    "scoped": PLAIN + 'unique_per = "location"\n',
    "composed and scoped": BASE + 'transaction_id = ["Day", "No"]\ntime = "Time"\nunique_per = "location"\n',
    "a made ID": PLAIN.replace('"No"', '{ column = "No", strip_prefix = "R" }'),
    "filters": PLAIN + 'only = { Kind = ["S", "R"] }\nskip = { Note = { empty = true } }\n',
    "a filter on a made column": PLAIN
    + 'skip = { What = "no" }\ncolumns = { What = { column = "Kind", lookup = { S = "yes", R = "no" } } }\n',
    "a field that hangs on another": PLAIN
    + 'required = ["Kind"]\n'
    + 'columns = { Store = { column = "Note", where = { Kind = "S" }, default = "Mitte" } }\n',
    "withdrawals": PLAIN + 'withdraw = { Kind = "R" }\n',
    "withdrawals by a made column": PLAIN
    + 'withdraw = { What = "no" }\n'
    + 'columns = { What = { column = "Kind", lookup = { S = "yes", R = "no" } } }\n',
    "comments": PLAIN + 'comment = "#"\n',
    "a footer": PLAIN + 'footer = { Store = "Summe" }\n',
    "a control row": PLAIN + 'control = { where = { Store = "Summe" }, total = "Total" }\n',
    "ragged rows": PLAIN + 'ragged = "accept"\n',
    "no quotes": PLAIN + 'quote = ""\n',
    "no header": PLAIN
    + 'header = "none"\ncolumns = { Store = 1, No = 2, Total = 3, Time = 4, Day = 5, Kind = 6, Note = 7 }\n',
}  # fmt: skip

STORES = st.sampled_from(["Mitte", "007", " Süd ", "", "Summe", "#1", "a/b", "\u200b", "Store"])
NUMBERS = st.one_of(
    st.integers(1, 40).map(str),
    st.sampled_from(
        ["R-1", "", " 7 ", "1/2", "é", "a" * 201, "1.2E+12", "#REF!", "a\tb", "\u00a07", "No", "+"]
    ),
)
AMOUNTS = st.sampled_from(["9.50", "-1", "(3.00)", "", "x", "1.234,5", "€ 2", "0.12345", "Total", "12"])
TIMES = st.sampled_from(
    [
        "2026-07-14 16:52:38",
        "2026-07-14T16:52Z",
        "2026-03-29 02:30",
        "2026-10-25 02:30",
        " 2026-07-14",
        "7/4/2026 9:05 PM",
        "12/31/2026 12:00 am",
        "202607141652",
        "16:52 14.07.2026",
        "1784023200",
        "2026-02-29 10:00",
        "Time",
        "",
    ]
)
DAYS = st.sampled_from(["14.07.2026", "1.2.2026", "31.02.2026", "", " 14.07.2026", "x"])
KINDS = st.sampled_from(["S", "R", "EUR", "UTC", "America/New_York", "", " S "])
NOTES = st.sampled_from(["16:52", "9:05", "1.00", "", 'say ""hi""', "x"])
# A row that is right, where it is not this one.
GOOD = {"Store": "Mitte", "Total": "9.50", "Time": "2026-07-14 16:52:38", "Day": "14.07.2026", "Kind": "S"}
GOOD_BY_FORMAT = {
    "date and clock apart": {"Note": "16:52"},
    "a zone in each row, date and clock apart": {"Note": "16:52", "Kind": "Asia/Tokyo"},
    "a pattern with one-digit days": {"Time": "7/4/2026 9:05 PM"},
    "a pattern whose codes touch": {"Time": "202607141652"},
    "the clock before the date": {"Time": "16:52 14.07.2026"},
    "seconds since 1970": {"Time": "1784023200"},
    "a currency in each row": {"Kind": "EUR"},
    "a sum": {"Note": "1.00"},
    "minor units": {"Total": "950"},
    "filters": {"Note": "x"},
}
MARGINAL = ["", ",,,,,,", "a,b", ",".join(COLUMNS), "# x,1,2", ",".join("1234567890"), "Summe,,19.00,,,,"]


@st.composite
def rows(draw: st.DrawFn, name: str) -> str:
    """A row of a file for a format, mostly a good one."""
    kind = draw(st.integers(0, 99))
    if kind < 5:
        return draw(st.sampled_from(MARGINAL))
    values = {"No": str(draw(st.integers(1, 60))), "Note": ""} | GOOD | GOOD_BY_FORMAT.get(name, {})
    fields = [values[column] for column in COLUMNS]
    for place in draw(st.lists(st.integers(0, 6), max_size=2)) if kind < 50 else []:
        fields[place] = draw((STORES, NUMBERS, AMOUNTS, TIMES, DAYS, KINDS, NOTES)[place])
    place = draw(st.integers(0, 6))
    if kind < 8:
        fields[place] = draw(st.sampled_from(['"{}" x', '"{}\n,{}"', '{}"'])).replace("{}", fields[place])
    elif kind % 2:
        fields[place] = f'"{fields[place]}"'
    return ",".join(fields) + (draw(st.sampled_from([",", ",x"])) if kind < 12 else "")


class Result(NamedTuple):
    transactions: list[TransactionRow]
    rejects: list[Reject]
    skipped: int
    held: str


def result(file: bytes, format: str) -> Result:
    """What the whole file becomes."""
    found = Result([], [], 0, "")
    try:
        for batch in read.read(
            BytesIO(file), parse_format(format, "till.toml"), Defaults("Europe/Berlin", "EUR")
        ):
            found.transactions.extend(batch.transactions)
            found.rejects.extend(batch.rejects)
            found = found._replace(skipped=found.skipped + batch.skipped)
    except HoldFile as hold:
        return Result([], [], 0, str(hold))
    return found


def both_lanes(file: bytes, format: str) -> tuple[Result, Result]:
    """What it becomes with the fast lane, and without; in pieces of a few lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "BLOCK_BYTES", 300)
        patch.setattr(lanes, "LEAST_CHARACTERS", 0)
        quickly = result(file, format)
        patch.setattr(Converter, "is_quick", False)
        return quickly, result(file, format)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), end=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_both_lanes_make_the_same_of_any_file(name: str, data: st.DataObject, end: str, last: bool):
    lines = data.draw(st.lists(rows(name), min_size=8, max_size=40))
    above = [] if name == "no header" else [",".join(COLUMNS)]
    file = end.join([*above, *lines]) + end * last
    quickly, slowly = both_lanes(file.encode(), FORMATS[name])
    assert quickly == slowly


PLAIN_ROWS = {
    "plain": "Mitte,{n},9.50,2026-07-14 16:52:38,,S,",
    "date and clock apart": "Mitte,{n},9.50,,14.07.2026,S,16:52",
    "a pattern with one-digit days": "Mitte,{n},9.50,7/4/2026 9:05 PM,,S,",
    "a zone in each row": "Mitte,{n},9.50,2026-07-14 16:52:38,,S,",
    "composed": "Mitte,{n},9.50,2026-07-14 16:52:38,14.07.2026,S,",
    "generated": "Mitte,,9.50,2026-07-14 16:52:38,14.07.2026,S,",
    "scoped": "Mitte,{n},9.50,2026-07-14 16:52:38,,S,",
    "filters": "Mitte,{n},9.50,2026-07-14 16:52:38,,S,x",
    "a filter on a made column": "Mitte,{n},9.50,2026-07-14 16:52:38,,R,x",
    "refunds": '"Mit""te",{n},9.50,2026-07-14T16:52:38Z,,R,',
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN_ROWS)
def test_everyday_rows_are_left_to_nobody_else(name: str, monkeypatch: pytest.MonkeyPatch):
    """What the fast lane does not take goes through Converter.convert."""
    monkeypatch.setattr(decode, "BLOCK_BYTES", 1024)
    monkeypatch.setattr(lanes, "LEAST_CHARACTERS", 0)
    taken: list[int] = []
    convert = Converter.convert
    monkeypatch.setattr(
        Converter, "convert", lambda self, rows, batch: taken.append(1) or convert(self, rows, batch)
    )
    lines = [PLAIN_ROWS[name].format(n=n) for n in range(200)]
    found = result("\n".join([",".join(COLUMNS), *lines]).encode(), FORMATS[name])
    assert len(found.transactions) + found.skipped == 200
    assert len(taken) <= 2  # of the opening, and its end


def test_a_row_that_is_not_plain_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decode, "BLOCK_BYTES", 1024)
    monkeypatch.setattr(lanes, "LEAST_CHARACTERS", 0)
    lines = [f"Mitte,{n},9.50,2026-07-14 12:00,,," for n in range(200)]
    lines[100] = "Mitte,é,1.00,2026-07-14 12:00,,,"
    lines[150] = "Mitte,150,x,2026-07-14 12:00,,,"
    found = result("\n".join([",".join(COLUMNS), *lines]).encode(), PLAIN)
    assert [row[7] for row in found.transactions] == [line for line in range(2, 202) if line != 152]
    assert found.transactions[100] == ("é", "Mitte", 100, 2, "EUR", 1_784_023_200_000_000, 7200, 102, 0)
    assert found.rejects == [
        Reject(152, "Total", "x", "is not an amount with decimal mark '.'", "Mitte,150,x,2026-07-14 12:00,,,")
    ]


def test_the_last_line_of_a_small_file_needs_no_end_and_no_fast_lane(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Converter, "convert_quickly", None)
    found = result(f"{','.join(COLUMNS)}\nMitte,7,9.50,2026-07-14 12:00,,,".encode(), PLAIN)
    assert found.transactions == [("7", "Mitte", 950, 2, "EUR", 1_784_023_200_000_000, 7200, 2, 0)]


MANY = [f"Mitte,{n},9.50,2026-07-14 12:00,,S," for n in range(40)]
MADE = """
transaction_id = { column = "No", default = "0" }
location = { column = "Store", default = "Mitte" }
total = { column = "Total", default = "0" }
time = { column = "Time", default = "2026-07-14" }
max_reject_percent = 100
"""
ODD_ROWS = {
    "a footer of fewer fields": (FORMATS["a footer"], "Summe,760.00"),
    "a footer of more fields": (FORMATS["a footer"], "Summe,,760.00,,,,,,,x"),
    "a comment of fewer fields": (FORMATS["comments"], "# x,1"),
    "a control row of fewer fields": (FORMATS["a control row"], "Summe,,760.00"),
    "a byte order mark": (PLAIN, "\ufeffMitte,99,9.50,2026-07-14 12:00,,S,"),
    "an unseen character": (PLAIN, "Mitte,9\u200b9,9.50,2026-07-14 12:00,,S,"),
    "a blank row where all is made": (MADE, ",,,,,,"),
    "a row of blanks where all is made": (MADE, "\u00a0,,\t,,,,\u2009"),
    "a line separator": (PLAIN, "Mitte,99\u2028,9.50,2026-07-14 12:00,,S,"),
    "a form feed": (PLAIN, "Mitte,99\f,9.50,2026-07-14 12:00,,S,"),
    "the end of a DOS file": (PLAIN, "\x1a"),
    "a field as long as csv takes": (PLAIN, f"Mitte,99,9.50,2026-07-14 12:00,,S,{'x' * 131_072}"),
    "a field that is longer": (PLAIN, f"Mitte,99,9.50,2026-07-14 12:00,,S,{'x' * 131_073}"),
    "a long row of short fields": (PLAIN, "Mitte,99,9.50,2026-07-14 12:00,,S" + "," * 140_000),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_ROWS)
def test_wherever_an_odd_row_stands_both_lanes_make_the_same_of_it(name: str):
    """Also at the begin of a piece, as each piece has some seven rows."""
    format, odd = ODD_ROWS[name]
    for place in range(14, 24):
        lines = [",".join(COLUMNS), *MANY[:place], odd, *MANY[place:]]
        quickly, slowly = both_lanes("\n".join(lines).encode(), format)
        assert quickly == slowly, place


def test_files_of_one_column_and_of_a_thousand_come_out_the_same():
    one = 'location = { constant = "7" }\ntime_format = "epoch"\n' + "".join(
        f'{key} = "T"\n' for key in ("transaction_id", "total", "time")
    )
    lines = [str(1_784_023_200 + n) if n % 9 else "" for n in range(400)]
    quickly, slowly = both_lanes("\n".join(["T", *lines]).encode(), one)
    assert quickly == slowly
    assert len(quickly.transactions) == 355
    wide = ",".join([*COLUMNS, *map(str, range(993))])
    rows = [f"Mitte,{n},9.50,2026-07-14 12:00,,S,{',' * (993 + (n == 5))}" for n in range(20)]
    quickly, slowly = both_lanes("\n".join([wide, *rows]).encode(), PLAIN)
    assert quickly == slowly
    assert len(quickly.transactions) == 20


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a,b\nc,d\n", True),
        ("a,b\r\nc,d\r\n", True),
        ("a,b\nc,d", False),  # the file may have been cut off
        ("a,b\rc,d\n", False),
        ('"a","b ""c"""\n', True),
        ('a,"b\nc",d\n', False),
        ('"a" ,b\n', False),
        ('a,5" pipe\n', False),
        ("a," + "b" * 200_000 + "\n", False),
    ],
)
def test_text_is_plain_when_each_line_is_surely_a_row(text: str, plain: bool):
    assert is_plain(text, Dialect(",", '"')) is plain
