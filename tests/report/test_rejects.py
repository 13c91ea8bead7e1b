"""The rejects of a file as CSV: told exactly, harmless in a spreadsheet, and right when sent again."""

from __future__ import annotations

import csv
import io

import pytest

from dorimportd.parse.again import counts_fields, looks_above, looks_at_name, open_again
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.report.rejects import Why, mendable
from dorimportd.words import Transaction

PLAIN = """\
location = "Store"
transaction_id = "No"
total = "Total"
time = "Time"
max_reject_percent = 100
"""
NO_AMOUNT = "is not an amount with decimal mark '.'"


def outcome(file, format):
    batches = list(read(io.BytesIO(file), format, Defaults("UTC", "EUR"), "till.csv"))
    transactions = [Transaction._make(each) for batch in batches for each in batch.transactions]
    return transactions, [each for batch in batches for each in batch.rejects]


def report(file, format):
    """The rejects of *file* as one text."""
    found = {each.line: Why(each.column, each.rule) for each in outcome(file, format)[1]}
    return "".join(mendable(open_again(io.BytesIO(file), format, "till.csv"), found, format))


def sold(text, format):
    """Location, ID, units and scale of each sale of the file in *text*."""
    transactions, rejects = outcome(text.encode(format.encoding), format)
    assert rejects == []
    return [(each.location, each.transaction_id, each.units, each.scale) for each in transactions]


def test_the_rows_stand_as_they_came_below_the_header_of_their_own_file():
    format = parse_format(PLAIN + 'delimiter = ";"\nquote = "\'"\n', "till.toml")
    file = (
        b"Till 7;July\r\n\r\nStore ;'No';TOTAL;Time;\r\n"
        b"1;a;1.00;2026-07-14;\r\n"
        b"1; 'b;x;2026-07-14;\r\n"
        b"1;'c;\r\nd';2.00;2026-07-14;\r\n"
        b"1;e;3.00"
    )
    assert report(file, format) == (
        "Till 7;July\r\n\r\n"
        "line;column;rule;Store ;'No';TOTAL;Time;\r\n"
        "5;TOTAL;'is not an amount with decimal mark ''.''';1; 'b;x;2026-07-14;\r\n"
        "6;No;holds a control character;1;'c;\r\nd';2.00;2026-07-14;\r\n"
        "8;;has 3 fields, but the header has 4;1;e;3.00\r\n"
    )


def test_mended_rows_that_are_sent_again_are_imported_right():
    format = parse_format(PLAIN, "till.toml")
    file = b"Store,No,Total,Time,Note\nMitte,0017,x,2026-07-14,-\n=M&M,-18,-9.5O,2026-07-14,+1\n"
    again = report(file, format)
    mended = again.replace(",x,", ",-12.50,").replace("-9.5O", "-9.50")
    assert sold(mended, format) == [("Mitte", "0017", -1250, 2), ("=M&M", "-18", -950, 2)]


def test_cells_that_a_spreadsheet_would_run_are_made_harmless_and_numbers_are_left_alone():
    format = parse_format(PLAIN, "till.toml")
    cells = ['=1+1"', "@x", "+49 30", "-cmd|x", "\tx", " =1", "-12.50", "+3", "-1,249.00", "'=1", "a=b"]
    text = io.StringIO()
    csv.writer(text).writerows(
        [["Store", "No", "Total", "Time"], ["7", "1", "x", ""], *[[c, "1", "x", ""] for c in cells]]
    )
    (_, _, *rows) = csv.reader(io.StringIO(report(text.getvalue().encode(), format)))
    assert [row[3] for row in rows] == [
        *('\u00a0=1+1"', "\u00a0@x", "\u00a0+49 30", "\u00a0-cmd|x", "\u00a0\tx", "\u00a0 =1"),
        *("-12.50", "+3", "-1,249.00", "'=1", "a=b"),
    ]


def test_the_name_of_a_column_and_the_preamble_are_made_harmless_too():
    format = parse_format(PLAIN.replace("Total", "=Total"), "till.toml")
    file = b'=x,"=y\n"\nStore,No,"=Total",Time\n7,1,x,2026-07-14\n'
    assert report(file, format) == (
        '\u00a0=x,"=y\n"\n'
        'line,column,rule,Store,No,"\u00a0=Total",Time\n'
        f"4,\u00a0=Total,{NO_AMOUNT},7,1,x,2026-07-14\n"
    )
    assert sold(report(file, format).replace(",x,", ",5,"), format) == [("7", "1", 5, 0)]


def test_an_encoding_without_the_one_blank_has_another():
    format = parse_format(PLAIN + 'encoding = "cp932"\n', "till.toml")
    again = report("Store,No,Total,Time\n新宿,=1,x,2026-07-14\n".encode("cp932"), format)
    assert "\u3000=1" in again
    assert sold(again.replace(",x,", ",5,"), format) == [("新宿", "=1", 5, 0)]


def test_a_long_row_is_told_whole():
    format = parse_format(PLAIN, "till.toml")
    row = f"7,1,x,2026-07-14,{'n' * 20_000}"
    file = f"Store,No,Total,Time,Note\n{row}\n".encode()
    assert report(file, format) == f"line,column,rule,Store,No,Total,Time,Note\n2,Total,{NO_AMOUNT},{row}\n"


def test_columns_of_the_file_that_have_the_same_names_keep_them():
    format = parse_format(PLAIN.replace('"No"', '"Line"'), "till.toml")
    again = report(b"Store,Line,Total,Time\n7,1,x,2026-07-14\n", format)
    assert again == f"reject line,column,rule,Store,Line,Total,Time\n2,Total,{NO_AMOUNT},7,1,x,2026-07-14\n"
    assert sold(again.replace(",x,", ",5,"), format) == [("7", "1", 5, 0)]


NUMBERED = PLAIN + 'header = "none"\ncolumns = { Store = 1, No = 2, Time = 3, Total = 4 }\n'


def test_without_a_header_the_three_stand_behind_and_a_short_row_is_filled_up():
    format = parse_format(NUMBERED, "till.toml")
    again = report(b"7,1,2026-07-14,5.00\n7,2,2026-07-14\n7,3,2026-07-14,x\n", format)
    assert again == (
        f'7,2,2026-07-14,,2,,"has 3 fields, but the first row has 4"\n7,3,2026-07-14,x,3,Total,{NO_AMOUNT}\n'
    )
    # Not mended, the first is a reject again: the number of its line is not taken for its total.
    transactions, rejects = outcome(again.replace(",x,", ",6.00,").encode(), format)
    assert [(each.transaction_id, each.units) for each in transactions] == [("3", 600)]
    assert [(each.line, each.column, each.rule) for each in rejects] == [(1, "Total", "is empty")]


def test_without_a_header_rows_are_as_wide_as_the_first_whatever_the_format_reads():
    format = parse_format(NUMBERED, "till.toml")
    again = report(b"7,1,2026-07-14,5.00,note\n7,2,2026-07-14,x,note\n7,3,2026-07-14\n", format)
    assert again == (
        f"7,2,2026-07-14,x,note,2,Total,{NO_AMOUNT}\n"
        '7,3,2026-07-14,,,3,,"has 3 fields, but the first row has 5"\n'
    )
    mended = again.replace(",x,", ",6.00,").replace("14,,,", "14,7.00,,")
    assert sold(mended, format) == [("7", "2", 600, 2), ("7", "3", 700, 2)]


def test_without_quotes_a_rule_holds_no_delimiter():
    format = parse_format(PLAIN + 'quote = ""\n', "till.toml")
    again = report(b'Store,No,Total,Time\n7,"1,2026-07-14\n', format)
    assert again == (
        'line,column,rule,Store,No,Total,Time\n2,,has 3 fields  but the header has 4,7,"1,2026-07-14\n'
    )


def test_a_quote_that_stands_wrong_stays_so():
    format = parse_format(PLAIN, "till.toml")
    file = b'Store,No,Total,Time\n7,"Best,1,2026-07-14\n7,"Other,2,2026-07-14\n7,3,3,2026-07-14\n'
    assert report(file, format) == (
        "line,column,rule,Store,No,Total,Time\n"
        '2,,"goes over 2 lines, and a quote in it is closed in the middle of a field",'
        '7,"Best,1,2026-07-14\n7,"Other,2,2026-07-14\n'
    )


@pytest.mark.parametrize("format", [PLAIN, PLAIN + 'group_by = "No"\n'])
def test_rows_of_one_transaction_come_along_in_the_order_of_the_file(format):
    file = b"Store,No,Total,Time\n7,1,1,2026-07-14\n7,2,2,2026-07-14\n7,1,x,2026-07-14\n"
    lines = report(file, parse_format(format, "till.toml")).splitlines()[1:]
    expected = {PLAIN: ["4"]}.get(format, ["2", "4"])
    assert [line.split(",")[0] for line in lines] == expected


def sources(more):
    format = parse_format(PLAIN + more, "till.toml")
    return looks_above(format), looks_at_name(format), counts_fields(format)


def test_what_a_row_depends_on_besides_itself_is_known():
    above = """columns = { S = { column = "Store", above = { No = "H" } } }\n"""
    name = """columns = { S = { file_name = '[0-9]+' } }\n"""
    assert sources("") == (False, False, False)
    assert sources(above) == (True, False, False)
    assert sources(name) == (False, True, False)
    assert sources("columns = { Store = 1 }\n") == (False, False, True)
