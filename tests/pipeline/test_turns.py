from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorimportd.pipeline.turns import AT_ONCE, LARGE, TINY, Courtesy, Turn, Turns, pause


def test_a_customers_deliveries_run_one_at_a_time_in_the_order_of_their_sequence():
    turns = Turns(workers=4)
    for sequence in (3, 1, 2):
        turns.add(Turn(sequence, "acme", 10))
    begun = []
    while (turn := turns.next()) is not None:
        assert turns.next() is None
        begun.append(turn.sequence)
        turns.done(turn.sequence)
    assert begun == [1, 2, 3]


def test_a_thousand_files_of_one_customer_do_not_delay_anothers_single_one():
    turns = Turns(workers=1)
    for sequence in range(1000):
        turns.add(Turn(sequence, "many", 10))
    turns.done(turns.next().sequence)
    turns.add(Turn(5000, "one", 10))
    assert turns.next() == Turn(5000, "one", 10)


def test_large_files_leave_a_worker_for_small_ones():
    turns = Turns(workers=2)
    turns.add(Turn(1, "a", LARGE))
    turns.add(Turn(2, "b", LARGE))
    turns.add(Turn(3, "c", 10))
    assert [turns.next(), turns.next(), turns.next()] == [Turn(1, "a", LARGE), Turn(3, "c", 10), None]


def test_a_single_worker_imports_large_files_too():
    turns = Turns(workers=1)
    turns.add(Turn(1, "a", LARGE))
    assert turns.next() == Turn(1, "a", LARGE)


def test_one_that_waits_or_runs_is_not_added_again_and_one_that_ended_is():
    turns = Turns(workers=1)
    turns.add(Turn(1, "a", 10))
    turns.add(Turn(1, "a", 10))
    assert turns.next() is not None
    turns.add(Turn(1, "a", 10))
    turns.done(1)
    assert turns.next() is None
    turns.add(Turn(1, "a", 10))
    assert turns.next() == Turn(1, "a", 10)


def test_a_delivery_that_failed_takes_no_worker_while_it_rests_and_delays_nobody():
    turns = Turns(workers=1)
    for sequence, customer in ((1, "a"), (2, "a"), (3, "b")):
        turns.add(Turn(sequence, customer, 10))
    assert turns.next() == Turn(1, "a", 10)
    turns.rest(1)
    turns.add(Turn(1, "a", 10))
    for expected in (3, 2):
        assert turns.next().sequence == expected
        turns.done(expected)
    assert turns.next() is None
    assert turns.waiting == 1
    turns.wake(1)
    assert turns.next() == Turn(1, "a", 10)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1, LARGE])), max_size=30), st.integers(1, 3)
)
def test_every_delivery_gets_its_turn_and_never_more_run_than_workers(files, workers):
    turns = Turns(workers)
    for sequence, (customer, size) in enumerate(files, 1):
        turns.add(Turn(sequence, customer, size))
    begun, running = [], []
    while turns.waiting or running:
        while (turn := turns.next()) is not None:
            running.append(turn)
            begun.append(turn.sequence)
        assert len(running) == turns.running <= workers
        assert len({turn.customer for turn in running}) == len(running)
        turns.done(running.pop(0).sequence)
    assert sorted(begun) == list(range(1, len(files) + 1))


def test_pauses_grow_and_end_growing():
    assert [pause(attempts) for attempts in (1, 2, 3, 7, 100)] == [1, 2, 4, 60, 60]


def test_those_at_which_the_process_died_come_last_one_by_one_and_the_least_suspect_first():
    turns = Turns(workers=4)
    poison, bystander = Turn(1, "a", 10, deaths=2), Turn(3, "b", 10, deaths=1)
    for turn in (poison, Turn(2, "a", 10), bystander, Turn(4, "c", 10)):
        turns.add(turn)
    assert [turns.next(), turns.next(), turns.next(), turns.next()] == [
        Turn(2, "a", 10),
        bystander,
        Turn(4, "c", 10),
        None,
    ]
    turns.done(2)
    assert turns.next() is None  # bystander is not cleared yet
    turns.done(3)
    assert turns.next() == poison


def test_there_are_small_ones_while_they_wait_or_run_and_not_while_they_rest():
    turns = Turns(workers=2)
    turns.add(Turn(1, "a", LARGE))
    assert not turns.small
    turns.add(Turn(2, "b", LARGE - 1))
    assert turns.small
    assert [turns.next().sequence, turns.next().sequence] == [1, 2]
    turns.rest(2)
    assert not turns.small
    turns.wake(2)
    assert turns.small
    turns.next()
    turns.done(2)
    turns.done(1)
    assert not turns.small


def test_a_large_one_gives_way_a_few_times_as_long_as_it_has_worked_and_no_longer():
    waited = []
    now = [100.0]

    def wait(seconds):
        waited.append(seconds)
        now[0] += seconds

    courtesy = Courtesy(wait, lambda: now[0])
    now[0] += 0.5
    courtesy.give_way()
    now[0] += 0.25
    courtesy.give_way()
    assert waited == [2.0, 1.0]


def together(turns):
    """The sequences of those that begin now, by one worker."""
    return [each.sequence for each in turns.along(turns.next())]


def test_tiny_ones_of_one_customer_begin_together_in_the_order_of_their_sequence():
    turns = Turns(workers=2)
    for sequence, size in ((5, 10), (2, TINY), (1, 10), (3, TINY + 1), (4, 10)):
        turns.add(Turn(sequence, "a", size))
    turns.add(Turn(6, "b", 10))
    assert (together(turns), together(turns), turns.next()) == ([1, 2], [6], None)
    assert (turns.running, turns.waiting) == (3, 3)
    for sequence in (1, 2, 6):
        turns.done(sequence)
    assert together(turns) == [3]
    turns.done(3)
    assert together(turns) == [4, 5]


def test_only_so_many_begin_together():
    turns = Turns(workers=1)
    for sequence in range(1, 2 * AT_ONCE):
        turns.add(Turn(sequence, "a", 10))
    assert together(turns) == list(range(1, AT_ONCE + 1))


@pytest.mark.parametrize("suspect", [Turn(1, "a", 10, alone=True), Turn(1, "a", 10, deaths=1)])
def test_what_failed_with_others_or_was_there_at_a_death_is_imported_alone(suspect):
    turns = Turns(workers=1)
    turns.add(suspect)
    assert together(turns) == [1]
    turns.done(1)
    turns.add(suspect)
    turns.add(Turn(2, "a", 10))
    assert len(together(turns)) == 1
