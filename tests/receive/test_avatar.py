from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, execute

from dorimportd.errors import (
    AccountClosed,
    BadName,
    DeleteRefused,
    Incomplete,
    NameChangeRefused,
    NoFolders,
    NoSuchFile,
    TooLarge,
)
from dorimportd.events import DeliveryAccepted, RequestRefused, UploadAbandoned, UploadKept, UploadRefused
from dorimportd.receive.avatar import CustomerAvatar, name_at
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel


class AtOnce:
    """Workers without threads."""

    def run(self, work, *args, **kwargs):
        return execute(work, *args, **kwargs)


class Acme:
    name = "acme"
    enabled = True


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool", room=Room(1000, 0))


@pytest.fixture
def told():
    return []


@pytest.fixture
def avatar(spool, told):
    yield CustomerAvatar(
        Acme(),
        Channel.SFTP,
        "192.0.2.7",
        may_send=lambda: Acme.enabled,
        spool=spool,
        workers=AtOnce(),
        tell=told.append,
    )
    Acme.enabled = True


def result(coroutine):
    """What *coroutine* returns; it must not wait for anything."""
    results = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    (outcome,) = results
    if hasattr(outcome, "raiseException"):
        outcome.raiseException()
    return outcome


def send(avatar, path, content):
    upload = result(avatar.begin(path))
    upload.write(0, content)
    return result(upload.accept())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.csv", "a.csv"),
        ("/a.csv", "a.csv"),
        ("./a.csv", "a.csv"),
        ("/../a.csv", "a.csv"),
        ("/", ""),
        ("..", ""),
    ],
)
def test_the_root_is_all_there_is(path, name):
    assert name_at(path) == name


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "x/a.csv", "a.csv/b"])
def test_there_are_no_folders(path):
    with pytest.raises(NoFolders):
        name_at(path)


def test_names_that_could_do_harm_are_refused():
    for path in ("a\nb.csv", "a\x00.csv", "a\x1b[2J.csv", "..\\a.csv"):
        with pytest.raises(BadName):
            name_at(path)


def test_a_close_accepts_and_tells(avatar, spool, told):
    delivery = send(avatar, b"/a.csv", b"x")
    assert told == [DeliveryAccepted(delivery)]
    assert spool.open_delivery(delivery.sequence).read() == b"x"


def test_a_lost_connection_accepts_nothing_and_keeps_what_came(avatar, spool, told):
    upload = result(avatar.begin("a.csv"))
    upload.write(0, b"half")
    result(upload.abandon("connection lost"))
    assert list(spool.sequences()) == []
    assert told == [UploadAbandoned("acme", Channel.SFTP, "a.csv", 4, "connection lost")]
    again = result(avatar.resume("a.csv"))
    assert again.size == 3  # the last byte is to be sent again


def test_a_temporary_name_is_accepted_when_it_gets_its_final_one(avatar, spool, told):
    assert send(avatar, "a.csv.filepart", b"x") is None
    assert list(spool.sequences()) == []
    delivery = result(avatar.rename("/a.csv.filepart", "/a.csv"))
    assert delivery.envelope.name == "a.csv"
    assert told == [UploadKept("acme", Channel.SFTP, "a.csv.filepart", 1), DeliveryAccepted(delivery)]


def test_other_renames_are_refused(avatar, told):
    send(avatar, "a.csv", b"x")
    send(avatar, "b.csv.part", b"x")
    for old, new in (("a.csv", "b.csv"), ("a.csv", "a.csv.part"), ("b.csv.part", "c.csv.tmp")):
        with pytest.raises(NameChangeRefused):
            result(avatar.rename(old, new))
    with pytest.raises(NoSuchFile):
        result(avatar.rename("none.csv.part", "none.csv"))
    assert sum(isinstance(each, RequestRefused) for each in told) == 4


def test_a_delete_succeeds_only_while_the_file_is_being_replaced_and_deletes_nothing(avatar):
    send(avatar, "a.csv", b"x")
    with pytest.raises(DeleteRefused):
        result(avatar.remove("a.csv"))
    send(avatar, "a.csv.filepart", b"new")
    assert result(avatar.remove("a.csv")) is None
    assert result(avatar.entry("a.csv")).size == 1


def test_resuming_a_file_that_is_there_adds_to_a_copy_of_it(avatar, spool):
    first = send(avatar, "a.csv", b"one;")
    upload = result(avatar.resume("a.csv", 4))
    upload.write(4, b"two;")
    second = result(upload.accept())
    contents = [spool.open_delivery(each.sequence).read() for each in (first, second)]
    assert contents == [b"one;", b"one;two;"]


def test_resuming_at_an_offset_cuts_what_is_behind_it(avatar, spool):
    upload = result(avatar.begin("a.csv"))
    upload.write(0, b"0123456789")
    result(upload.abandon("connection lost"))
    upload = result(avatar.resume("a.csv", 4))
    upload.write(4, b"x")
    assert spool.open_delivery(result(upload.accept()).sequence).read() == b"0123x"


def test_a_refused_write_refuses_the_rest_and_the_close(avatar, spool, told):
    upload = result(avatar.begin("a.csv"))
    failures = []
    upload.write(0, b"x" * 1001).addErrback(failures.append)
    upload.write(0, b"x").addErrback(failures.append)
    assert [each.type for each in failures] == [TooLarge, TooLarge]
    with pytest.raises(TooLarge):
        result(upload.accept())
    assert list(spool.sequences()) == []
    assert [type(each) for each in told] == [UploadRefused]


def test_a_file_with_a_gap_is_refused(avatar):
    upload = result(avatar.begin("a.csv"))
    upload.write(5, b"x")
    with pytest.raises(Incomplete):
        result(upload.accept())


def test_half_an_upload_is_not_accepted_by_a_rename(avatar):
    upload = result(avatar.begin("a.csv.part"))
    upload.write(0, b"half")
    result(upload.abandon("connection lost"))
    with pytest.raises(Incomplete):
        result(avatar.rename("a.csv.part", "a.csv"))
    upload = result(avatar.resume("a.csv.part", 4))
    upload.write(4, b" and half")
    assert result(upload.accept()) is None
    assert result(avatar.rename("a.csv.part", "a.csv")).envelope.size == 13


def test_an_upload_that_was_closed_and_is_written_again_waits_for_another_close(avatar):
    send(avatar, "a.csv.part", b"one")
    upload = result(avatar.resume("a.csv.part"))
    upload.write(3, b"two")
    result(upload.abandon("connection lost"))
    with pytest.raises(Incomplete):
        result(avatar.rename("a.csv.part", "a.csv"))


def test_a_customer_that_is_disabled_meanwhile_sends_nothing_more(avatar):
    send(avatar, "a.csv.part", b"one")
    Acme.enabled = False
    for attempt in (avatar.begin("b.csv"), avatar.resume("c.csv"), avatar.rename("a.csv.part", "a.csv")):
        with pytest.raises(AccountClosed):
            result(attempt)
