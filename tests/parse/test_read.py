from __future__ import annotations

import gc
import random
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Batch, Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.words import Reject, Transaction

PLAIN = (
    'location = "Store"\ntransaction_id = "No"\ntotal = "Total"\ntime = "Time"\nmax_reject_percent = 100\n'
)
HEADER = "Store,No,Total,Time\n"
BERLIN = Defaults("Europe/Berlin", "EUR")
NOON = 1784023200_000_000  # 2026-07-14T10:00:00Z (date -u -d 2026-07-14T10:00:00Z +%s)


def sale(line: int, id_: str = "1", **other: object) -> Transaction:
    plain = Transaction(id_, "Mitte", 950, 2, "EUR", NOON, 7200, line)
    return plain._replace(**other)  # type: ignore[arg-type]


def batches(file: bytes, format: str = PLAIN) -> list[Batch]:
    return list(read(BytesIO(file), parse_format(format, "till.toml"), BERLIN))


def test_rows_become_transactions_in_the_order_of_the_file(read_file):
    file = HEADER + "Mitte,1,9.50,2026-07-14 12:00\n Mitte ,007,-9.50,2026-07-14T10:00:00Z\n"
    assert read_file(file) == ([sale(2), sale(3, "007", units=-950)], [])


def test_columns_may_stand_in_any_order_among_others_below_a_preamble(read_file):
    file = 'Sales,of July\n\n"Time";"x";TOTAL;no;store\n"2026-07-14 12:00";"a;b";9,50;1;Mitte\n'
    assert read_file(file, 'delimiter = ";"\ndecimal = ","\n') == ([sale(4)], [])


def test_a_file_of_a_header_has_no_batches():
    assert batches(HEADER.encode()) == []
    assert batches(HEADER.strip().encode()) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_each_kind_give_the_same(read_file, end):
    file = HEADER + "Mitte,1,9.50,2026-07-14 12:00\n\nMitte,2,9.50,2026-07-14 12:00"
    assert read_file(file.replace("\n", end)) == ([sale(2), sale(4, "2")], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_encodings_give_the_same(read_file, encoding):
    file = (HEADER + "Köln,1,9.50,2026-07-14 12:00\n").encode(encoding)
    assert read_file(file, f'encoding = "{encoding}"\n') == ([sale(2, location="Köln")], [])


def test_each_bad_value_is_one_reject_with_line_column_value_and_rule(read_file):
    rows = [
        "Mitte,1,9.50,2026-07-14 12:00",
        "Mitte,1,9.50",
        "Mitte,1,9.50,2026-07-14 12:00,x",
        ' ,1,9.50,2026-07-14 12:00,"",',
        "Mitte, ,9.50,2026-07-14 12:00",
        "Mitte,1,,2026-07-14 12:00",
        'Mitte,1," 9,50",2026-07-14 12:00',
        "Mitte,1,9.50,",
        "Mitte,1,9.50,14.07.2026",
        'Mitte,"1\n2",9.50,2026-07-14 12:00',
        '"Mitte\n2",1,9.50',
        "Mitte,1,9.50,2026-03-29 02:30",
        "Mitte,1,9.50,2026-07-14 12:00,,",
    ]
    file = HEADER.replace("No", "nO ") + "\n".join(rows) + "\n"
    too_few = "has 3 fields, but the header has 4"
    expected = [
        Reject(3, "", "", too_few, rows[1]),
        Reject(4, "", "", "has 5 fields, but the header has 4", rows[2]),
        Reject(5, "Store", " ", "is empty", rows[3]),
        Reject(6, "nO", " ", "is empty", rows[4]),
        Reject(7, "Total", "", "is empty", rows[5]),
        Reject(8, "Total", " 9,50", "is not an amount with decimal mark '.'", rows[6]),
        Reject(9, "Time", "", "is empty", rows[7]),
        Reject(10, "Time", "14.07.2026", "is not a time like 2026-07-14 16:52:38", rows[8]),
        Reject(11, "nO", "1\n2", "holds a control character", rows[9]),
        Reject(13, "", "", f"{too_few}; it goes over 2 lines: is a quote not closed?", rows[10]),
        Reject(
            15,
            "Time",
            "2026-03-29 02:30",
            "is skipped by the clocks in Europe/Berlin when they go forward",
            rows[11],
        ),
    ]
    assert read_file(file) == ([sale(2), sale(16)], expected)


def test_a_quote_that_is_closed_too_late_moves_no_amount_to_another_sale(read_file):
    row = 'Mitte,A1,"Best buy,1.00,2026-07-14 10:00\nMitte,A2,"Other,2.00,2026-07-14 10:01'
    file = f"Store,No,Desc,Total,Time\n{row}\nMitte,1,x,9.50,2026-07-14 12:00\n"
    rule = "goes over 2 lines, and a quote in it is closed in the middle of a field"
    assert read_file(file) == ([sale(4)], [Reject(2, "", "", rule, row)])


def test_a_value_may_go_over_several_lines(read_file):
    file = 'Store,No,Desc,Total,Time\n"Mitte",1,"He said ""\nno"" ",9.50,2026-07-14 12:00\n'
    assert read_file(file) == ([sale(2)], [])


def test_lines_without_text_are_no_rows(read_file):
    file = HEADER + '\n  \n,,,\n" ",\u00a0,,,,\nMitte,1,9.50,2026-07-14 12:00\n\x1a'
    assert read_file(file) == ([sale(6)], [])


def test_columns_without_a_name_at_the_end_need_not_be_there(read_file):
    file = "Store,No,Total,Time,,\nMitte,1,9.50,2026-07-14 12:00\nMitte,2,9.50,2026-07-14 12:00,,,,\n"
    assert read_file(file) == ([sale(2), sale(3, "2")], [])


def test_location_and_currency_may_be_constants(read_file):
    format = PLAIN.replace('"Store"', '{ constant = "Mitte" }') + 'currency = "CHF"\n'
    file = "No,Total,Time\n1,CHF 9.50,2026-07-14 12:00\n1,EUR 9.50,2026-07-14 12:00\n"
    assert read_file(file, format=format) == (
        [sale(2, currency="CHF")],
        [Reject(3, "Total", "EUR 9.50", "is in EUR, but the currency is CHF", "1,EUR 9.50,2026-07-14 12:00")],
    )


def test_the_currency_may_be_a_column(read_file):
    file = "Store,No,Total,Time,Cur\n" + "".join(
        f"Mitte,1,{total},2026-07-14 12:00,{currency}\n"
        for total, currency in [
            ("9.50", "EUR"),
            ("9.50", " SEK "),
            ("SEK 9.50", "SEK"),
            ("9.50", "sek"),
            ("9.50", ""),
            ("x", "SEK"),
        ]
    )
    transactions, rejects = read_file(file, 'currency = { column = "cur" }\n')
    assert transactions == [sale(2), sale(3, currency="SEK"), sale(4, currency="SEK")]
    assert [reject[:4] for reject in rejects] == [
        (5, "Cur", "sek", "is not a currency code of three capital letters"),
        (6, "Cur", "", "is empty"),
        (7, "Total", "x", "is not an amount with decimal mark '.'"),
    ]


def test_the_time_may_stand_in_two_columns_and_none_of_them_may_be_empty(read_file):
    format = PLAIN.replace('time = "Time"', 'time = ["Day", "Time"]')
    file = (
        "Store,No,Total,Day,Time\n"
        "Mitte,1,9.50,2026-07-14,12:00\n"
        "Mitte,2,9.50, 2026-07-14 , 12:00:00 \n"
        "Mitte,3,9.50,2026-07-14, \n"
        "Mitte,4,9.50,,12:00\n"
        "Mitte,5,9.50,2026-07-14,noon\n"
    )
    transactions, rejects = read_file(file, format=format)
    assert transactions == [sale(2), sale(3, "2")]
    assert [reject[:4] for reject in rejects] == [
        (4, "Time", " ", "is empty"),
        (5, "Day", "", "is empty"),
        (6, "Day + Time", "2026-07-14 noon", "is not a time like 2026-07-14 16:52:38"),
    ]


def test_a_time_in_two_columns_may_have_its_offset_and_a_change_of_the_clocks(read_file):
    format = PLAIN.replace('time = "Time"', 'time = ["Day", "Time"]')
    file = "Store,No,Total,Day,Time\nMitte,1,9.50,2026-07-14,10:00Z\nMitte,2,9.50,2026-10-25,02:00\n"
    transactions = [sale(2), sale(3, "2", occurred_at=1792886400_000_000)]  # 2026-10-25T00:00:00Z
    assert read_file(file, format=format) == (transactions, [])


def test_a_time_in_three_columns_and_a_zone_of_the_format(read_file):
    format = PLAIN.replace(
        'time = "Time"', 'time = ["D", "H", "M"]\ntime_format = "%d/%m/%y %H %M"\ntimezone = "UTC"'
    )
    assert read_file("Store,No,Total,D,H,M\nMitte,1,9.50,14/7/26,10,0\n", format=format) == (
        [sale(2, utc_offset=0)],
        [],
    )


def test_an_id_may_be_composed(read_file):
    format = PLAIN.replace('"No"', '["Store", "Day", "No"]')
    file = "Store,Day,No,Total,Time\nMitte,14/07, 1 ,9.50,2026-07-14 12:00\nMitte,,1,9.50,2026-07-14 12:00\n"
    assert read_file(file, format=format) == (
        [sale(2, "Mitte/14//07/1")],
        [Reject(3, "Day", "", "is empty", "Mitte,,1,9.50,2026-07-14 12:00")],
    )


def test_an_id_of_one_column_is_that_column_also_in_a_list(read_file):
    for source in ('["No"]', '"No"'):
        format = PLAIN.replace('"No"', source)
        assert read_file(HEADER + "Mitte,a/b,9.50,2026-07-14 12:00\n", format=format) == (
            [sale(2, "a/b")],
            [],
        )


def test_an_id_may_be_generated_and_only_rows_that_are_right_count(read_file):
    format = PLAIN.replace('"No"', '{ generate_from = ["Time", "Total"] }')
    row = "Mitte,9.50,2026-07-14 12:00\n"
    transactions, rejects = read_file("Store,Total,Time\n" + row + " " + row[5:] + row, format=format)
    first, second = (transaction.transaction_id for transaction in transactions)
    assert first.endswith("-1")
    assert second == first[:-1] + "2"
    assert [reject.column for reject in rejects] == ["Store"]


def test_a_large_file_comes_in_batches_and_the_lines_go_on():
    file = HEADER + "".join(f"Mitte,{n},9.50,2026-07-14 12:00\n" for n in range(2, 25_002))
    found = batches(file.encode())
    assert all(0 < batch.rows <= 10_000 for batch in found)
    assert [row for batch in found for row in batch.transactions] == [
        sale(line, str(line)) for line in range(2, 25_002)
    ]


def test_the_garbage_collector_looks_at_no_transaction():
    file = HEADER + "".join(f"Mitte,{n},9.50,2026-07-14 12:00\n" for n in range(100))
    (batch,) = batches(file.encode())
    gc.collect()
    assert [gc.is_tracked(row) for row in batch.transactions] == [False] * 100


def test_batches_of_long_rejects_are_smaller():
    file = HEADER + f"{'x' * 10_000},1\n" * 1_000
    found = batches(file.encode())
    assert all(batch.rows <= 420 for batch in found)
    assert sum(batch.rows for batch in found) == 1_000
    assert found[0].rejects[0] == Reject(2, "", "", "has 2 fields, but the header has 4", "x" * 10_000)


def test_a_file_that_cannot_be_read_to_its_end_is_held_then():
    file = HEADER.encode() + b"Mitte,1,9.50,2026-07-14 12:00\n" * 30_000
    for tail, reason in [
        (b"\xff\n", "Line 30002 is not UTF-8"),
        (b"\0", "Line 30002 holds a NUL"),
        (b'"', "The quote"),
    ]:
        stream = read(BytesIO(file + tail), parse_format(PLAIN, "till.toml"), BERLIN)
        assert next(stream).rows == 10_000
        with pytest.raises(HoldFile, match=reason):
            list(stream)


def test_reading_again_rewinds_the_stream():
    stream = BytesIO((HEADER + "Mitte,1,9.50,2026-07-14 12:00\n").encode())
    format = parse_format(PLAIN, "till.toml")
    assert list(read(stream, format, BERLIN)) == list(read(stream, format, BERLIN)) == [Batch([sale(2)], [])]


@settings(max_examples=150)
@given(
    st.one_of(st.binary(max_size=200), st.text('St,or"\r\n\x00é1.2026-:', max_size=80).map(str.encode)),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-16", "utf-16-be", "cp1252", "latin-1", "cp932"]),
    st.sampled_from(['quote = ""', 'quote = "\'"', 'delimiter = ";"', 'delimiter = "tab"']),
)
def test_whatever_the_bytes_nothing_but_a_hold_is_raised(file: bytes, headed: bool, encoding: str, key: str):
    if headed:
        file = HEADER.encode(encoding) + file
    try:
        found = batches(file, f'{PLAIN}encoding = "{encoding}"\n{key}\n')
    except HoldFile as hold:
        assert str(hold).endswith(".")
        return
    assert all(batch.rows for batch in found)


def test_the_rows_of_a_file_are_all_accounted_for():
    """Whether spoilt or not, each row ends as one transaction or one reject, at its line."""
    choice = random.Random(1)
    spoilt = ["", "x", "1.2.3", '"a\nb"', "9.999999", "2026-02-30", " "]
    lines, begins, line = [HEADER], [], 2
    for number in range(3_000):
        fields = ["Mitte", str(number), "9.50", "2026-07-14 12:00"]
        if choice.random() < 0.3:
            fields[choice.randrange(4)] = choice.choice(spoilt)
        if choice.random() < 0.1:
            fields = fields[: choice.randrange(2, 4)]
        lines.append(",".join(fields) + choice.choice(["\n", "\r\n"]))
        begins.append(line)
        line += 1 + sum(field.count("\n") for field in fields)
    found = batches("".join(lines).encode())
    ends = [row[7] for batch in found for row in batch.transactions]
    ends += [reject.line for batch in found for reject in batch.rejects]
    assert sorted(ends) == begins
    assert sum(batch.rows for batch in found) == 3_000


EVERYTHING = """
delimiter = ";"
aliases = { No = ["Number"] }
columns = { Kind = 5, Made = { column = "Store", extract = "[A-Z].*", default = "x" } }
skip = { Kind = ["X", "T"], Made = "Y" }
comment = "#"
footer = { Store = "Sum" }
ragged = "accept"
group_by = ["Made", "No"]
combine = { location = "first" }
location = { column = "Store", lookup = { M = "Mitte" }, unknown = "keep" }
transaction_id = ["Made", "No"]
unique_per = "location"
total = { product = ["Total", "Total"] }
refunds = { Kind = "R" }
time = "Time"
time_format = ["iso", "epoch"]
timezone = { column = "Kind", lookup = { R = "CET" }, unknown = { constant = "Asia/Tokyo" }, default = "Z" }
max_reject_percent = 100
"""


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            *(
                st.sampled_from(values)
                for values in (
                    ("M", "Y", "m", "", "Sum", "#", '"a\nb"'),
                    ("1", "2", "3", "", "1E+12"),
                    ("1.50", "-2", "x", "", "99999999999999"),
                    ("2026-07-14 12:00", "1784023200", "", "never"),
                    ("S", "R", "X", "T", ""),
                )
            )
        ),
        max_size=12,
    )
)
def test_with_everything_said_each_row_still_ends_once(fields: list[tuple[str, ...]]):
    file = "Store;Number;Total;Time;Kind\n" + "".join(";".join(row) + "\n" for row in fields)
    try:
        found = batches(file.encode(), EVERYTHING)
    except HoldFile as hold:
        assert "1E+12" in str(hold) or "of which transaction it is a part" in str(hold)
        return
    kept = []
    for row in fields:
        if row[0] == "Sum":
            break
        if row[0] != "#" and any(row) and row[4] not in ("X", "T"):
            kept.append(row)
    counted = [row for row in kept if row[0] != "Y"]
    assert sum(batch.rows for batch in found) == len(counted)
