from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorimportd.receive.smtp.parameters import clean_name, file_name, header_text, read_parameters, shown
from dorimportd.spool.names import check_name


def name(header: str) -> str | None:
    return file_name(read_parameters(header)[1], "filename")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("attachment", None),
        ("attachment; filename=sales.csv", "sales.csv"),
        ('attachment; FileName = "a;b=c.csv"; size=3', "a;b=c.csv"),
        ("attachment; filename=day 1.csv ; size=3", "day 1.csv"),
        (r'attachment; filename="say \"hi\".csv"', 'say "hi".csv'),
        (r'attachment; filename="C:\sales\new.csv"', r"C:\sales\new.csv"),
        ('attachment; filename="open.csv', "open.csv"),
        ("attachment; filename=a.csv; filename=b.csv", "a.csv"),
        ("attachment; filename=", None),
    ],
)
def test_a_name_is_read_as_mailers_write_it(header: str, expected: str | None):
    assert name(header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("attachment; filename*=utf-8''Ums%C3%A4tze.csv", "Umsätze.csv"),
        ("attachment; filename*=ISO-8859-1'de'K%E4se.csv; filename=kaese.csv", "Käse.csv"),
        ('attachment; filename*0="long "; filename*1=name.csv', "long name.csv"),
        ("attachment; filename*1*=%C3%A4.csv; filename*0*=utf-8''%C3%A4; filename*2=x", "ää.csvx"),
        ("attachment; filename*=utf-8''; filename=a.csv", "a.csv"),
        ("attachment; filename*=no-such''%E4.csv", "ä.csv"),
        ("attachment; filename*=sales%20.csv", "sales .csv"),
    ],
)
def test_a_name_in_the_way_of_rfc_2231_is_decoded(header: str, expected: str):
    assert name(header) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=?utf-8?B?VW1zw6R0emUuY3N2?=", "Umsätze.csv"),
        ("=?UTF-8?q?K=C3=A4se_1?= =?iso-8859-1?Q?_=E4.csv?=", "Käse 1 ä.csv"),
        ("=?utf-8*de?B?YS5jc3Y?=", "a.csv"),
        ("plain =?utf-8?q?word?= .csv", "plain word .csv"),
        ("=?x-none?q?=E4?=.csv", "ä.csv"),
        ("=?utf-8?B?!!!!?=.csv", ".csv"),
        ("=?utf-8?X?abc?=.csv", "=?utf-8?X?abc?=.csv"),
    ],
)
def test_encoded_words_in_a_name_are_decoded(text: str, expected: str):
    assert name(f'attachment; filename="{text}"') == expected


def test_a_header_is_utf_8_or_what_an_old_mailer_wrote():
    assert header_text("Käse".encode()) == header_text("Käse".encode("latin-1")) == "Käse"


def test_the_first_word_of_a_header_is_its_value_in_small_letters():
    assert read_parameters(" Text/CSV ; Charset=UTF-8")[0] == "text/csv"
    assert read_parameters("")[0] == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "attachment.csv"),
        ("", "attachment.csv"),
        ("..", "attachment.csv"),
        ("sales/", "attachment.csv"),
        ("../../etc/passwd", "passwd"),
        (r"C:\sales\new.csv", "new.csv"),
        ("a\r\nb\0.csv", "a__b_.csv"),
        ("a\u2028b.csv", "a_b.csv"),
        ("-rf", "-rf"),
        (".bashrc", ".bashrc"),
        (" Umsätze 1.csv ", "Umsätze 1.csv"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
        ("ä" * 200 + ".csv", "ä" * 125 + ".csv"),
        ("x." + "y" * 300, "x." + "y" * 253),
    ],
)
def test_a_name_is_made_one_that_can_be_kept(given: str | None, expected: str):
    assert clean_name(given) == expected


@given(st.text(max_size=400))
def test_every_name_can_be_kept_once_it_is_clean(text: str):
    assert check_name(clean_name(text)) == clean_name(text)


def test_a_name_in_a_sentence_is_short_and_moves_no_cursor():
    assert shown("a\u202eb\x1b.csv") == "a?b?.csv"
    assert shown("x" * 70) == "x" * 60 + "..."
