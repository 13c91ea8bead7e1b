from __future__ import annotations

import csv
import re
from io import StringIO
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.errors import HoldFile
from dorimportd.parse.decode import split_lines
from dorimportd.parse.rows import Dialect, Rows, misplaced, stray_quote

COMMA = Dialect(",", '"')


def blocks(text: str, size: int) -> list[list[str]]:
    lines = split_lines(text)
    return [lines[begin : begin + size] for begin in range(0, len(lines), size)]


def taken(text: str, size: int = 3, dialect: Dialect = COMMA) -> list[tuple[int, list[str], str]]:
    rows = Rows(blocks(text, size), dialect)
    found = []
    while not rows.ended:
        found += [(line, row, rows.raw(line)) for line, row in rows.take(2)]
    return found


def held(text: str, size: int = 3, dialect: Dialect = COMMA) -> str:
    with pytest.raises(HoldFile) as hold:
        taken(text, size, dialect)
    return str(hold.value)


def test_a_row_knows_the_line_it_begins_on_and_how_it_stands_in_the_file():
    text = 'a,b\r\n\r\n"c\nd",e\n"f ""g""",\'h\r"i",5" pipe'
    for size in range(1, 8):
        assert taken(text, size) == [
            (1, ["a", "b"], "a,b"),
            (2, [], ""),
            (3, ["c\nd", "e"], '"c\nd",e'),
            (5, ['f "g"', "'h"], '"f ""g""",\'h'),
            (6, ["i", '5" pipe'], '"i",5" pipe'),
        ], size


def flaws(text: str, size: int = 3, dialect: Dialect = COMMA) -> list[tuple[int, str]]:
    rows = Rows(blocks(text, size), dialect)
    found = []
    while not rows.ended:
        found += [(line, rows.flaw) for line, _ in rows.take(2)]
    return found


def test_a_quote_that_swallows_the_next_row_is_found_where_it_is_closed():
    text = 'S,"Best,1\nS,"Other,2\nS,x,3\nS,1,"Best\nS,2,"Other\nS,4,"Best\nS,"5","O"\nS,6,"p"\n'
    flaw = "goes over 2 lines, and a quote in it is closed in the middle of a field"
    for size in range(1, 9):
        assert flaws(text, size) == [(1, flaw), (3, ""), (4, flaw), (6, flaw), (8, "")], size


@pytest.mark.parametrize(
    "row",
    ['"a\nb"', '"a ""\n"" b",c', 'a,"\n"', '"a\r\nb"  ,c', 'a,"b\rc" \r\n', '5" x,"b\n",12"\n', '"a\n""",\n'],
)
def test_a_field_over_several_lines_whose_quotes_stand_at_its_ends_has_no_flaw(row):
    assert flaws(row) == [(1, "")]


def test_a_flaw_is_told_of_its_row_only_also_when_reading_stops_there():
    rows = Rows(blocks('"a\nb"c\nd\n', 3), COMMA)
    next(rows.take(2))
    assert rows.flaw != ""
    assert list(rows.take(2)) == [(3, ["d"])]
    assert rows.flaw == ""


def test_quotes_of_another_sign_and_tabs_are_told_alike():
    tab = Dialect("\t", "'")
    assert flaws("'a\nb' \tc\n", dialect=tab) == [(1, "")]
    assert [bool(flaw) for _, flaw in flaws("'a\nb'x\tc\n", dialect=tab)] == [True]


def test_without_a_quote_a_quote_is_a_character():
    assert taken('"a,b"\n', dialect=Dialect(",", "")) == [(1, ['"a', 'b"'], '"a,b"')]


def test_a_long_row_is_told_in_part():
    (_, _, raw), (_, _, other) = taken(f"{'x' * 20_000},b\r\n{'y' * 9_999}\r\n")
    assert raw == "x" * 10_000
    assert other == "y" * 9_999


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a\n"b', 2),
        ('a\n"b\nc\nd\ne\n', 2),
        ('a\n"b ""\nc",d\n"e\nf",g,"h\ni', 5),
        ('a,"', 1),
        ('a,"b""c', 1),
        ('a,"b"c,""\nd,"e\n', 2),
    ],
)
def test_a_quote_that_is_never_closed_holds_the_file_and_names_its_line(text, line):
    for size in range(1, 8):
        assert held(text, size) == f'The quote (") that is opened in line {line} is not closed at all.', size


def test_a_quote_that_swallows_much_holds_the_file_before_it_swallows_all():
    text = 'a,b\nc,"d\n' + "e,f\n" * 100_000 + '"'
    reason = 'The quote (") that is opened in line 2 is not closed within 131,072 characters.'
    assert held(text, 1_000) == reason


def test_a_field_that_is_too_long_holds_the_file_and_names_its_line():
    assert (
        held(f"a\n{'b' * 131_073}\nc\n") == "The row in line 2 has a field of more than 131,072 characters."
    )


def test_a_row_that_is_too_long_holds_the_file_and_names_its_line():
    fields = ",".join(f'"{"b" * 99}\n{"b" * 900}"' for _ in range(1_100))
    reason = "The row in line 2 is longer than 1,048,576 characters."
    assert held(f"a\n{fields}\nc\n", size=50) == reason


SIGNS = st.sampled_from([*"ab,;\t|\"' \n\r", "\r\n", "é"])
FIELD = st.lists(SIGNS, max_size=6).map("".join)


@settings(max_examples=150)
@given(
    st.lists(st.lists(FIELD, min_size=1, max_size=4), max_size=8),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(['"', "'"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.integers(1, 5),
)
def test_what_the_csv_module_writes_in_any_dialect_is_read_as_it_reads_it(
    table: list[list[str]], delimiter: str, quote: str, ending: str, quoting: int, size: int
):
    out = StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quotechar=quote, lineterminator=ending, quoting=quoting).writerows(
        table
    )  # type: ignore[arg-type]
    text = out.getvalue()
    found = taken(text, size, Dialect(delimiter, quote))
    assert [row for _, row, _ in found] == list(
        csv.reader(split_lines(text), delimiter=delimiter, quotechar=quote)
    )
    # The lines say where each row stands: together the rows are the file again.
    lines = split_lines(text)
    begins = [line for line, _, _ in found] + [len(lines) + 1]
    pieces = ["".join(lines[one - 1 : other - 1]) for one, other in pairwise(begins)]
    assert "".join(pieces) == text
    assert [piece.rstrip("\r\n") for piece in pieces] == [raw for _, _, raw in found]


@settings(max_examples=300)
@given(
    st.lists(SIGNS, max_size=40).map("".join),
    st.sampled_from([",", ";", "\t", "|", " "]),
    st.sampled_from(['"', "'", ""]),
    st.integers(1, 5),
)
def test_any_text_is_read_as_the_csv_module_reads_it_unless_a_quote_is_left_open(
    text: str, delimiter: str, quote: str, size: int
):
    dialect = Dialect(delimiter, quote)
    lines = split_lines(text)
    try:
        found = taken(text, size, dialect)
    except HoldFile as hold:
        assert re.fullmatch(
            r"The quote \(.\) that is opened in line [0-9]+ is not closed at all\.", str(hold)
        )
        assert is_left_open(text, dialect)
        return
    assert [row for _, row, _ in found] == list(dialect.reader(lines))
    assert not is_left_open(text, dialect)
    begins = [line for line, _, _ in found] + [len(lines) + 1]
    pieces = ["".join(lines[one - 1 : other - 1]) for one, other in pairwise(begins)]
    assert "".join(pieces) == text


def is_left_open(text: str, dialect: Dialect) -> bool:
    """Whether the csv module takes a line below for a part of the last row."""
    return list(dialect.reader([*split_lines(f"{text}\n"), "x\n"]))[-1] != ["x"]


@given(st.text('a,"\n', max_size=40))
def test_a_row_over_several_lines_has_a_flaw_where_the_csv_module_is_strict(text: str):
    rows = Rows(blocks(text, 3), COMMA)
    try:
        found = [(rows.raw(line), rows.flaw) for line, _ in rows.take(50)]
    except HoldFile:
        return
    for raw, flaw in found:
        assert bool(flaw) == ("\n" in raw and not is_strict(raw)), raw


def is_strict(raw: str) -> bool:
    try:
        list(csv.reader(split_lines(raw), strict=True))
    except csv.Error:
        return False
    return True


@settings(max_examples=300)
@given(st.text('a ,"', max_size=20))
def test_the_first_look_at_quotes_misses_none_that_stands_wrong(line: str):
    found = stray_quote(COMMA)
    assert found is not None
    (fields,) = csv.reader([f"{line}\n"])
    # A delimiter that is quoted may hide one beside it, at which another field seems to begin.
    if is_left_open(line, COMMA) or len(fields) != line.count(",") + 1:
        return
    is_wrong = bool(misplaced(f"{line}\n", COMMA, range(30)))
    assert not is_wrong or found.search(f"x\n{line}\n") is not None
    # The csv module, where it is strict, refuses blanks behind a quote and takes those before one.
    if not re.search('" | "', line):
        assert is_wrong == (not is_strict(f"{line}\n"))


@given(st.text('a,"\r\n', max_size=40), st.integers(1, 4))
def test_however_the_lines_come_in_blocks_the_same_comes_out(text: str, size: int):
    def outcome(size: int) -> object:
        try:
            return taken(text, size)
        except HoldFile as hold:
            return str(hold)

    assert outcome(size) == outcome(1_000)
