from __future__ import annotations

import pytest

from dorimportd.parse.batch import Batch
from dorimportd.pipeline import window as windows
from dorimportd.pipeline.window import Shelf, Window
from dorimportd.words import Reject, withdrawal

SOLD = ("0042", "Süd", -1250, 2, "EUR", 1_784_000_000_000_000, 7200, 2, 0)


def some_windows():
    """Two; a window itself is made of lists that `put` leaves to be cleared."""
    first = Window([SOLD, withdrawal("0043", 3)], [Reject(5, "Total", "x\ud800", "is bad", "7,x")], 4, {2: 1})
    return [first, Window([("é" * 200, "7", 10**18, 0, "JPY", -1, -3600, 6, 0)], [], 1, {})]


@pytest.mark.parametrize("at_once", [1, 2, 5000])
def test_a_shelf_gives_back_what_was_put_on_it(monkeypatch, at_once):
    monkeypatch.setattr(windows, "ROWS_AT_ONCE", at_once)
    monkeypatch.setattr(windows, "REJECTS_AT_ONCE", at_once)
    shelf = Shelf()
    for window in some_windows():
        shelf.put(window)
        window.clear()
    assert list(shelf.take()) == some_windows()


def test_rejects_are_of_their_type_again():
    shelf = Shelf()
    shelf.put(some_windows()[0])
    assert next(shelf.take()).rejects[0].rule == "is bad"


def test_a_shelf_that_is_too_small_keeps_nothing(monkeypatch):
    monkeypatch.setattr(windows, "SHELF_BYTES", 300)
    shelf = Shelf()
    for window in some_windows() * 3:
        shelf.put(window)
    assert not shelf.is_whole
    assert list(shelf.take()) == []


def test_a_window_takes_a_batch_while_rows_and_text_of_rejects_are_few(monkeypatch):
    monkeypatch.setattr(windows, "WINDOW", 3)
    monkeypatch.setattr(windows, "CHARACTERS", 10)
    reject = Reject(5, "Total", "x", "is bad", "7,x")
    window = Window()
    assert window.has_room_for(Batch([SOLD] * 4, [reject] * 3))
    window.add(Batch([SOLD], [reject]))
    assert window.has_room_for(Batch([], [reject]))
    assert not window.has_room_for(Batch([SOLD] * 2))
    assert not window.has_room_for(Batch([], [Reject(6, "Total", "x", "is bad", "7,x,xxx")]))
