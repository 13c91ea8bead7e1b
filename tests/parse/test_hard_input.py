"""Polluted files: each is imported right, or refused with a line, and never imported wrong in silence."""

from __future__ import annotations

import csv
import gzip
import io
import json
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.parse.rows import Dialect
from dorimportd.parse.torn import torn
from dorimportd.words import Transaction, instant, iso

PLAIN = """\
location = "Store"
transaction_id = "No"
total = "Total"
time = "Time"
max_reject_percent = 100
"""
HEADER = "Store,No,Total,Time\n"
NOON = "2026-07-14 12:00"


def outcome(file, more="", timezone="Europe/Berlin"):
    """The sales of a file by ID and total, and line, column and rule of its rejects; or why it is held."""
    content = file if isinstance(file, bytes) else file.encode()
    sales, rejects = [], []
    try:
        for batch in read(
            BytesIO(content), parse_format(PLAIN + more, "till.toml"), Defaults(timezone, "EUR")
        ):
            sales += [
                (each.transaction_id, str(each.total)) for each in map(Transaction._make, batch.transactions)
            ]
            rejects += [(each.line, each.column, each.rule) for each in batch.rejects]
    except HoldFile as reason:
        return str(reason)
    return sales, rejects


ONE_AND_TWO = [("1", "1.00"), ("2", "2.00")]


@pytest.mark.parametrize(
    "file",
    [
        'Store,No,Total,Time\n"a ""b"" c",1,1.00,{t}\n"""x""",2,2.00,{t}\n',
        "Store,No,Total,Time\n5\" pipe,1,1.00,{t}\n7's,2,2.00,{t}\n",  # quotes inside fields
        'Store,No,Total,Time,Note\n7,1,1.00,{t},"a\nb\r\nc\rd"\n7,2,2.00,{t},\n',  # line ends in fields
        "Store,No,Total,Time\r7,1,1.00,{t}\r7,2,2.00,{t}\r",  # CR only
        "Store,No,Total,Time\r\n7,1,1.00,{t}\r7,2,2.00,{t}\n",  # mixed line ends
        "\ufeffStore,No,Total,Time\n7,1,1.00,{t}\n\ufeffStore,No,Total,Time\n7,2,2.00,{t}\n",  # two in one
        "Store,No,Total,Time\n7,1,1.00,{t}\n\ufeff7,2,2.00,{t}\n",  # BOM in the middle
        " STORE ,no\u00a0,  Total,time \n7,1,1.00,{t}\n7,2,2.00,{t}\n",  # blanks and case in names
        "Store,Note,No,Note,Total,Time\n7,a,1,b,1.00,{t}\n7,,2,,2.00,{t}\n",  # a name twice that is not used
        "Store,No,Total,Time,,,\n7,1,1.00,{t},,,\n7,2,2.00,{t},,,\n",  # columns without a name
        "Store,No,Total,Time\n7,1,1.00,{t},\n7,2,2.00,{t},,,\n",  # trailing delimiters
        "Store,,No,,Total,Time\n7,,1,,1.00,{t}\n7,,2,,2.00,{t}\n",  # empty columns
        "# by the till\n\nStore,No,Total,Time\n7,1,1.00,{t}\n,,,\n\n7,2,2.00,{t}\n \n",  # blank lines
        "Store,No,Total,Time\n7,1,1.00,{t}\n7,2,2.00,{t}",  # no end of the last line
        "Store,No,Total,Time\n7,1,1.00,{t}\n7,2,2.00,{t}\n\x1a",  # the sign that ends a file on DOS
    ],
)
def test_what_is_unusual_and_clear_is_imported_right(file):
    assert outcome(file.replace("{t}", NOON)) == (ONE_AND_TWO, [])


def test_comment_lines_are_passed_over_where_the_format_knows_them_and_else_told():
    file = f"{HEADER}7,1,1.00,{NOON}\n# till closed\n7,2,2.00,{NOON}\n"
    assert outcome(file, 'comment = "#"\n') == (ONE_AND_TWO, [])
    assert outcome(file) == (ONE_AND_TWO, [(3, "", "has 1 fields, but the header has 4")])


def test_a_thousand_columns_are_as_good_as_four():
    names = [f"c{number}" for number in range(1, 1001)]
    names[0], names[499], names[998], names[999] = "Store", "No", "Total", "Time"
    rows = [["7", *["x"] * 498, number, *["y"] * 498, f"{number}.00", NOON] for number in ("1", "2")]
    text = io.StringIO()
    csv.writer(text).writerows([names, *rows])
    assert outcome(text.getvalue()) == (ONE_AND_TWO, [])
    numbered = PLAIN + 'header = "none"\ncolumns = { Store = 1, No = 500, Total = 999, Time = 1000 }\n'
    batches = read(BytesIO(text.getvalue().encode()), parse_format(numbered, "t"), Defaults("UTC", "EUR"))
    assert [row[0] for batch in batches for row in batch.transactions] == ["1", "2"]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (
            f"{HEADER}7,1,1.00,{NOON}\n".encode("utf-16-le"),
            'The file looks like UTF-16 (little-endian), not UTF-8; set encoding = "utf-16-le".',
        ),
        (
            f"{HEADER}7,1,1.00,{NOON}\n7,2\0,2.00,{NOON}\n",
            "Line 3 holds a NUL character: the file is damaged, or it is not text.",
        ),
        (
            f"{HEADER}Köln,1,1.00,{NOON}\n".encode() + f"Köln,2,2.00,{NOON}\n".encode("cp1252"),
            "Line 3 is not UTF-8, but line 2 is UTF-8: the file was put together from several encodings."
            " Export it in one.",
        ),
        (
            f"Store,No,Total,Total,Time\n7,1,1.00,2.00,{NOON}\n",
            "The header in line 1 has `Total` more than once, so that it is not known which is meant.",
        ),
        (
            f'{HEADER}7,1,1.00,{NOON}\n7,"2,2.00,{NOON}\n7,3,3.00,{NOON}\n',
            'The quote (") that is opened in line 3 is not closed at all.',
        ),
        (HEADER + "x" * 1_100_000, "Line 2 is longer than 1,048,576 characters."),
        (
            gzip.compress((HEADER + f"7,1,1.00,{NOON}\n").encode(), mtime=0)[:-9],
            "The compressed file is damaged or cut off; send it again.",
        ),
    ],
)
def test_a_file_that_cannot_be_trusted_is_held(file, reason):
    assert outcome(file) == reason


def test_ragged_rows_are_rejects_or_filled_up_as_the_format_says():
    file = f"Store,No,Total,Time,Till\n7,1,1.00,{NOON}\n7,2,2.00,{NOON},9,9\n7,3,3.00\n"
    width = "but the header has 5"
    assert outcome(file) == (
        [],
        [
            (2, "", f"has 4 fields, {width}"),
            (3, "", f"has 6 fields, {width}"),
            (4, "", f"has 3 fields, {width}"),
        ],
    )
    assert outcome(file, 'ragged = "accept"\n') == (ONE_AND_TWO, [(4, "Time", "is empty")])


STRAY = "has a quote that stands neither at the beginning nor at the end of its field"


@pytest.mark.parametrize("field", ['"a "b" c"', '"a"b', ' "a"', '""a', '"a" b '])
def test_a_quote_that_stands_wrong_in_a_value_is_told_and_elsewhere_does_no_harm(field):
    file = f"Store,No,Total,Time,Note\n7,1,1.00,{NOON},{field}\n7,{field},1.00,{NOON},x\n7,2,2.00,{NOON},\n"
    assert outcome(file) == (ONE_AND_TWO, [(3, "", STRAY)])


@pytest.mark.parametrize(
    ("field", "id_"), [('"a ""b"" c"', 'a "b" c'), ('5" x', '5" x'), ('"a" ', "a"), ('a"b"', 'a"b"')]
)
def test_a_quote_that_stands_right_is_read(field, id_):
    assert outcome(f'{HEADER}x"y,1,1.00,{NOON}\n7,{field},2.00,{NOON}\n') == (
        [("1", "1.00"), (id_, "2.00")],
        [],
    )


def test_a_mark_within_a_line_is_told():
    file = f"{HEADER}7,\ufeff1,1.00,{NOON}\n7,2,2.00,{NOON}\n"
    assert outcome(file) == (ONE_AND_TWO[1:], [(2, "No", "holds an invisible character (U+FEFF)")])


@pytest.mark.parametrize(
    ("time", "meant"),
    [
        ("2024-02-29 12:00", "2024-02-29T11:00:00Z"),
        ("2026-02-29 12:00", "is not a day of the calendar"),
        ("2026-07-14 24:00:00", "is not a time like 2026-07-14 16:52:38"),
        ("2026-07-14 23:59:60", "is not a time like 2026-07-14 16:52:38"),
        ("2026-03-29 02:30", "is skipped by the clocks in Europe/Berlin when they go forward"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00Z"),
        ("2026-07-14T12:00Z", "2026-07-14T12:00:00Z"),
        ("1926-07-14 12:00", "is not in the years 1970 to 2100"),
    ],
)
def test_times_at_the_edges(time, meant):
    """By the plain format; see test_moment.py for others."""
    found = list(
        read(
            BytesIO(f"{HEADER}7,1,1.00,{time}\n".encode()),
            parse_format(PLAIN, "t"),
            Defaults("Europe/Berlin", "EUR"),
        )
    )
    told = [iso(instant(row[5])) for batch in found for row in batch.transactions]
    assert told + [reject.rule for batch in found for reject in batch.rejects] == [meant]


SIGNS = st.lists(st.sampled_from([*"a1,;|'=- é", '"', '""', "\n", "\r", "\r\n"]), max_size=8).map("".join)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(SIGNS, SIGNS, st.integers(-99_999, 99_999)), max_size=6),
    st.sampled_from([(",", '"'), (";", '"'), ("\t", "'"), ("|", "'")]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.booleans(),
)
def test_whatever_stands_beside_the_sales_in_any_dialect_they_are_right(
    notes: list[tuple[str, str, int]],
    signs: tuple[str, str],
    end: str,
    quoting: int,
    encoding: str,
    packed: bool,
):
    delimiter, quote = signs
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quotechar=quote, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["Before", "Store", "No", "Total", "Time", "After"])
    for number, (before, after, cents) in enumerate(notes):
        if quoting == csv.QUOTE_MINIMAL:  # by which the csv module does not quote each kind of line end
            before, after = " ".join(before.splitlines()), " ".join(after.splitlines())
        writer.writerow([before, "7", f"R-{number}", f"{cents / 100:.2f}", NOON, after])
    content = text.getvalue().encode(encoding)
    more = (
        f"delimiter = {json.dumps(delimiter)}\nquote = {json.dumps(quote)}\n"
        f'encoding = "{encoding.removesuffix("-sig")}"\n'
    )
    assert outcome(gzip.compress(content) if packed else content, more) == (
        [(f"R-{number}", f"{cents / 100:.2f}") for number, (_, _, cents) in enumerate(notes)],
        [],
    )


# A file that was cut off.

ROWS = [
    {"Store": "0042", "No": "R-1001", "Total": "12.50", "Time": "2026-07-14 12:00:11"},
    {"Store": "0043", "No": "R-1002", "Total": "-9.99", "Time": "2026-07-14 12:01:22"},
    {"Store": "0042", "No": "R-1003", "Total": "1249.00", "Time": "2026-07-14 12:02:33"},
    {"Store": "0043", "No": "R-1004", "Total": "12490.00", "Time": "2026-07-14 12:03:44"},
]
CUT = "may be cut off, since the file ends in this line: those above are like "


def file_of(columns, last_end="\n"):
    return (
        "\n".join(",".join(row) for row in [columns, *[[row[name] for name in columns] for row in ROWS]])
        + last_end
    )


@pytest.mark.parametrize(
    "columns",
    [
        ["Store", "No", "Total", "Time"],
        ["No", "Time", "Store", "Total"],
        ["Total", "Time", "Store", "No"],
        ["No", "Total", "Time", "Store"],
    ],
)
@pytest.mark.parametrize("more", ["", 'group_by = "No"\n'])
def test_wherever_a_file_was_cut_off_its_rows_are_right_or_told(columns, more):
    whole = file_of(columns)
    sales, rejects = outcome(whole, more)
    assert (len(sales), rejects) == (4, [])
    for end in range(whole.index("R-1003") if columns[0] != "Total" else whole.index("1249.00"), len(whole)):
        last = whole[:end].rstrip("\n").count("\n") + 1
        became = outcome(whole[:end], more)
        if isinstance(became, str):  # a line item of no known transaction
            assert (more != "", f"line {last} " in became) == (True, True)
            continue
        found, told = became
        # 1249.0 is as much as 1249.00.
        assert [(id_, float(total)) for id_, total in found] == [
            (id_, float(total)) for id_, total in sales[: len(found)]
        ]
        on_lines = sorted([*range(2, 2 + len(found)), *[line for line, _, _ in told]])
        assert on_lines == list(range(2, last + 1)), whole[:end]


@pytest.mark.parametrize(
    ("column", "cut", "like"),
    [
        ("Total", "12490.0", "1249.00"),
        ("Total", "12", "1249.00"),
        ("Time", "2026-07-14", "2026-07-14 12:02:33"),
        ("No", "R-10", "R-1003"),
        ("Store", "004", "0042"),
    ],
)
def test_a_value_that_may_be_cut_off_is_told_with_one_that_is_not(column, cut, like):
    columns = [name for name in ROWS[0] if name != column] + [column]
    whole = file_of(columns, "")
    file = whole[: whole.rindex(",") + 1] + cut
    sales, rejects = outcome(file)
    assert (len(sales), rejects) == (3, [(5, column, CUT + like)])
    assert outcome(file + "\n")[1] == []  # a line that is over is as the till wrote it
    assert outcome(f'{file.removesuffix(cut)}"{cut}"')[1] == []  # and so is a field


@pytest.mark.parametrize("last", ["Süd", "West"])
def test_values_that_differ_anyhow_are_not_doubted(last):
    file = "No,Total,Time,Store\n" + "".join(
        f"{n},1,{NOON},{name}\n" for n, name in enumerate(["Nord", "Ost", "Mitte"])
    )
    assert outcome(f"{file}9,1,{NOON},{last}")[1] == []
    totals = "No,Store,Time,Total\n" + "".join(
        f"{n},7,{NOON},{total}\n" for n, total in enumerate(["12.5", "9", "3.25"])
    )
    assert outcome(f"{totals}9,7,{NOON},4")[1] == []


@pytest.mark.parametrize(
    ("above", "last"),
    [
        (["12.50", "10.00"], "9.50"),
        (["12.99", "13.49"], "10"),  # the till leaves zeros out
        (["12.50-", "10.00-"], "9.50"),
        (["1.00", "2.00"], ""),
        (["101", "100"], "99"),
        (["12", "11"], "9"),
        (["10:30", "11:45"], "9:05"),
        (["2026/7/14", "2026/7/12"], "2026/7/1"),
        (["2026-07-14T16:52:38", "2026-07-14T16:53:02"], "2026-07-14T16:54"),
        (["Berlin Mitte", "Berlin Mitte"], "Berlin"),
        (["Kiosk 2", "Kiosk 3"], "Kiosk"),
    ],
)
def test_a_last_row_that_may_well_be_whole_is_not_doubted(above, last):
    assert torn([f"7;{value}\n" for value in above], f"7;{last}", Dialect(";", '"'), {1}) is None


def test_many_rows_prove_what_few_do_not():
    def doubted(value, last):
        return torn([f"7;{value}\n"] * 50, f"7;{last}", Dialect(";", '"'), {1}) is not None

    assert doubted("12.99", "12.9")
    assert doubted("Berlin Mitte", "Berlin Mi")
    assert doubted("2.00", "")
    assert not doubted("12.99", "9.99")


def test_a_column_that_is_not_read_may_end_as_it_likes():
    file = "No,Store,Total,Time,Note\n" + f"1,7,1.00,{NOON},note 12345\n" * 3
    assert outcome(f"{file}9,7,1.00,{NOON},no")[1] == []


def test_the_last_of_line_items_takes_its_transaction_along():
    file = f"No,Store,Time,Total\n1,7,{NOON},1.00\n1,7,{NOON},2.00\n2,7,{NOON},3.00\n1,7,{NOON},40"
    sales, rejects = outcome(file, 'group_by = "No"\n')
    assert sales == [("2", "3.00")]
    along = "is of the same transaction as line 5, which is rejected"
    assert sorted(rejects) == [(2, "", along), (3, "", along), (5, "Total", CUT + "3.00")]


def test_the_last_row_is_doubted_also_where_a_block_begins_with_it():
    rows = f"7,1,1.00,{NOON}\n" * 20_000
    for rows_before in (9_999, 10_000, 20_000):
        file = HEADER + rows[: rows_before * len(f"7,1,1.00,{NOON}\n")] + "7,2,2.00,2026-07-14"
        assert outcome(file)[1] == [(rows_before + 2, "Time", CUT + NOON)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("more", ["", 'group_by = "No"\n'])
def test_blank_lines_by_the_megabyte_are_nothing_and_are_counted(end, more):
    blank = end * 700_000  # more than two blocks
    file = f"{HEADER}7,1,1.00,{NOON}\n{blank}7,2,2.00,{NOON}\n{blank}7,3,x,{NOON}{end}"
    rejects = [(1_400_004, "Total", "is not an amount with decimal mark '.'")]
    assert outcome(file, more) == (ONE_AND_TWO, rejects)


def test_a_line_item_whose_scoped_id_cannot_be_joined_is_a_reject():
    file = f"{HEADER}7,/1,1.00,{NOON}\n7,2,2.00,{NOON}\n"
    sales, rejects = outcome(file, 'group_by = "No"\nunique_per = "location"\n')
    rule = "begins or ends with '/', which joins the parts of the ID"
    assert (sales, [(line, column) for line, column, _ in rejects]) == ([("7/2", "2.00")], [(2, "No")])
    assert rejects[0][2] == rule
