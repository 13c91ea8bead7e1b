"""What is taken out of one database into another, of either kind."""

from __future__ import annotations

import pytest

from dorimportd.store import open_store
from dorimportd.store.transfer import Taken
from dorimportd.words import Reject, withdrawal

REJECT = Reject(3, "Total", "12,5x", "is not a number", "7;0043;12,5x")


@pytest.fixture(params=["sqlite", "postgresql"])
def source(request, tmp_path, postgresql_url):
    store = open_store(f"sqlite:///{tmp_path}/source.db" if request.param == "sqlite" else postgresql_url())
    yield store
    store.close()


def test_chosen_deliveries_come_over_with_all_that_they_won(source, store, sold, imported, table):
    imported(source, 1, [sold("a", line=2), sold("b", line=3)], rejects=[REJECT])
    imported(source, 2, [sold("b", units=99, line=7), withdrawal("c", 8)], rejects=[REJECT])
    imported(source, 3, [sold("d", line=2)])
    imported(source, 4, [sold("a", line=5)], customer="other")
    assert store.take_over(source, {2, 4, 9}) == Taken({2, 4}, 3)
    assert store.told_of("acme", "b") == source.told_of("acme", "b")
    assert [(row.transaction.transaction_id, row.delivery) for row in store.told("acme")] == [
        ("b", 2),
        ("c", 2),
    ]
    assert table(store) == [("b", "0.99", 2)]
    assert table(store, "other") == [("a", "12.50", 4)]
    assert store.transaction_counts() == {"acme": 1, "other": 1}
    for sequence in (2, 4):
        assert store.delivery(sequence) == source.delivery(sequence)
        assert list(store.rejects(sequence)) == list(source.rejects(sequence))
    assert list(store.rejects(2)) == [REJECT]
    assert store.delivery(1) is None
    # A newer delivery wins over what was taken, an older one does not.
    imported(store, 1, [sold("b", units=1), sold("c", units=1)])
    imported(store, 5, [sold("b", units=5)])
    assert table(store) == [("b", "0.05", 5)]
    assert store.transaction_counts() == {"acme": 1, "other": 1}
