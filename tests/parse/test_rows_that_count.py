"""Filters, footers, comments, repeated headers, ragged rows: which rows of a file are sales."""

from __future__ import annotations

from io import BytesIO

import pytest

from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.toml import BadToml
from dorimportd.words import Transaction

PLAIN = 'location = "Store"\ntransaction_id = "No"\ntotal = "Total"\ntime = "Time"\n'
HEADER = "Store,No,Total,Time,State,Kind\n"
BERLIN = Defaults("Europe/Berlin", "EUR")


def file_of(*rows: tuple[str, str, str]) -> str:
    """A file of (ID, state, kind)."""
    return HEADER + "".join(f"Mitte,{no},9.50,2026-07-14 12:00,{state},{kind}\n" for no, state, kind in rows)


def outcome(file: str, more: str) -> tuple[list[str], list[tuple[int, str, str, str]], int]:
    """The IDs, what was rejected, and how many rows were skipped."""
    batches = list(read(BytesIO(file.encode()), parse_format(more, "till.toml"), BERLIN))
    ids = [each.transaction_id for batch in batches for each in map(Transaction._make, batch.transactions)]
    rejects = [reject[:4] for batch in batches for reject in batch.rejects]
    return ids, rejects, sum(batch.skipped for batch in batches)


SALES = file_of(
    ("1", "Settled", "S"),
    ("2", "Failed", "S"),
    ("3", " Settled ", "R"),
    ("4", "", "S"),
    ("5", "settled", "X"),
)


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ('only = { State = "Settled" }', "13"),
        ('only = { state = ["Settled", "settled"] }', "135"),
        ('only = { State = { not = "Failed" } }', "1345"),
        ('only = { State = { not = ["Failed", ""] } }', "135"),
        ('only = { State = { pattern = "[Ss]ettled" } }', "135"),
        ("only = { State = { empty = false } }", "1235"),
        ("only = { State = { empty = true } }", "4"),
        ('only = { State = "Settled", Kind = "S" }', "1"),
        ('skip = { State = "Failed" }', "1345"),
        ('skip = { State = "Failed", Kind = ["X", "R"] }', "14"),
        ('skip = { State = { pattern = "Set.*" } }', "245"),
        ('only = { Kind = "S" }\nskip = { State = { empty = true } }', "12"),
    ],
)
def test_rows_are_chosen_by_what_stands_in_a_column(key, kept):
    assert outcome(SALES, f"{PLAIN}{key}\n") == (list(kept), [], 5 - len(kept))


def test_a_row_that_is_skipped_may_be_wrong_in_every_way():
    file = HEADER + 'x,,no,never,Failed,S\nx,,,,Failed\n,,,,Failed,a,"b\n",c\n,,,,,\nMitte,,1,1,Settled,S\n'
    time_of_line_7 = (7, "Time", "1", "is not a time like 2026-07-14 16:52:38")
    assert outcome(file, PLAIN + 'skip = { State = "Failed" }\n') == ([], [time_of_line_7], 3)


def test_rows_that_count_are_asked_for_their_width():
    file = HEADER + "Mitte,1,9.50,2026-07-14 12:00,Settled\nMitte,2,9.50,2026-07-14 12:00,Settled,S,,x\n"
    assert outcome(file, PLAIN + 'only = { State = "Settled" }\n') == (
        [],
        [
            (2, "", "", "has 5 fields, but the header has 6"),
            (3, "", "", "has 8 fields, but the header has 6"),
        ],
        0,
    )


def test_ragged_rows_may_be_accepted():
    file = HEADER + "Mitte,1,9.50,2026-07-14 12:00\nMitte,2,9.50,2026-07-14 12:00,Settled,S,,x\nMitte,3\n"
    assert outcome(file, PLAIN + 'ragged = "accept"\n') == (["1", "2"], [(4, "Total", "", "is empty")], 0)


def test_a_header_that_comes_again_is_no_row():
    file = SALES + HEADER.upper() + file_of(("6", "", "")).removeprefix(HEADER)
    assert outcome(file, PLAIN) == (list("123456"), [], 1)
    assert outcome(file, PLAIN + 'only = { Kind = "S" }\n') == (list("124"), [], 4)


def test_comments_are_no_rows():
    file = HEADER + "# from till 4\n" + SALES.removeprefix(HEADER) + " #,,,\n"
    assert outcome(file, PLAIN + 'comment = "#"\n') == (list("12345"), [], 0)


def test_what_stands_from_the_footer_on_does_not_count():
    file = SALES + "Sum,,47.50,,,\n" + SALES.removeprefix(HEADER)
    assert outcome(file, PLAIN + 'footer = { Store = ["Sum", "Summe"] }\n') == (list("12345"), [], 6)


def test_a_totals_row_may_be_skipped():
    assert outcome(SALES + "Sum,,47.50,,,\n", PLAIN + "skip = { No = { empty = true } }\n") == (
        list("12345"),
        [],
        1,
    )


def test_a_batch_may_have_skipped_rows_alone():
    file = HEADER + file_of(("1", "Failed", "")).removeprefix(HEADER) * 10_001
    batches = list(
        read(
            BytesIO(file.encode()), parse_format(PLAIN + 'skip = { State = "Failed" }\n', "till.toml"), BERLIN
        )
    )
    assert [(batch.rows, batch.skipped) for batch in batches] == [(0, 10_000), (0, 1)]


@pytest.mark.parametrize(
    ("key", "mistake"),
    [
        ("only = {}", "5:1: only: must have 1 or more entries"),
        ("only = { State = 3 }", "5:10: only.State: must be text in quotes, a list or a table; got 3"),
        ("only = { State = [] }", "5:10: only.State: must have 1 or more entries"),
        ("only = { State = {} }", "5:10: only.State: needs one of not, pattern, empty"),
        ('only = { State = { nt = "x" } }', "5:20: only.State.nt: is not known here (did you mean 'not'?)"),
        (
            "only = { State = { pattern = '(' } }",
            "5:20: only.State.pattern: is not a regular expression: missing ), unterminated subpattern at"
            " position 0; got '('",
        ),
        (
            'ragged = "acept"',
            "5:1: ragged: must be 'reject' or 'accept'; got 'acept' (did you mean 'accept'?)",
        ),
        ("comment = ' '", "5:1: comment: must be what a comment begins with, such as \"#\"; got ' '"),
        ("onyl = { }", "5:1: onyl: is not known here (did you mean 'only'?)"),
    ],
)
def test_mistakes_in_these_keys_name_their_place(key, mistake):
    with pytest.raises(BadToml) as refusal:
        parse_format(f"{PLAIN}{key}\n", "till.toml")
    assert str(refusal.value) == f"till.toml:{mistake}"


def test_a_row_that_swallowed_another_is_a_reject_whatever_the_filters_say():
    file = HEADER + (
        'Mitte,1,9.50,2026-07-14 12:00,Failed,"S\nMitte,2,9.50,2026-07-14 12:00,Settled,"S\n'
        "Mitte,3,9.50,2026-07-14 12:00,Settled,S\n"
    )
    flaw = "goes over 2 lines, and a quote in it is closed in the middle of a field"
    told = ["3"], [(2, "", "", flaw)], 0
    assert outcome(file, PLAIN + 'skip = { State = "Failed" }\nmax_reject_percent = 100\n') == told
