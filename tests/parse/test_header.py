from __future__ import annotations

import pytest

from dorimportd.errors import HoldFile
from dorimportd.parse.decode import split_lines
from dorimportd.parse.fit import explain
from dorimportd.parse.header import find_header
from dorimportd.parse.naming import folded
from dorimportd.parse.rows import Dialect

WANTED = ("Store", "No", "Total", "Time")
COMMA = Dialect(",", '"')


def test_the_header_is_the_first_line_with_all_names_whatever_is_above_between_and_around():
    text = (
        '"Report of, ""Store"""\n\n"an open quote\nStore,No\n'
        ' tOTAL ,x,"NO",Time,x, store\xa0,,\n'
        "Store,No,Total,Time\n"
    )
    header = find_header(split_lines(text), WANTED, COMMA)
    assert header is not None
    assert header.names == ("tOTAL", "x", "NO", "Time", "x", "store", "", "")
    assert (header.last_line, header.width) == (5, 6)
    assert [header.places[folded(name)] for name in WANTED] == [5, 2, 0, 3]


def test_a_name_may_go_over_lines():
    header = find_header(split_lines('Store,No,"Total\n(EUR)",Time\n1,2,3,4\n'), ("Total (EUR)",), COMMA)
    assert header is not None
    assert (header.last_line, header.places["total (eur)"]) == (2, 2)


def test_a_header_whose_quote_swallows_a_row_holds_the_file():
    with pytest.raises(HoldFile) as hold:
        find_header(split_lines('x\nStore,No,Total,Time,"Note\n1,2,3,4,"y"\n'), WANTED, COMMA)
    assert str(hold.value) == (
        "The header in line 2 goes over 2 lines, and a quote in it is closed in the middle of a field."
    )


def test_the_header_is_looked_for_in_a_hundred_lines():
    line = "Store,No,Total,Time\n"
    assert find_header(["x\n"] * 99 + [line], WANTED, COMMA) is not None
    assert find_header(["x\n"] * 100 + [line], WANTED, COMMA) is None


def test_a_name_that_is_there_twice_holds_the_file_if_it_is_meant():
    with pytest.raises(HoldFile) as hold:
        find_header(["Store,No,Total,Time,TOTAL,x,x\n"], WANTED, COMMA)
    assert str(hold.value) == (
        "The header in line 1 has `Total` more than once, so that it is not known which is meant."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n \r\n", "The file is empty."),
        (
            "x\nStore,No,Grand Total,Time,Cashier\n",
            "The header in line 2 does not fit the format: column `Total` is gone; `Grand Total` is new and"
            " looks like it. Its columns are `Store`, `No`, `Grand Total`, `Time`, `Cashier`."
            ' If it is the same, set aliases = { "Total" = ["Grand Total"] }.',
        ),
        (
            "Store,Totl,Cashier\n",
            "The header in line 1 does not fit the format: column `No` is gone, column `Total` is gone;"
            " `Totl` is new and looks like it, column `Time` is gone."
            " Its columns are `Store`, `Totl`, `Cashier`."
            ' If it is the same, set aliases = { "Total" = ["Totl"] }.',
        ),
        (
            "Store,Number,Totals,Times\n",
            "The header in line 1 does not fit the format: column `No` is gone, column `Total` is gone;"
            " `Totals` is new and looks like it, column `Time` is gone; `Times` is new and looks like it."
            " Its columns are `Store`, `Number`, `Totals`, `Times`."
            ' If they are the same, set aliases = { "Total" = ["Totals"], "Time" = ["Times"] }.',
        ),
        (
            "Store,No,Time Total\n",
            "The header in line 1 does not fit the format: column `Total` is gone; `Time Total` is new and"
            " looks like it, column `Time` is gone. Its columns are `Store`, `No`, `Time Total`."
            ' If it is the same, set aliases = { "Total" = ["Time Total"] }.',
        ),
        (
            "7,117,12.50,2026-07-14\n",
            "None of the first 100 lines has any of the columns `Store`, `No`, `Total`, `Time`;"
            " line 1 has `7`, `117`, `12.50`, `2026-07-14`. If the file has lost its header, send it again"
            ' with one; if it has none from now on, set header = "none" and number its columns.',
        ),
        (
            "Store;No;Total;Time\n1;2;3,4;5\n",
            'The columns in line 1 are separated by ";"; set delimiter = ";".',
        ),
        (
            "Store\tNo\tTotal\tTime\n",
            'The columns in line 1 are separated by tab; set delimiter = "tab".',
        ),
        (
            "Dear all,\nplease find the sales attached\n",
            "None of the first 100 lines has any of the columns `Store`, `No`, `Total`, `Time`;"
            " line 1 has `Dear all`.",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_told_how_it_differs(text, reason):
    lines = split_lines(text)
    assert find_header(lines, WANTED, COMMA) is None
    assert explain(lines, WANTED, COMMA) == reason


def test_what_the_file_says_is_quoted_on_one_line():
    reason = explain(['Store,"a\nb\x1b[2J"\n'], ("Store", "a b"), COMMA)
    assert reason.isprintable()


def test_a_field_of_a_megabyte_has_no_columns():
    assert explain(["x" * 1_000_000], ("Store",), COMMA) == (
        "None of the first 100 lines has any of the columns `Store`; line 1 has no columns."
    )


def test_of_many_columns_twenty_are_told():
    line = ",".join(["Store", *(f"c{number}" for number in range(2, 31))]) + "\n"
    told = "`Store`, " + ", ".join(f"`c{number}`" for number in range(2, 21))
    assert explain([line], WANTED, COMMA).endswith(f"Its columns are {told} and 10 more.")


def test_a_column_that_is_misspelt_in_the_format_is_told_from_one_that_is_gone():
    lines = ["Store,Receipt No,Total,Time\n", "0042,117,5.00,2026-07-14\n"]
    wanted = ["Store", "Receipt No", "Reciept No", "Total", "Time"]
    assert explain(lines, wanted, Dialect(",", '"')) == (
        "The header in line 1 does not fit the format: column `Reciept No` is gone (is `Receipt No` meant?)."
        " Its columns are `Store`, `Receipt No`, `Total`, `Time`."
    )
