"""Deliveries that were asked for while the store could not be told."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dorimportd.pipeline.asked import ask_store_again, was_asked_for
from dorimportd.spool.outcomes import Past, Reading
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.store.store import open_store
from dorimportd.words import Channel, State

WHEN = datetime(2026, 7, 14, 9, 2, 11, tzinfo=UTC)


@pytest.fixture
def spool(tmp_path):
    """With four deliveries, each held from its first moment on."""
    spool = Spool(tmp_path / "spool", room=Room(1 << 30, 0))
    for number in range(4):
        upload = spool.begin("acme", f"{number}.csv", channel=Channel.SMTP, peer="")
        upload.write(0, b"x")
        spool.accept(upload, received_at=WHEN, past=Past(State.HELD, "It waits."))
    return spool


def test_only_what_is_held_and_was_asked_for_waits_in_the_store_again(spool, tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    store.register(spool.delivery(number) for number in (1, 2, 3, 4))
    for number in (1, 2, 3, 4):
        store.set_state(number, State.HELD, "It waits.")
    spool.outcomes.unhold(2)
    spool.outcomes.put(3, Past(State.HELD, "Another reason."))
    ask_store_again(spool.outcomes, store)
    assert [each.outcome.state for each in store.deliveries()] == [
        State.HELD, State.RECEIVED, State.HELD, State.HELD,
    ]  # fmt: skip
    assert [was_asked_for(spool.outcomes, number) for number in (1, 2, 3, 4)] == [False, True, False, False]
    store.close()


def test_what_was_imported_stays_so_and_all_else_is_asked_for(spool):
    reading = Reading("plain@1", "Europe/Berlin", "EUR", None, released=False)
    imported = Past(State.IMPORTED, None, (reading,))
    for past, then in (
        (imported, imported),
        (Past(State.HELD, "x", (reading,)), Past(State.RECEIVED, None, (reading,))),
        (Past(State.RECEIVED), Past(State.RECEIVED)),
    ):
        spool.outcomes.put(1, past)
        spool.outcomes.unhold(1)
        assert spool.outcomes.past(1) == then
    (spool.layout.delivery(1) / "outcome").unlink()  # as after a power cut
    spool.outcomes.unhold(1)
    assert spool.outcomes.past(1) == Past(State.RECEIVED)


def test_the_outcome_is_on_the_disk_before_the_delivery_is_there(spool, monkeypatch):
    """It is synced, and then the folder that has its name, which is renamed after that."""
    synced, fsync = [], os.fsync

    def noted(handle):
        path = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append((path, sorted(each.name for each in path.iterdir()) if path.is_dir() else None))
        fsync(handle)

    upload = spool.begin("acme", "late.csv", channel=Channel.SMTP, peer="")
    upload.write(0, b"x")
    monkeypatch.setattr(os, "fsync", noted)
    spool.accept(upload, received_at=WHEN, past=Past(State.HELD, "It waits."))
    folder = (upload.folder, ["data", "envelope", "outcome", "upload"])
    assert synced.index((upload.folder / "outcome", None)) < synced.index(folder)
