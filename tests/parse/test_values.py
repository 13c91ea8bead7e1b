from __future__ import annotations

import pytest

from dorimportd.parse.values import BadValue, Memo, read_currency, read_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("007", "007"),
        ("1234567890123456789", "1234567890123456789"),
        ("  Filiale Zürich\u00a0", "Filiale Zürich"),
        ("Filiale\u00a0Nord", "Filiale\u00a0Nord"),
        ("新宿店", "新宿店"),
        ("x" * 200, "x" * 200),
        ("#1001", "#1001"),
        ("#", "#"),
        ("#A!1", "#A!1"),
        ("1E05", "1E05"),
        ("A+12", "A+12"),
        ("1.5", "1.5"),
    ],
)
def test_text_stays_as_it_is_without_the_blanks_around_it(text, value):
    assert read_text(text) == value


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "is empty"),
        (" \t\u00a0", "is empty"),
        ("x" * 201, "is longer than 200 characters"),
        ("a\x1b[2Jb", "holds a control character"),
        ("a\nb", "holds a control character"),
        ("a\x85b", "holds a control character"),
        ("a\u2028b", "holds a control character"),
        ("a\u202eb", "holds a control character"),
        ("a\u200bb", "holds an invisible character (U+200B)"),
        ("\u200fa", "holds an invisible character (U+200F)"),
        ("a\u2060b", "holds an invisible character (U+2060)"),
        ("a\ufeff", "holds an invisible character (U+FEFF)"),
        ("a\u00adb", "holds an invisible character (U+00AD)"),
    ],
)
def test_text_that_is_no_name_is_refused(text, rule):
    with pytest.raises(BadValue) as refusal:
        read_text(text)
    assert refusal.value.rule == rule


@pytest.mark.parametrize(
    "text",
    [
        *("1.23457E+12", " 1,23457E+18 ", "4E+15", "1.2e+12", "-1E+05", "##", "########"),
        *("#N/A", "#NV", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#WERT!", "#¡REF!"),
    ],
)
def test_what_a_spreadsheet_leaves_of_an_id_is_refused(text):
    with pytest.raises(BadValue) as refusal:
        read_text(text)
    assert refusal.value.rule == "was ruined by a spreadsheet: export the column as text"


def test_a_currency_is_three_capital_letters():
    assert read_currency(" EUR ") == "EUR"
    for text in ("eur", "EURO", "€", "EU", "ÄÖÜ"):
        with pytest.raises(BadValue, match="is not a currency code of three capital letters"):
            read_currency(text)


def test_a_memo_reads_each_text_once_and_keeps_no_more_than_its_limit():
    read = []

    def length(text: str) -> int:
        read.append(text)
        return len(text)

    memo = Memo(length, limit=2)
    assert [memo[text] for text in ("a", "bb", "a", "ccc", "ccc", "a", "bb")] == [1, 2, 1, 3, 3, 1, 2]
    assert read == ["a", "bb", "ccc", "ccc"]
    assert memo == {"a": 1, "bb": 2}


def test_a_memo_keeps_no_long_text():
    memo = Memo(len)
    assert memo["x" * 1000] == 1000
    assert memo == {}
