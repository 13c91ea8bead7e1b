"""Rows that withdraw a transaction, by what stands in their columns."""

from __future__ import annotations

from io import BytesIO
from itertools import permutations

import pytest

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Batch, Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.toml import BadToml
from dorimportd.words import Reject, Transaction, TransactionRow

PLAIN = (
    'location = "Store"\ntransaction_id = "No"\ntotal = "Total"\ntime = "Time"\nmax_reject_percent = 100\n'
)
VOID = 'withdraw = { State = "void" }\n'
HEADER = "Store,No,Total,Time,State\n"
BERLIN = Defaults("Europe/Berlin", "EUR")
NOON = 1784023200_000_000  # 2026-07-14T10:00:00Z


def batches(rows: str, more: str, plain: str = PLAIN) -> list[Batch]:
    return list(read(BytesIO((HEADER + rows).encode()), parse_format(plain + more, "till.toml"), BERLIN))


def sale(id_: str, line: int, units: int = 950) -> TransactionRow:
    return Transaction(id_, "Mitte", units, 2, "EUR", NOON, 7200, line)


def withdrawn(id_: str, line: int) -> TransactionRow:
    return Transaction(id_, "", 0, 0, "", 0, 0, line, withdrawn=1)


def mistakes(more: str, plain: str = PLAIN) -> list[str]:
    with pytest.raises(BadToml) as error:
        parse_format(plain + more, "till.toml")
    return [str(each) for each in error.value.mistakes]


def test_a_row_that_says_so_withdraws_its_transaction_in_the_order_of_the_file():
    rows = (
        "Mitte,1,9.50,2026-07-14 12:00,paid\n"
        "Mitte,1,9.50,2026-07-14 12:00, void \n"
        "Mitte,2,9.50,2026-07-14 12:00,void\n"
        "Mitte,2,9.50,2026-07-14 12:00,\n"
    )
    (batch,) = batches(rows, VOID)
    assert batch == Batch([sale("1", 2), withdrawn("1", 3), withdrawn("2", 4), sale("2", 5)])
    assert batch.rows == 4


def test_a_row_that_withdraws_needs_its_id_and_nothing_else():
    rows = ",1,,,void\n,2,x,never,void\nMitte, ,9.50,2026-07-14 12:00,void\nMitte,3\n"
    assert batches(rows, VOID) == [
        Batch(
            [withdrawn("1", 2), withdrawn("2", 3)],
            [
                Reject(4, "No", " ", "is empty", "Mitte, ,9.50,2026-07-14 12:00,void"),
                Reject(5, "", "", "has 2 fields, but the header has 5", "Mitte,3"),
            ],
        )
    ]


def test_it_needs_its_location_where_each_location_has_ids_of_its_own():
    rows = "Mitte,1,,,void\n,2,,,void\nMitte,3,9.50,2026-07-14 12:00,\n"
    assert batches(rows, VOID + 'unique_per = "location"\n') == [
        Batch(
            [withdrawn("Mitte/1", 2), sale("Mitte/3", 4)],
            [Reject(3, "Store", "", "is empty", ",2,,,void")],
        )
    ]


def test_a_composed_id_is_withdrawn_by_all_its_parts():
    rows = "Mitte,1,,,void\n,1,,,void\n"
    plain = PLAIN.replace('"No"', '["Store", "No"]')
    assert batches(rows, VOID, plain) == [
        Batch([withdrawn("Mitte/1", 2)], [Reject(3, "Store", "", "is empty", ",1,,,void")])
    ]


def test_of_made_values_those_that_name_the_transaction_must_be_right():
    made = """
        [columns]
        Receipt = { column = "No", extract = 'R(\\d+)' }
        Key = { column = "Receipt", default = "0" }
    """
    plain = (
        PLAIN.replace('"No"', '"Key"')
        .replace('"Total"', "{ column = \"Total\", extract = '[0-9.]+' }")
        .replace('"Store"', '{ column = "Store", lookup = { M = "Mitte" } }')
    )
    rows = "?,R1,VOID,,void\nM,?,VOID,,void\nM,R2,VOID,2026-07-14 12:00,\nM,R3,9.50 EUR,2026-07-14 12:00,\n"
    assert batches(rows, VOID + made, plain) == [
        Batch(
            [withdrawn("1", 2), sale("3", 5)],
            [
                Reject(3, "Receipt", "?", "does not fit the pattern R(\\d+)", "M,?,VOID,,void"),
                Reject(4, "Total", "VOID", "does not fit the pattern [0-9.]+", "M,R2,VOID,2026-07-14 12:00,"),
            ],
        )
    ]


def test_what_withdraws_may_be_asked_of_a_made_column():
    made = 'columns = { Kind = { column = "State", split = "/", part = 1 } }\nwithdraw = { Kind = "void" }\n'
    rows = "Mitte,1,,,void/7\nMitte,2,9.50,2026-07-14 12:00,paid/1\nMitte,3,,,\n"
    assert batches(rows, made) == [
        Batch([withdrawn("1", 2), sale("2", 3)], [Reject(4, "Total", "", "is empty", "Mitte,3,,,")])
    ]


def test_a_row_that_is_skipped_withdraws_nothing():
    more = 'only = { Store = "Mitte" }\nskip = { No = "2" }\n' + VOID
    (batch,) = batches("Mitte,1,,,void\nMitte,2,,,void\nNord,3,,,void\n", more)
    assert batch == Batch([withdrawn("1", 2)], skipped=2)


def test_of_several_conditions_all_must_hold():
    (batch,) = batches(
        "Mitte,1,9.50,2026-07-14 12:00,void\nNord,2,,,void\n",
        'withdraw = { State = "void", Store = "Nord" }\n',
    )
    assert batch == Batch([sale("1", 2), withdrawn("2", 3)])


def test_control_rows_count_rows_that_withdraw_but_have_no_total_for_them():
    control = 'control = { where = { Store = "SUM" }, rows = "No", total = "Total" }\n'
    rows = "Mitte,1,9.50,2026-07-14 12:00,\nMitte,2,7.00,2026-07-14 12:00,void\n"
    (batch,) = batches(rows + "SUM,2,9.50,,\n", VOID + control)
    assert batch == Batch([sale("1", 2), withdrawn("2", 3)], skipped=1)
    with pytest.raises(
        HoldFile, match=r"^The totals of the file make 9.50, but its control row says 16.50\.$"
    ):
        batches(rows + "SUM,2,16.50,,\n", VOID + control)


def test_line_items_are_withdrawn_when_a_row_says_so_and_no_other_says_otherwise():
    rows = ["Mitte,1,x,,void", "Mitte,1,1.00,never,void", "Mitte,1,1.00,2026-07-14 12:00,"]
    for order in permutations(rows):
        assert batches("\n".join([*order, ""]), VOID + 'group_by = "No"\n') == [
            Batch([withdrawn("1", 2)], further={2: 2})
        ], order


def test_line_items_of_which_only_some_are_withdrawn_are_rejected():
    rows = ["Mitte,1,9.50,2026-07-14 12:00,paid", "Mitte,1,9.50,2026-07-14 12:00,void"]
    rule = "withdraws the transaction in some of its rows and not in others"
    for order in permutations(rows):
        found = batches("\n".join([*order, "Mitte,2,9.50,2026-07-14 12:00,paid"]), VOID + 'group_by = "No"\n')
        assert found == [
            Batch([sale("2", 4)]),
            Batch([], [Reject(line, "State", "", rule, order[line - 2]) for line in (2, 3)]),
        ]


def test_line_items_are_withdrawn_by_an_id_that_one_of_them_tells():
    grouped = 'group_by = "Time"\nunique_per = "location"\n' + VOID
    assert batches("Mitte,,,A,void\n,7,,A,void\n", grouped) == [
        Batch([withdrawn("Mitte/7", 2)], further={2: 1})
    ]
    empty = "is empty in each row of its transaction"
    assert batches(",7,,A,void\n", grouped) == [Batch([], [Reject(2, "Store", "", empty, ",7,,A,void")])]
    (batch,) = batches("Mitte,,,A,void\n", grouped)
    assert batch == Batch([], [Reject(2, "No", "", "is empty", "Mitte,,,A,void")])


def test_a_row_that_withdraws_is_told_when_another_spoils_its_transaction():
    rows = ["Mitte,1,9.50,2026-07-14 12:00,void", "Mitte,1,x,2026-07-14 12:00,"]
    taken = "is of the same transaction as line 3, which is rejected"
    assert batches("\n".join(rows), VOID + 'group_by = "No"\n') == [
        Batch([], [Reject(3, "Total", "x", "is not an amount with decimal mark '.'", rows[1])]),
        Batch([], [Reject(2, "", "", taken, rows[0])]),
    ]


def test_a_file_must_have_the_column_that_withdraws():
    assert parse_format(PLAIN + VOID, "till.toml").wanted == ("Store", "No", "Total", "Time", "State")


def test_a_format_in_which_nothing_could_be_withdrawn_says_so():
    generated = PLAIN.replace('"No"', '{ generate_from = ["Time", "Total"] }')
    assert mistakes(VOID, generated) == [
        "till.toml:6:1: withdraw: needs transaction IDs that are in the file: "
        "by a generated one no sale is found again"
    ]
    assert mistakes('only = { state = ["paid", "open"] }\nwithdraw = { State = ["open", "void"] }\n') == [
        "till.toml:7:1: withdraw: asks for `State` 'void', but the key only leaves such rows out"
    ]
    assert mistakes('skip = { State = { pattern = "v.*" } }\nwithdraw = { state = "void" }\n') == [
        "till.toml:7:1: withdraw: asks for `state` 'void', but the key skip leaves such rows out"
    ]


def test_a_group_that_is_made_of_what_cannot_be_read_is_not_known():
    made = """group_by = ["Time", { column = "No", extract = 'R(\\d+)' }]\n"""
    assert batches("Mitte,R1,,A,void\nMitte,R1,,A,void\n", VOID + made) == [
        Batch([withdrawn("R1", 2)], further={2: 1})
    ]
    with pytest.raises(HoldFile, match=r"^The row in line 3 does not fit the pattern R\(\\d\+\), so that "):
        batches("Mitte,R1,,A,void\nMitte,?,,A,void\n", VOID + made)


def test_the_digest_of_a_format_without_it_is_what_it_was():
    plain = PLAIN.replace("max_reject_percent = 100\n", "")
    assert parse_format(plain + "whole_days = false\n", "till.toml").digest == parse_format(plain, "x").digest
    digests = {parse_format(plain + more, "x").digest for more in ("", VOID, "whole_days = true\n")}
    assert len(digests) == 3
    assert mistakes('whole_days = "yes"\n') == ["till.toml:6:1: whole_days: must be true or false; got 'yes'"]
