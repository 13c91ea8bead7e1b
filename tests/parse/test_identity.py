from __future__ import annotations

import re
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorimportd.parse.identity import Generator, compose
from dorimportd.parse.values import BadValue

FIELDS = st.lists(st.text("ab/ ", min_size=1, max_size=4), min_size=3, max_size=3)


def ids(rows: list[tuple[str, ...]]) -> list[str]:
    generator = Generator()
    return [generator.generate(row) for row in rows]


def test_a_composed_id_is_its_fields_joined():
    assert compose([" Kasse-1 ", "007", "B-0001"]) == "Kasse-1/007/B-0001"


def test_a_joint_within_a_field_is_doubled():
    assert compose(["1", "14/07"]) == "1/14//07"
    assert compose(["1/14", "07"]) == "1//14/07"


def test_parts_that_are_sound_are_never_ruined_together():
    assert compose(["#N", "A"]) == "#N/A"


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        (["1", " "], "is empty"),
        (["1", "/7"], "begins or ends with '/', which joins the parts of the ID"),
        (["1", "7/"], "begins or ends with '/', which joins the parts of the ID"),
        (["1", "a\tb"], "holds a control character"),
        (["1", "1.2E+12"], "was ruined by a spreadsheet: export the column as text"),
        (["a" * 100, "b" * 100], "is longer than 200 characters"),
    ],
)
def test_fields_that_make_no_id_are_refused(fields, rule):
    with pytest.raises(BadValue) as refusal:
        compose(fields)
    assert refusal.value.rule == rule


@given(FIELDS, FIELDS)
def test_other_fields_never_make_the_same_id(one: list[str], other: list[str]):
    try:
        same = compose(one) == compose(other)
    except BadValue:
        return
    assert same == ([field.strip() for field in one] == [field.strip() for field in other])


def test_a_generated_id_is_a_digest_and_the_number_of_the_occurrence():
    first, second, other = ids([("2026-07-14", "9.00"), (" 2026-07-14", "9.00 "), ("2026-07-14", "9.0")])
    assert re.fullmatch("[0-9a-f]{20}-1", first)
    assert second == first.removesuffix("1") + "2"
    assert other[:20] != first[:20]
    assert other.endswith("-1")


def test_a_generated_id_does_not_change_with_the_version():
    """It is in the databases of customers.  The digest is b2sum's, of the fields with a NUL between."""
    assert ids([("2026-07-14", "9.00")]) == ["6188ee746c39183c56d0-1"]


def test_fields_are_told_apart_where_they_meet():
    assert len({each[:20] for each in ids([("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc")])}) == 4


def test_fields_of_which_some_are_empty_make_an_id_but_nothing_does_not():
    assert ids([("2026-07-14", "")]) != ids([("2026-07-14", "x")])
    with pytest.raises(BadValue, match="is empty"):
        ids([("", " ")])


def test_the_same_rows_in_any_order_make_the_same_ids():
    rows = [("a", "1"), ("a", "1"), ("b", "1"), ("a", "2")]
    expected = sorted(ids(rows))
    for order in permutations(rows):
        assert sorted(ids(list(order))) == expected, order


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("12")), max_size=12), st.data())
def test_a_file_that_overlaps_an_earlier_one_adds_only_what_is_new(
    day: list[tuple[str, ...]], data: st.DataObject
):
    """Both windows hold all sales of the kinds they share, as exports by day do."""
    cut = data.draw(st.sampled_from(["a", "b"]))
    shared = [row for row in day if row[0] == cut]
    again = data.draw(st.permutations(shared))
    assert set(ids(again)) <= set(ids(day))
    assert len(set(ids(day))) == len(day)
