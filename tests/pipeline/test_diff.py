"""What another format makes of the same file."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO

import pytest

from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.pipeline.diff import ArchiveDiff, Kind, compare
from dorimportd.pipeline.importer import Plan
from dorimportd.words import Channel, Delivery, Envelope, Reject, Transaction, withdrawal

PLAIN = """\
location = "Store"
transaction_id = "No"
total = "Total"
time = "Time"
max_reject_percent = 100
"""
HEADER = "Store,No,Total,Time\n"
NOON = 1_784_030_400_000_000  # 2026-07-14T12:00:00Z
RECEIVED = datetime(2026, 7, 15, tzinfo=UTC)
NO_AMOUNT = "is not an amount with decimal mark '.'"


def plan(more="", text=PLAIN):
    format = parse_format(text + more, "till.toml")
    return Plan(f"till@{format.digest}", format, Defaults("UTC", "EUR", date(2026, 7, 15)))


def envelope(name="till.csv"):
    return Envelope("acme", Channel.SFTP, name, 1, "0" * 64, "", RECEIVED)


def diff(file, old, new):
    return compare(lambda: BytesIO(file.encode()), envelope(), old, new)


def counts(found):
    """What is not zero."""
    return {kind.value: count for kind, count in found.rows.items() if count}


def sale(id_, units, scale, line):
    return Transaction(id_, "7", units, scale, "EUR", NOON, 0, line)


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr("dorimportd.parse.convert.BATCH_ROWS", 2)


def rows(*totals):
    return HEADER + "".join(f"7,{id_},{total},2026-07-14 12:00\n" for id_, total in totals)


def test_a_format_that_reads_the_file_alike_changes_nothing(small_batches):
    file = rows(("a", "1.00"), ("b", "x"), ("c", "3.00"))
    found = diff(file, plan(), plan('thousands = ","\n'))
    assert (found.becomes, counts(found), found.vanish, found.appear) == ("same", {"same": 3}, [], [])


def test_each_row_is_told_by_what_becomes_of_it(small_batches):
    file = rows(("a", "1"), ("b", '"2,50"'), ("c", "3.00"), ("d", "4"), ("e", "x"))
    found = diff(file, plan(), plan('decimal = ","\nrefunds = { No = "a" }\nskip = { No = "d" }\n'))
    names = ("same", "changed", "newly_rejected", "newly_accepted", "left_out")
    assert counts(found) == dict.fromkeys(names, 1)
    raw = '7,b,"2,50",2026-07-14 12:00'
    comma = Reject(4, "Total", "3.00", "is not an amount with decimal mark ','", "7,c,3.00,2026-07-14 12:00")
    assert found.examples == {
        Kind.SAME: [],
        Kind.CHANGED: [(2, sale("a", 1, 0, 2), sale("a", -1, 0, 2))],
        Kind.NEWLY_ACCEPTED: [(3, Reject(3, "Total", "2,50", NO_AMOUNT, raw), sale("b", 250, 2, 3))],
        Kind.NEWLY_REJECTED: [(4, sale("c", 300, 2, 4), comma)],
        Kind.LEFT_OUT: [(5, sale("d", 4, 0, 5), None)],
    }


def test_ids_of_the_file_that_only_one_format_finds_vanish_and_appear(small_batches):
    file = rows(("a", "1.00"), ("b", "2.00"), ("a", "x"), ("c", "x"))
    found = diff(file, plan(), plan('skip = { No = "b" }\nimplied_decimals = 2\ndecimal = ","\n'))
    assert (found.vanish, found.appear) == (["a", "b"], [])
    found = diff(file, plan(), plan('skip = { Total = "1.00" }\n'))
    assert (counts(found), found.vanish) == ({"same": 3, "left_out": 1}, ["a"])
    again = diff(
        rows(("a", "1.00"), ("b", "2.00"), ("a", "3.00")), plan(), plan('skip = { Total = "1.00" }\n')
    )
    assert (counts(again), again.vanish) == ({"same": 2, "left_out": 1}, [])


def test_line_items_that_are_put_together_are_parts_and_not_left_out(small_batches):
    file = rows(("a", "1.00"), ("b", "2.00"), ("a", "3.00"), ("b", "x"))
    grouped = plan('group_by = "No"\n')
    found = diff(file, plan(), grouped)
    assert counts(found) == {"same": 1, "changed": 2, "newly_rejected": 1}
    assert found.examples[Kind.CHANGED] == [
        (2, sale("a", 100, 2, 2), sale("a", 400, 2, 2)),
        (4, sale("a", 300, 2, 4), None),
    ]
    assert (found.vanish, found.appear) == (["b"], [])
    back = diff(file, grouped, plan())
    assert counts(back) == {"same": 1, "changed": 2, "newly_accepted": 1}
    assert (back.vanish, back.appear) == ([], ["b"])
    assert counts(diff(file, grouped, grouped)) == {"same": 4}


def test_a_file_that_one_of_the_formats_holds_is_told_as_a_whole(small_batches):
    file = rows(("a", "1.00"), ("b", "2.00"), ("c", "3.00"))
    other = plan(text=PLAIN.replace('"Total"', '"Sum"'))
    gone = "column `Sum` is gone"
    newly = diff(file, plan(), other)
    assert (newly.becomes, counts(newly), newly.vanish, gone in newly.new_held) == (
        "newly_held",
        {},
        [],
        True,
    )
    no_longer = diff(file, other, plan())
    assert (no_longer.becomes, gone in no_longer.old_held) == ("no_longer_held", True)
    assert diff(file, other, other).becomes == "held"
    assert diff(file, None, plan()).old_held == "The customer has no format for a file of this name."
    late = plan(
        "max_reject_percent = 0\nlatest = 2026-07-13\n", text=PLAIN.replace("max_reject_percent = 100\n", "")
    )
    assert diff(file, plan(), late).becomes == "newly_held"


def test_an_archive_adds_up_its_files_and_keeps_a_few_examples():
    total = ArchiveDiff()
    for sequence, file in enumerate((rows(("a", "1")), rows(*[(f"b{n}", "2") for n in range(9)]), "x"), 1):
        delivery = Delivery(sequence, envelope(f"{sequence}.csv"))
        total.add(delivery, diff(file, plan(), plan('skip = { No = { not = "a" } }\n')))
    assert total.files == {"same": 1, "changed": 1, "newly_held": 0, "no_longer_held": 0, "held": 1}
    assert [(each.sequence, becomes) for each, becomes in total.differing] == [(2, "changed")]
    assert (total.rows[Kind.SAME], total.rows[Kind.LEFT_OUT], total.vanish, total.appear) == (1, 9, 9, 0)
    assert list(total.examples["vanish"]) == [(2, "2.csv", f"b{n}") for n in range(5)]
    assert len(total.examples["left_out"]) == 5


def test_a_transaction_that_is_withdrawn_now_vanishes():
    file = HEADER.replace("\n", ",State\n") + "7,a,1.00,2026-07-14 12:00,void\n"
    found = diff(file, plan(), plan('withdraw = { State = "void" }\n'))
    assert (counts(found), found.vanish, found.appear) == ({"changed": 1}, ["a"], [])
    (change,) = found.examples[Kind.CHANGED]
    assert (change.old, change.new) == (sale("a", 100, 2, 2), Transaction._make(withdrawal("a", 2)))
