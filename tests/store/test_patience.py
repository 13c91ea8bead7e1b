from __future__ import annotations

import pytest

from dorimportd.store.patience import LONGEST_SECONDS, QUIET_SECONDS, NoAnswer, patient

SPOKE, QUIET = 1, 0


def waits(answers):
    """What psycopg does: it waits until the server has spoken *answers* times."""
    heard = 0
    while heard < answers:
        heard += yield "read"
    return f"{heard} answers"


class Line:
    """A server that speaks or not, second by second, and whether it takes a new connection."""

    def __init__(self, there=True):
        self.now, self.there, self.asked = 0.0, there, []

    def is_there(self):
        self.asked.append(self.now)
        return self.there

    def wait(self, work, heard):
        """Like psycopg's own wait: (seconds, whether it spoke then), until *work* ends."""
        work = patient(work, self.is_there, lambda: self.now)
        assert next(work) == "read"
        try:
            for seconds, spoke in heard:
                self.now += seconds
                assert work.send(spoke) == "read"
        except StopIteration as end:
            return end.value
        raise AssertionError("it waits still")


def test_a_server_that_speaks_is_never_asked_whether_it_is_there():
    line = Line()
    assert line.wait(waits(100), [(QUIET_SECONDS, SPOKE)] * 100) == "100 answers"
    assert line.asked == []


def test_a_server_that_is_there_may_take_its_time():
    line = Line()
    assert line.wait(waits(1), [*[(10, QUIET)] * 6, (1, SPOKE)]) == "1 answers"
    assert line.asked == [20, 40, 60]


def test_a_server_that_is_not_there_is_given_up():
    line = Line(there=False)
    with pytest.raises(NoAnswer, match="it does not answer"):
        line.wait(waits(1), [(5, QUIET)] * 100)
    assert line.asked == [20]


def test_a_server_that_is_there_and_never_answers_is_given_up_too():
    line = Line()
    with pytest.raises(NoAnswer, match="it did not answer for too long"):
        line.wait(waits(1), [(10, QUIET)] * 1000)
    assert line.now == LONGEST_SECONDS + 10


def test_what_goes_wrong_in_between_is_told_as_it_is():
    def breaks():
        yield "read"
        raise KeyError

    with pytest.raises(KeyError):
        Line().wait(breaks(), [(1, SPOKE)])
