from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dorimportd.errors import NotWaiting
from dorimportd.store import DeliveryRow, Waiting
from dorimportd.words import Channel, Counts, Outcome, Reject, State

NOTHING_YET = Outcome(State.RECEIVED, Counts(), None, None)


def test_what_is_registered_comes_back_as_it_was(store, arrived):
    mail = arrived(7, channel=Channel.SMTP, name="Umsätze 07.csv", message_id="<1@example.com>", size=2**40)
    store.register([arrived(3), mail])
    assert store.delivery(7) == DeliveryRow(mail, NOTHING_YET, tries=0, windows=0, released=False)
    assert store.delivery(7).sequence == 7
    assert store.delivery(5) is None
    assert store.last_registered() == 7


def test_an_empty_store(store):
    assert store.last_registered() == 0
    assert store.waiting() == []
    assert store.deliveries() == []
    assert store.latest() == {}
    assert store.transaction_counts() == {}
    assert list(store.transactions("acme")) == []
    assert list(store.rejects(1)) == []
    assert store.queue() == dict.fromkeys(State, 0)


def test_what_is_registered_already_stays_as_it_is(store, arrived, sold, imported):
    row = imported(store, 1, [sold()])
    store.register([arrived(1, name="other.csv"), arrived(2)])
    assert store.delivery(1) == row
    assert store.last_registered() == 2


def test_many_are_registered_at_once(store, arrived):
    store.register(arrived(sequence) for sequence in range(1, 1001))
    assert store.waiting() == [Waiting(sequence, "acme", 1000, 0) for sequence in range(1, 1001)]


def test_received_and_failed_wait_in_order_of_sequence(store, arrived):
    store.register(arrived(sequence, size=sequence) for sequence in (5, 2, 9, 4))
    store.set_state(2, State.FAILED, "once")
    store.set_state(2, State.FAILED, "twice")
    store.set_state(4, State.HELD, "no format")
    assert store.waiting() == [
        Waiting(2, "acme", 2, 2),
        Waiting(5, "acme", 5, 0),
        Waiting(9, "acme", 9, 0),
    ]
    assert store.queue() == dict.fromkeys(State, 0) | {State.RECEIVED: 2, State.FAILED: 1, State.HELD: 1}


def test_listings_are_cut_by_customer_state_time_and_number(store, arrived):
    noon = datetime(2026, 7, 14, 12, tzinfo=UTC)
    for sequence in range(1, 7):
        customer = "acme" if sequence % 2 else "bravo"
        hour = noon + timedelta(hours=sequence)
        store.register([arrived(sequence, customer=customer, received_at=hour)])
    store.set_state(3, State.HELD, "no format")

    def listed(**cut):
        return [row.sequence for row in store.deliveries(**cut)]

    assert listed() == [1, 2, 3, 4, 5, 6]
    assert listed(customer="acme") == [1, 3, 5]
    assert listed(customer="nobody") == []
    assert listed(state=State.HELD) == [3]
    assert listed(since=noon + timedelta(hours=4)) == [4, 5, 6]
    assert listed(since=noon + timedelta(hours=4, microseconds=1)) == [5, 6]
    assert listed(limit=2) == [5, 6]
    assert listed(customer="acme", state=State.RECEIVED, limit=1) == [5]
    assert {name: row.sequence for name, row in store.latest().items()} == {"acme": 5, "bravo": 6}


def test_the_newest_earlier_delivery_with_the_same_bytes(store, arrived):
    for sequence, customer, digit in [
        (1, "acme", "a"),
        (2, "acme", "a"),
        (3, "bravo", "a"),
        (4, "acme", "b"),
    ]:
        store.register([arrived(sequence, customer=customer, sha256=digit * 64)])
    assert store.earlier_same_bytes("acme", "a" * 64, before=5) == 2
    assert store.earlier_same_bytes("acme", "a" * 64, before=2) == 1
    assert store.earlier_same_bytes("acme", "a" * 64, before=1) is None
    assert store.earlier_same_bytes("bravo", "b" * 64, before=9) is None


def test_a_retry_forgets_everything_but_the_delivery(store, sold, arrived):
    store.register([arrived(1)])
    reject = Reject(3, "Total", "x", "is not an amount", "x")
    store.importing(1, "format@1").write([sold()], [reject], 2)
    store.set_state(1, State.FAILED, "The disk is failing.")
    store.set_state(1, State.RECEIVED)
    assert store.delivery(1) == DeliveryRow(arrived(1), NOTHING_YET, tries=0, windows=0, released=False)
    assert list(store.rejects(1)) == []


def test_a_retry_of_what_was_imported_remembers_the_format_that_read_it(store, sold, imported, arrived):
    imported(store, 1, [sold()], rejects=[Reject(3, "Total", "x", "is not an amount", "x")])
    store.set_state(1, State.RECEIVED)
    told = Outcome(State.RECEIVED, Counts(), None, "format@1")
    assert store.delivery(1) == DeliveryRow(arrived(1), told, tries=0, windows=0, released=False)
    assert list(store.rejects(1)) == []


@pytest.mark.parametrize("late", [State.FAILED, State.HELD])
@pytest.mark.parametrize("outcome", [State.IMPORTED, State.DUPLICATE])
def test_what_was_imported_does_not_fail_or_wait_afterwards(store, sold, imported, outcome, late):
    imported(store, 1, [sold()])
    row = imported(store, 2, [sold()], duplicate_of=1 if outcome is State.DUPLICATE else None)
    assert row.outcome.state is outcome
    with pytest.raises(NotWaiting, match="delivery 2 has its outcome already"):
        store.set_state(2, late, "too late")
    assert store.delivery(2) == row


def test_what_is_held_does_not_fail_but_may_get_another_reason(store, arrived):
    store.register([arrived(1)])
    store.set_state(1, State.FAILED, "The disk is failing.")
    store.set_state(1, State.HELD, "It failed too often.")
    with pytest.raises(NotWaiting):
        store.set_state(1, State.FAILED, "too late")
    assert (store.delivery(1).outcome, store.delivery(1).tries) == (
        Outcome(State.HELD, reason="It failed too often."),
        1,
    )
    store.set_state(1, State.HELD, "It has no format.")
    assert store.delivery(1).outcome == Outcome(State.HELD, reason="It has no format.")


def test_a_release_holds_over_failures_and_a_new_start_until_a_retry(store, sold, arrived):
    store.register([arrived(1)])
    store.set_state(1, State.HELD, "9 of 10 rows are rejects")
    store.release(1)
    row = store.delivery(1)
    assert (row.released, row.outcome) == (True, NOTHING_YET)
    store.set_state(1, State.FAILED, "The disk is failing.")
    store.importing(1, "format@1").write([sold()], [], 1)
    store.importing(1, "format@2").finish([sold()], [], 1)
    row = store.delivery(1)
    assert (row.released, row.outcome.state) == (True, State.IMPORTED)
    store.set_state(1, State.RECEIVED)
    assert not store.delivery(1).released


def test_only_what_is_held_is_released(store, sold, imported, arrived):
    store.register([arrived(1)])
    with pytest.raises(NotWaiting):
        store.release(1)
    row = imported(store, 1, [sold()])
    with pytest.raises(NotWaiting):
        store.release(1)
    assert store.delivery(1) == row


@pytest.mark.parametrize("state", [State.FAILED, State.HELD, State.RECEIVED])
def test_what_was_never_registered_has_no_state(store, state):
    with pytest.raises(LookupError, match="there is no delivery 1"):
        store.set_state(1, state, "reason")
    with pytest.raises(LookupError, match="there is no delivery 1"):
        store.release(1)


@pytest.mark.parametrize("state", [State.IMPORTED, State.DUPLICATE])
def test_only_an_import_ends_well(store, arrived, state):
    store.register([arrived(1)])
    with pytest.raises(ValueError, match=f"only an import ends as {state}"):
        store.set_state(1, state)
    assert store.delivery(1).outcome == NOTHING_YET


def test_what_no_database_can_hold_is_replaced(store, arrived):
    store.register([arrived(1, name="a\0b\udce9.csv", message_id="<\ud800@x>")])
    run = store.importing(1, "format@1")
    raw = "tab\t, cr\r, lf\n, backslash\\, \0\udcff, \U0001f6d2"
    run.finish([], [Reject(2, "Total\0", raw, "is no amount", raw)], 1)
    envelope = store.delivery(1).delivery.envelope
    assert (envelope.name, envelope.message_id) == ("a\ufffdb\ufffd.csv", "<\ufffd@x>")
    kept = "tab\t, cr\r, lf\n, backslash\\, \ufffd\ufffd, \U0001f6d2"
    assert list(store.rejects(1)) == [Reject(2, "Total\ufffd", kept, "is no amount", kept)]


def test_thousands_of_rejects_keep_the_order_of_the_file_over_windows(store, arrived):
    store.register([arrived(1)])
    rejects = [Reject(line, "", "", "is wrong", f"row {line}") for line in range(2, 2502)]
    run = store.importing(1, "format@1")
    run.write([], rejects[:1200], 1200)
    run.finish([], rejects[1200:], 1300)
    assert list(store.rejects(1)) == rejects
