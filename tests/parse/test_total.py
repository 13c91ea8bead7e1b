"""Totals that are more than an amount in a column."""

from __future__ import annotations

from io import BytesIO

import pytest

from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.toml import BadToml
from dorimportd.words import Transaction

REST = 'location = { constant = "Mitte" }\ntransaction_id = "No"\ntime = "Time"\nmax_reject_percent = 100\n'
BERLIN = Defaults("Europe/Berlin", "EUR")


def totals(keys: str, *values: str) -> list[str]:
    """The total, or column, value and rule, of rows with the values "A;B;C"."""
    file = "No;Time;A;B;C\n" + "".join(
        f"{number};2026-07-14 12:00;{value}\n" for number, value in enumerate(values)
    )
    format = parse_format(f'{REST}delimiter = ";"\n{keys}\n', "till.toml")
    (batch,) = read(BytesIO(file.encode()), format, BERLIN)
    found = {each.line: str(each.total) for each in map(Transaction._make, batch.transactions)}
    found |= {each.line: f"{each.column} {each.value!r} {each.rule}" for each in batch.rejects}
    return [text for _, text in sorted(found.items())]


def test_a_total_may_be_a_sum_a_difference_or_a_product():
    values = ("9.00;0.705;2", "-9.00;-0.70;-2.0", "$9.00;0.1;-3")
    assert totals('total = { sum = ["A", "B"] }', *values) == ["9.705", "-9.70", "9.10"]
    assert totals('total = { sum = ["A", "B", "C"] }', *values) == ["11.705", "-11.70", "6.10"]
    assert totals('total = { difference = ["A", "B", "C"] }', *values) == ["6.295", "-6.30", "11.90"]
    assert totals('total = { product = ["A", "C"] }', *values) == ["18.00", "18.00", "-27.00"]


def test_a_computed_total_needs_all_its_values():
    assert totals('total = { sum = ["A", "B"] }', "1;;", "1;x;", ";1;") == [
        "B '' is empty",
        "B 'x' is not an amount with decimal mark '.'",
        "A '' is empty",
    ]
    assert totals('total = { sum = ["A", { column = "B", default = "0" }] }', "1.50;;") == ["1.50"]


def test_only_products_are_rounded_once_and_away_from_zero():
    by = 'total = { product = ["A", "B"] }\n'
    values = ("0.125;1.0;", "-0.125;1;", "1.00005;1;", "0.3333;0.3333;", "0.12345678;100;")
    assert totals(by, *values) == ["0.125", "-0.125", "1.0001", "0.1111", "12.3457"]
    assert totals(by + "places = 2", *values) == ["0.13", "-0.13", "1.00", "0.11", "12.35"]
    assert totals('total = "A"\nplaces = 1', "0.25;;", "-0.25;;", "3;;") == ["0.3", "-0.3", "3"]


def test_a_product_that_is_too_large_is_a_reject():
    assert totals('total = { product = ["A", "B"] }', "99999999999999;99999999999999;") == [
        "A + B '99999999999999 99999999999999' is too large"
    ]


def test_decimals_may_be_implied():
    assert totals('total = "A"\nimplied_decimals = 2', "1250;;", "-5;;", "12.5;;", "0;;") == [
        "12.50",
        "-0.05",
        "A '12.5' has decimal places, but the format says that they are implied",
        "0.00",
    ]
    assert totals('total = { product = ["A", "B"] }\nimplied_decimals = 2', "3;199;", "0.5;199;") == [
        "5.97",
        "0.995",
    ]


def test_signs_may_be_inverted():
    assert totals('total = "A"\nsign = "inverted"', "-12.50;;", "3;;", "(1);;") == ["12.50", "-3", "1"]


def test_a_column_may_tell_which_rows_are_refunds():
    by = 'refunds = { B = ["Refund", "Return"] }\n'
    values = ("9.00;Sale;2", "9.00;Refund;2", "-9.00; Return ;-2", "-1.00;Sale;1")
    assert totals('total = "A"\n' + by, *values) == ["9.00", "-9.00", "-9.00", "-1.00"]
    product = 'total = { product = ["A", "C"] }\n'
    assert totals(product + by, *values) == ["18.00", "-18.00", "-18.00", "-1.00"]


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("1,23,45,678.90", "12345678.90"),
        ("12,345", "12345"),
        ("-1,00,000.5", "-100000.5"),
        ("Rs. 1,00,000", "100000"),
        ("999", "999"),
        ("123,456", None),
        ("1,23,45", None),
        ("0,12,345", None),
        ("01,234", None),
    ],
)
def test_thousands_may_be_marked_as_in_india(text, total):
    refused = f"A {text!r} is not an amount with decimal mark '.' and thousands mark 'lakh'"
    assert totals('total = "A"\nthousands = "lakh"', f"{text};;") == [total or refused]


@pytest.mark.parametrize("text", ["▲1,250", "△1,250", "¥▲1,250", "▲¥1,250"])
def test_a_triangle_is_a_minus(text):
    assert totals('total = "A"\nthousands = ","', f"{text};;") == ["-1250"]


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ('total = { sum = ["A"] }', "total.sum: must have 2 or more entries"),
        ('total = { sm = ["A"] }', "total.sm: is not known here (did you mean 'sum'?)"),
        (
            'total = { sum = ["A", "B"], product = ["A", "B"] }',
            "total: needs one of column, constant, file_name, preamble, sum, difference, product",
        ),
        ('total = "A"\nsign = "turned"', "sign: must be 'as written' or 'inverted'; got 'turned'"),
        ('total = "A"\nplaces = 5', "places: must be at most 4; got 5"),
        ('total = "A"\nimplied_decimals = "2"', "implied_decimals: must be a whole number; got '2'"),
        ('total = "A"\ndecimal = ","\nthousands = "lakh"', "thousands: is the decimal mark, too; got 'lakh'"),
    ],
)
def test_mistakes_name_their_key(line, mistake):
    with pytest.raises(BadToml) as refusal:
        parse_format(REST + line, "till.toml")
    assert str(refusal.value).split(": ", 1)[1] == mistake
