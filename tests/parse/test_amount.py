from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorimportd.parse.amount import AmountReader
from dorimportd.parse.values import BadValue
from dorimportd.words import Amount


def read_amount(text: str, *, decimal: str, thousands: str = "", currency: str = "") -> Amount:
    return Amount(*AmountReader(decimal=decimal, thousands=thousands).read(text, currency))


WRITTEN = [
    # text, decimal mark, thousands mark, units, scale
    ("12.50", ".", "", 1250, 2),
    ("12,5", ",", "", 125, 1),
    ("12", ".", "", 12, 0),
    ("0012.50", ".", "", 1250, 2),
    (".50", ".", "", 50, 2),
    ("-,5", ",", "", -5, 1),
    ("+3.00", ".", "", 300, 2),
    ("-3.00", ".", "", -300, 2),
    ("- 3.00", ".", "", -300, 2),
    ("3.00-", ".", "", -300, 2),
    ("3.00 -", ".", "", -300, 2),
    ("(3.00)", ".", "", -300, 2),
    ("\u22123.00", ".", "", -300, 2),  # MINUS SIGN
    ("\u20133.00", ".", "", -300, 2),  # EN DASH
    ("-0.00", ".", "", 0, 2),
    ("0.0001", ".", "", 1, 4),
    ("12.500000", ".", "", 125000, 4),
    ("$1,149.00 ", ".", ",", 114900, 2),
    ("-$9.00", ".", "", -900, 2),
    ("$-9.00", ".", "", -900, 2),
    ("($33.62)", ".", "", -3362, 2),
    ("$(33.62)", ".", "", -3362, 2),
    ("CHF 12.50", ".", "", 1250, 2),
    ("CHF -12.50", ".", "", -1250, 2),
    ("-12.50 CHF", ".", "", -1250, 2),
    ("12.50- CHF", ".", "", -1250, 2),
    ("kr. 12,50", ",", "", 1250, 2),
    ("Fr. 12.50", ".", "", 1250, 2),
    ("Fr.50", ".", "", 50, 0),
    ("Fr .50", ",", "", 50, 0),
    ("12,50 kr", ",", "", 1250, 2),
    ("1.234.567,89", ",", ".", 123456789, 2),
    ("1234,89", ",", ".", 123489, 2),
    ("1 234,50", ",", " ", 123450, 2),
    ("1\u00a0234,50", ",", " ", 123450, 2),
    ("1\u202f234,50", ",", " ", 123450, 2),
    ("500", ".", ",", 500, 0),
    ("0.500", ".", ",", 500, 3),
    ("100,000", ".", ",", 100000, 0),
    ("1'234.50", ".", "'", 123450, 2),
    ("1’234.50", ".", "'", 123450, 2),
    ("99999999999999.9999", ".", "", 999999999999999999, 4),
]

REFUSED = [
    # text, decimal mark, thousands mark
    ("1e5", ".", ""),
    ("NaN", ".", ""),
    ("Infinity", ".", ""),
    ("0x1F", ".", ""),
    ("1_000", ".", ""),
    ("\u0661\u0662.\u0665\u0660", ".", ""),  # Arabic digits
    ("\uff11\uff12", ".", ""),  # full-width digits
    ("12.", ".", ""),
    ("1.234,5", ".", ","),
    ("1,23,456.00", ".", ","),
    ("1,2345", ".", ","),
    ("12,345.00", ".", ""),
    ("1.234", ",", ""),
    ("0,500", ".", ","),
    ("0.123", ",", "."),
    ("00,123", ".", ","),
    ("012,345.00", ".", ","),
    ("CHF 0,500", ".", ","),
    ("Rs .50", ".", ""),
    ("Fr .50", ".", ""),
    ("kr\u00a0.5", ".", ""),
    ("kr ,5", ",", ""),
    ("--1.00", ".", ""),
    ("-1.00-", ".", ""),
    ("-(1.00)", ".", ""),
    ("(1.00", ".", ""),
    ("1.00)", ".", ""),
    ("$1.00$", ".", ""),
    ("1.00 CR", ".", ""),
    ("1.00 EUR CHF", ".", ""),
    ("1.00 2.00", ".", ""),
    ("12.50 Euro", ".", ""),
    ("-", ".", ""),
    ("$", ".", ""),
    ("1" * 101, ".", ""),
]


@pytest.mark.parametrize(("text", "decimal", "thousands", "units", "scale"), WRITTEN)
def test_what_tills_write_is_read_to_the_last_digit(text, decimal, thousands, units, scale):
    assert read_amount(text, decimal=decimal, thousands=thousands, currency="CHF") == Amount(units, scale)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("9.50 €", "EUR"),
        ("9.50\u00a0€", "EUR"),
        ("£9.50", "GBP"),
        ("£9.50", "GIP"),
        ("R$ 9.50", "BRL"),
        ("9.50 zł", "PLN"),
        ("9.50 Kč", "CZK"),
        ("US$9.50", "USD"),
        ("$9.50", "MXN"),
        ("9.50 kr", "DKK"),
        ("¥9.50", "CNY"),
        ("€9.50", ""),
        ("€9.50", "XXX"),
    ],
)
def test_a_sign_of_the_currency_in_effect_may_stand_there(text, currency):
    assert read_amount(text, decimal=".", currency=currency) == Amount(950, 2)


@pytest.mark.parametrize(
    ("text", "currency", "sign"),
    [
        ("€9.50", "USD", "€"),
        ("-£9.50", "EUR", "£"),
        ("₹ 9.50", "PKR", "₹"),
        ("9.50 zł", "CZK", "zł"),
        ("9.50 Kč", "PLN", "Kč"),
        ("R$9.50", "USD", "R$"),
    ],
)
def test_the_sign_of_another_currency_is_refused_as_its_code_is(text, currency, sign):
    with pytest.raises(BadValue) as refusal:
        read_amount(text, decimal=".", currency=currency)
    assert refusal.value.rule == f"is in {sign}, but the currency is {currency}"


@pytest.mark.parametrize(("text", "decimal", "thousands"), REFUSED)
def test_what_is_no_amount_is_refused_and_never_guessed(text, decimal, thousands):
    with pytest.raises(BadValue):
        read_amount(text, decimal=decimal, thousands=thousands, currency="CHF")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("12;50", "is not an amount with decimal mark ',' and thousands mark '.'"),
        ("1,23456", "has more than 4 decimal places"),
        ("123456789012345,00", "has more than 14 digits before the decimal mark"),
        ("12,50 USD", "is in USD, but the currency is CHF"),
    ],
)
def test_the_rule_says_what_is_wrong(text, rule):
    with pytest.raises(BadValue) as refusal:
        read_amount(text, decimal=",", thousands=".", currency="CHF")
    assert refusal.value.rule == rule


@given(st.decimals(min_value=-(10**14) + 1, max_value=10**14 - 1, places=2))
def test_every_decimal_is_read_back_exactly(value: Decimal):
    assert read_amount(f"{value:,}", decimal=".", thousands=",") == Amount(int(value * 100), 2)


@given(st.text("0123456789.,-+() $CHF'\u00a0", max_size=12))
def test_no_digit_is_lost_and_none_is_added(text: str):
    try:
        amount = read_amount(text, decimal=".", thousands=",", currency="CHF")
    except BadValue:
        return
    digits = "".join(sign for sign in text if sign in "0123456789")
    assert str(abs(amount.units)).strip("0") == digits.strip("0")
