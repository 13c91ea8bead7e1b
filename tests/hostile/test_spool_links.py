"""Links that somebody with a shell has put into the spool: nothing is read or written behind them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from dorimportd.errors import NoSuchFile, SpoolFailing
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel

NOTE = {"name": "planted.csv", "channel": "ftp", "peer": "192.0.2.7", "began_at": "2026-07-14T09:00:00+00:00"}


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool", room=Room(1_000_000, 0))


@pytest.fixture
def outside(tmp_path):
    """A folder elsewhere that looks like an upload."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name, text in (("upload", json.dumps(NOTE)), ("data", "secret"), ("envelope", "{}")):
        (folder / name).write_text(text)
    return folder


def contents(folder):
    return {each.name: each.read_text() for each in folder.iterdir()}


@pytest.fixture
def untouched(outside):
    """What lies outside stays as it is, whatever the test does."""
    before = contents(outside)
    yield
    assert contents(outside) == before


def send(spool, customer="acme", name="a.csv"):
    upload = spool.begin(customer, name, channel=Channel.FTP, peer="192.0.2.7")
    upload.write(0, b"x")
    return spool.accept(upload)


def names(spool, customer="acme"):
    return [each.name for each in spool.entries(customer)]


def test_an_upload_that_is_a_link_is_not_there(spool, outside, untouched):
    (spool.layout.incoming / "acme").mkdir()
    (spool.layout.incoming / "acme" / "0123456789abcdef").symlink_to(outside)
    assert names(spool) == []
    for use in (spool.resume, spool.open):
        with pytest.raises(NoSuchFile):
            use("acme", "planted.csv")
    send(spool, name="planted.csv")
    assert spool.drop_unfinished(datetime.max.replace(tzinfo=UTC)) == []
    (spool.layout.root / "boot").write_text("another start of the machine")
    assert spool.recover() == 0
    spool.recover()


def test_a_folder_of_uploads_that_is_a_link_takes_no_upload(spool, outside, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    outside.rename(elsewhere / "0123456789abcdef")
    (spool.layout.incoming / "acme").symlink_to(elsewhere)
    with pytest.raises(SpoolFailing):
        send(spool)
    assert names(spool) == []
    assert spool.drop_unfinished(datetime.max.replace(tzinfo=UTC)) == []
    (spool.layout.root / "boot").write_text("another start of the machine")
    assert spool.recover() == 0
    spool.recover()
    assert [each.name for each in elsewhere.iterdir()] == ["0123456789abcdef"]
    assert sorted(contents(elsewhere / "0123456789abcdef")) == ["data", "envelope", "upload"]


def test_bytes_that_are_a_link_are_neither_read_nor_written(spool, outside, untouched):
    upload = spool.begin("acme", "a.csv", channel=Channel.FTP, peer="192.0.2.7")
    upload.write(0, b"x")
    spool.put_down(upload)
    (upload.folder / "data").unlink()
    (upload.folder / "data").symlink_to(outside / "data")
    for use in (spool.resume, spool.open):
        with pytest.raises(SpoolFailing):
            use("acme", "a.csv")


def test_bytes_of_a_delivery_that_are_a_link_are_not_read(spool, outside, untouched):
    delivery = send(spool)
    folder = spool.layout.delivery(delivery.sequence)
    (folder / "data").unlink()
    for name in ("data", "data.gz"):
        (folder / name).symlink_to(outside / "data")
        for use in (lambda: spool.open("acme", "a.csv"), lambda: spool.open_delivery(delivery.sequence)):
            with pytest.raises(SpoolFailing):
                use()
        (folder / name).unlink()


def test_a_link_in_a_root_that_leads_somewhere_is_not_there(spool, outside, untouched):
    send(spool)
    root = spool.layout.roots / "acme"
    (root / "b.csv").symlink_to(outside / "data")
    (root / "c.csv").symlink_to("1 2 999999999999")  # a time that no calendar has
    (root / "d.csv").write_text("1 1 1")
    (root / "e.csv").mkdir()
    assert names(spool) == ["a.csv"]
    for name in ("b.csv", "c.csv", "d.csv", "e.csv"):
        with pytest.raises(NoSuchFile):
            spool.open("acme", name)
    send(spool, name="b.csv")
    assert names(spool) == ["a.csv", "b.csv"]


def test_a_root_that_is_a_link_shows_nothing_and_takes_nothing_and_keeps_nobody_else_out(
    spool, outside, untouched
):
    (spool.layout.roots / "acme").symlink_to(outside)
    first = send(spool)
    assert names(spool) == []
    send(spool, "beta", "b.csv")
    assert names(spool, "beta") == ["b.csv"]
    (spool.layout.roots / "acme").unlink()
    send(spool, "beta", "c.csv")
    assert names(spool) == ["a.csv"]
    assert spool.roots.get("acme", "a.csv").sequence == first.sequence
