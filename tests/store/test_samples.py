from __future__ import annotations

from datetime import UTC, datetime

from dorimportd.store import Sample, Shown
from dorimportd.words import State

AT = datetime(2026, 7, 14, 18, 0, 0, 250_000, tzinfo=UTC)


def sample(name, *, anew=False):
    return Sample([Shown(name, "007", -1250, 2, "EUR", 20_648)], AT, anew)


def take(store, arrived, sequence, shown, customer="acme", format="tills@1"):
    store.register([arrived(sequence, customer=customer)])
    run = store.importing(sequence, format)
    run.sample = shown
    run.finish([], [], 0)


def names(store, before, customer="acme", format="tills"):
    return [each.rows[0].transaction_id for each in store.samples(customer, format, before)]


def test_a_sample_comes_back_as_it_was_kept_whatever_is_in_it(store, arrived):
    odd = Sample([Shown("\0'\"\\\U0001f6d2/\udcff", "\u0660", 0, 0, "XXX", -1)], AT)
    take(store, arrived, 1, odd)
    take(store, arrived, 2, sample("a", anew=True))
    assert store.samples("acme", "tills", 2) == [odd]
    assert store.samples("acme", "tills", 3) == [sample("a", anew=True)]


def test_a_delivery_is_compared_with_those_before_it_in_whatever_order_they_came(store, arrived):
    for sequence in (3, 1, 4, 2):
        take(store, arrived, sequence, sample(str(sequence)))
    assert names(store, 4) == ["3", "2", "1"]
    assert names(store, 3) == ["2", "1"]
    assert names(store, 1) == []


def test_each_customer_and_each_format_has_a_past_of_its_own_that_a_mended_format_shares(store, arrived):
    take(store, arrived, 1, sample("1"))
    take(store, arrived, 2, sample("2"), customer="beta")
    take(store, arrived, 3, sample("3"), format="other@1")
    take(store, arrived, 4, sample("4"), format="tills@2")
    assert names(store, 9) == ["4", "1"]
    assert names(store, 9, customer="beta") == ["2"]
    assert names(store, 9, format="other") == ["3"]


def test_the_past_begins_with_the_last_file_that_was_let_in_although_it_differed(store, arrived):
    for sequence in range(1, 6):
        take(store, arrived, sequence, sample(str(sequence), anew=sequence in (2, 4)))
    assert names(store, 9) == ["5", "4"]
    assert names(store, 4) == ["3", "2"]


def test_a_retry_takes_the_place_of_the_earlier_import(store, arrived):
    take(store, arrived, 1, sample("first"))
    store.set_state(1, State.RECEIVED)
    take(store, arrived, 1, sample("again"))
    assert names(store, 2) == ["again"]


def test_what_is_held_leaves_no_sample(store, arrived):
    store.register([arrived(1)])
    run = store.importing(1, "tills@1")
    run.sample = sample("1")
    run.hold("It drifts.")
    assert names(store, 2) == []


def test_sixty_are_kept_and_thirty_compared(store, arrived):
    for sequence in range(1, 63):
        take(store, arrived, sequence, sample(str(sequence)))
    assert names(store, 99) == [str(sequence) for sequence in range(62, 32, -1)]
    assert names(store, 5) == ["4", "3"]


def test_transactions_are_known_when_an_earlier_delivery_told_them(store, sold, imported):
    imported(store, 1, [sold("a"), sold("b")])
    imported(store, 2, [sold("c")], customer="beta")
    imported(store, 3, [sold("d")])
    assert store.known("acme", ["a", "b", "c", "d", "e"], 3) == 2
    assert store.known("acme", ["a", "b", "c", "d", "e"], 4) == 3
    assert store.known("nobody", ["a"], 9) == 0
