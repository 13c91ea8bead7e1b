"""Line items: several rows that are one transaction."""

from __future__ import annotations

import random
from io import BytesIO
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.errors import HoldFile
from dorimportd.parse import group
from dorimportd.parse.batch import Batch, Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.toml import BadToml
from dorimportd.words import Reject, Transaction

FORMAT = """
location = "Store"
transaction_id = "No"
total = "Total"
time = "Time"
group_by = "No"
max_reject_percent = 100
"""
HEADER = "Store,No,Total,Time\n"
BERLIN = Defaults("Europe/Berlin", "EUR")
NOON = 1784023200_000_000  # 2026-07-14T10:00:00Z
MINUTE = 60_000_000


def sale(id_: str, units: int, line: int, **other: object) -> Transaction:
    plain = Transaction(id_, "Mitte", units, 2, "EUR", NOON, 7200, line)
    return plain._replace(**other)  # type: ignore[arg-type]


def batches(file: str, format: str = FORMAT) -> list[Batch]:
    return list(read(BytesIO(file.encode()), parse_format(format, "till.toml"), BERLIN))


def test_rows_with_one_id_are_one_transaction_wherever_they_stand():
    rows = ["Mitte,1,9.50,2026-07-14 12:00", "Mitte,2,1.00,2026-07-14 12:00", "Mitte,1,0.25,2026-07-14 12:00"]
    file = HEADER + "\n".join(rows)
    assert batches(file) == [Batch([sale("1", 975, 2), sale("2", 100, 3)], [], 0, {2: 1})]
    assert batches(file)[0].rows == 3


def test_in_whatever_order_the_rows_come_the_same_is_stored():
    rows = ["Mitte,1,9.50,2026-07-14 12:02", "Mitte,1,-1,2026-07-14 12:00", ",1,0.255,2026-07-14 12:01"]
    for order in permutations(rows):
        (batch,) = batches(HEADER + "\n".join(order))
        assert batch.transactions == [sale("1", 8755, 2, scale=3)], order


@pytest.mark.parametrize(
    ("how", "units"),
    [("sum", 600), ("first", 200), ("min", 100), ("max", 300)],
)
def test_totals_are_put_together_as_the_format_says(how, units):
    file = HEADER + "".join(f"Mitte,1,{total},2026-07-14 12:00\n" for total in ("", "2.00", "1.00", "3.00"))
    (batch,) = batches(file, FORMAT + f'combine = {{ total = "{how}" }}\n')
    assert batch.transactions == [sale("1", units, 2)]


@pytest.mark.parametrize(("how", "minute"), [("min", 0), ("max", 2), ("first", 1)])
def test_times_are_put_together_as_the_format_says(how, minute):
    file = HEADER + "".join(f"Mitte,1,1.00,{time}\n" for time in ("", "2026-07-14 12:01", "2026-07-14 12:00"))
    file += "Mitte,1,-2.00,2026-07-14 12:02\n"
    (batch,) = batches(file, FORMAT + f'combine = {{ time = "{how}" }}\n')
    assert batch.transactions == [sale("1", 100, 2, occurred_at=NOON + minute * MINUTE)]


def test_values_that_must_be_equal_spoil_the_transaction_when_they_are_not():
    rows = ["Mitte,1,1.00,2026-07-14 12:00", "Nord,1,1.0,2026-07-14 12:00", "Mitte,2,1.00,2026-07-14 12:00"]
    taken = "is of the same transaction as line 3, which is rejected"
    unlike = "is not Mitte as in line 2, which is of the same transaction"
    assert batches(HEADER + "\n".join(rows)) == [
        Batch(
            [],
            [
                Reject(
                    3,
                    "Store",
                    "Nord",
                    unlike,
                    rows[1],
                )
            ],
        ),
        Batch([sale("2", 100, 4)]),
        Batch([], [Reject(2, "", "", taken, rows[0])]),
    ]
    equal = FORMAT + 'combine = { total = "equal", time = "equal", location = "first" }\n'
    assert batches(HEADER + "\n".join(rows), equal)[0].transactions == [sale("1", 100, 2), sale("2", 100, 4)]
    rows[1] = "Mitte,1,1.01,2026-07-14 12:00"
    (rejected, *_) = batches(HEADER + "\n".join(rows), equal)
    assert rejected.rejects == [
        Reject(3, "Total", "1.01", "is not the same in all rows of its transaction", rows[1])
    ]


def test_a_bad_row_takes_its_transaction_along_and_each_row_is_told():
    rows = [
        "Mitte,1,1.00,2026-07-14 12:00",
        "Mitte,2,1.00,2026-07-14 12:00",
        "Mitte,1,x,2026-07-14 12:00",
        "Mitte,1,1.00,never",
        'Mitte,1,1.00,"2026-07-14 12:00"',
        "Mitte,,1.00,2026-07-14 12:00",
        ",,,",
    ]
    found = batches(HEADER + "\n".join(rows) + "\n")
    assert [each for batch in found for each in batch.transactions] == [sale("2", 100, 3)]
    taken = "is of the same transaction as line 4, which is rejected"
    assert [each for batch in found for each in batch.rejects] == [
        Reject(4, "Total", "x", "is not an amount with decimal mark '.'", rows[2]),
        Reject(5, "Time", "never", "is not a time like 2026-07-14 16:52:38", rows[3]),
        Reject(7, "No", "", "is empty", rows[5]),
        Reject(2, "", "", taken, rows[0]),
        Reject(6, "", "", taken, rows[4]),
    ]
    assert sum(batch.rows for batch in found) == 6


def test_a_row_whose_transaction_is_not_known_holds_the_file():
    for row, wrong in (
        ("Mitte,1", "has 2 fields, but the header has 4"),
        (
            'Mitte,1,"9.50,2026-07-14 12:00\nMitte,2,"1.00,2026-07-14 12:00',
            "goes over 2 lines, and a quote in it is closed in the middle of a field",
        ),
    ):
        with pytest.raises(HoldFile) as held:
            batches(f"{HEADER}Mitte,1,1.00,2026-07-14 12:00\n{row}\n")
        assert str(held.value) == (
            f"The row in line 3 {wrong}, so that it is not known of which transaction it is a part."
            " Correct it and send the file again."
        )


def test_what_no_row_of_a_transaction_tells_is_told_of_each_of_its_rows():
    rows = [
        "Mitte,1,,2026-07-14 12:00",
        ",2,1.00,2026-07-14 12:00",
        "Mitte,3,1.00,",
        "Mitte,1,,2026-07-14 12:00",
    ]
    (batch,) = batches(HEADER + "\n".join(rows))
    empty = "is empty in each row of its transaction"
    assert batch == Batch(
        [],
        [
            Reject(2, "Total", "", empty, rows[0]),
            Reject(3, "Store", "", empty, rows[1]),
            Reject(4, "Time", "", empty, rows[2]),
            Reject(5, "Total", "", empty, rows[3]),
        ],
    )


def test_several_fields_may_tell_what_belongs_together():
    format = FORMAT.replace('"No"', '["Store", "No"]')
    file = HEADER + "".join(f"{store},1,1.00,2026-07-14 12:00\n" for store in ("Mitte", "Nord", "Mitte"))
    (batch,) = batches(file, format)
    assert batch.transactions == [
        sale("Mitte/1", 200, 2),
        sale("Nord/1", 100, 3, location="Nord"),
    ]


def test_an_id_that_differs_within_a_transaction_is_a_reject():
    format = FORMAT.replace('group_by = "No"', 'group_by = "Time"')
    file = HEADER + "Mitte,1,1.00,2026-07-14 12:00\nMitte,2,1.00,2026-07-14 12:00\n"
    assert batches(file, format)[0].rejects == [
        Reject(
            3,
            "No",
            "2",
            "is not 1 as in line 2, which is of the same transaction",
            "Mitte,2,1.00,2026-07-14 12:00",
        )
    ]


def test_an_id_may_be_generated_for_a_transaction_of_several_rows():
    format = FORMAT.replace('"No"\ntotal', '{ generate_from = ["Store", "Time"] }\ntotal')
    file = HEADER + "".join(f"Mitte,{no},1.00,2026-07-14 12:00\n" for no in (1, 2, 1))
    (batch,) = batches(file, format)
    first, second = (each.transaction_id for each in map(Transaction._make, batch.transactions))
    assert (first[-2:], second) == ("-1", first[:-1] + "2")
    assert [each.units for each in map(Transaction._make, batch.transactions)] == [200, 100]


def test_refunds_among_the_items_are_taken_from_the_total():
    format = FORMAT + 'refunds = { Kind = "R" }\n'
    file = "Store,No,Total,Time,Kind\n" + "".join(
        f"Mitte,{no},{total},2026-07-14 12:00,{kind}\n"
        for no, total, kind in [(1, 9, "S"), (1, 2, "R"), (2, 5, "R"), (2, -1, "R"), (3, -5, "R")]
    )
    (batch,) = batches(file, format)
    assert [
        (each.transaction_id, str(each.total)) for each in map(Transaction._make, batch.transactions)
    ] == [
        ("1", "7"),
        ("2", "-4"),
        ("3", "-5"),
    ]


def test_rows_that_do_not_count_take_no_part():
    format = FORMAT + "only = { Store = { empty = false } }\n"
    file = HEADER + "Mitte,1,1.00,2026-07-14 12:00\n,1,x,\nMitte,1,1.00,2026-07-14 12:00\nMitte,2,x,\n"
    found = batches(file, format)
    assert found[0].skipped == 1
    assert [each for batch in found for each in batch.transactions] == [sale("1", 200, 2)]


def test_the_rows_of_a_large_file_are_all_accounted_for():
    choice = random.Random(2)
    ids = [choice.randrange(3_000) for _ in range(25_000)]
    totals = {True: "x", False: "0.10"}
    file = HEADER + "".join(f"Mitte,{id_},{totals[id_ % 50 == 0]},2026-07-14 12:00\n" for id_ in ids)
    found = batches(file)
    assert sum(batch.rows for batch in found) == 25_000
    counts = {str(id_): ids.count(id_) for id_ in set(ids) if id_ % 50}
    assert {
        each.transaction_id: each.units
        for batch in found
        for each in map(Transaction._make, batch.transactions)
    } == {id_: 10 * count for id_, count in counts.items()}
    rejected = sorted(each.line for batch in found for each in batch.rejects)
    assert rejected == [line for line, id_ in enumerate(ids, 2) if id_ % 50 == 0]


def test_what_is_put_together_needs_to_be_told_by_what():
    with pytest.raises(BadToml) as refusal:
        parse_format(FORMAT.replace('group_by = "No"', 'combine = { total = "first" }'), "till.toml")
    assert str(refusal.value) == (
        "till.toml:6:1: combine: says how rows are put together, but group_by is missing"
    )


def test_a_large_file_can_be_left_while_it_is_read():
    file = HEADER + "".join(f"Mitte,{number},1.00,2026-07-14 12:00\n" for number in range(25_000))
    assert [(batch.rows, len(batch.transactions)) for batch in batches(file)] == [
        (0, 0),
        (0, 0),
        (10_000, 10_000),
        (10_000, 10_000),
        (5_000, 5_000),
    ]


def test_transactions_of_several_rows_are_plain_tuples_too():
    (batch,) = batches(HEADER + "Mitte,1,9.50,2026-07-14 12:00\n" * 2)
    assert [type(row) for row in batch.transactions] == [tuple]


ITEMS = st.lists(
    st.tuples(
        st.sampled_from(["7", "7", "7", "8", ""]),
        st.sampled_from(["a", "a", "b", " a"]),
        st.sampled_from(["1.00", "-2", "0.125", "", "x"]),
        st.sampled_from(["2026-07-14 12:00", "2026-07-14 12:00", "2026-07-14 12:05", "", "x"]),
        st.sampled_from(["", "", "sold", "void"]),
    ),
    max_size=12,
)


@pytest.mark.parametrize("combine", ["", 'combine = { location = "first", time = "max", total = "equal" }\n'])
@settings(max_examples=50)
@given(items=ITEMS)
def test_a_row_that_repeats_the_one_above_adds_what_it_would_add_elsewhere(combine, items):
    """Only its total is looked at; without that shortcut the same comes out."""
    format = f'{FORMAT}{combine}withdraw = {{ State = "void" }}\nrefunds = {{ State = "sold" }}\n'
    file = "Store,No,Total,Time,State\n" + "".join(",".join(item) + "\n" for item in items)
    found = outcome(file, format)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group, "picker", lambda places: lambda row: object())
        assert found == outcome(file, format)


def outcome(file: str, format: str) -> list[Batch] | str:
    try:
        return batches(file, format)
    except HoldFile as hold:
        return str(hold)
