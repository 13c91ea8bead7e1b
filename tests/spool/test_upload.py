from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.errors import BadName, Incomplete, NoSpace, NoSuchFile, SpoolFailing, TooLarge, UploadBusy
from dorimportd.spool import upload as uploading
from dorimportd.spool.folder import Note
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.spool.upload import Upload
from dorimportd.words import Channel

CONTENT = b"Store;Total\n" * 7
NOTE = Note("a.csv", Channel.SFTP, "192.0.2.7", "2026-07-14T09:02:11+00:00")


def begin(spool, name="a.csv"):
    return spool.begin("acme", name, channel=Channel.SFTP, peer="192.0.2.7")


def pieces(content, size):
    return [(at, content[at : at + size]) for at in range(0, len(content), size)]


def test_whatever_the_order_of_the_pieces_the_same_delivery_comes_out(spool):
    for order in permutations(pieces(CONTENT, 21)):
        upload = begin(spool)
        for offset, content in order:
            upload.write(offset, content)
        envelope = spool.accept(upload).envelope
        assert (envelope.size, envelope.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest()), order


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1, max_size=20)), min_size=1, max_size=12))
def test_an_upload_is_what_a_file_would_be_or_is_refused(tmp_path_factory, writes):
    folder = tmp_path_factory.mktemp("upload")
    upload = Upload(folder, "acme", NOTE, room=Room(1 << 30, 0))
    file, there = bytearray(60), set()
    for offset, content in writes:
        upload.write(offset, content)
        file[offset : offset + len(content)] = content
        there |= set(range(offset, offset + len(content)))
    if there == set(range(max(there) + 1)):
        upload.check_whole()
        expected = bytes(file[: len(there)])
        assert (upload.size, upload.sha256()) == (len(expected), hashlib.sha256(expected).hexdigest())
    else:
        with pytest.raises(Incomplete):
            upload.check_whole()


def test_a_gap_is_never_accepted_and_what_came_before_it_can_be_resumed(spool):
    upload = begin(spool)
    upload.write(0, b"abc")
    upload.write(5, b"fgh")
    with pytest.raises(Incomplete):
        spool.accept(upload)
    upload = spool.resume("acme", "a.csv")
    assert upload.size == 3
    upload.write(3, b"de")
    delivery = spool.accept(upload)
    assert spool.open_delivery(delivery.sequence).read() == b"abcde"


WRITE_AND_DIE = """
import os, sys
from pathlib import Path
from dorimportd.spool.spool import Spool
from dorimportd.spool.room import Room
from dorimportd.words import Channel
upload = Spool(Path(sys.argv[1]), room=Room(1 << 40, 0)).begin("acme", "a.csv", channel=Channel.SFTP, peer="")
for piece in sys.argv[2:]:
    offset, _, content = piece.partition(":")
    upload.write(int(offset), content.encode())
os._exit(0)
"""


def in_a_process_that_dies(spool, *pieces):
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, spool.layout.root, *pieces], check=True)


def test_a_crash_does_not_hide_a_gap(spool):
    in_a_process_that_dies(spool, "0:abc", "5:fgh")
    after = Spool(spool.layout.root, room=spool.room)
    assert after.entry("acme", "a.csv").size == 2
    assert after.resume("acme", "a.csv").size == 3


def test_an_unfinished_upload_is_listed_under_its_name_and_resumed_by_the_next_process(spool):
    in_a_process_that_dies(spool, "0:half")
    after = Spool(spool.layout.root, room=spool.room)
    after.recover()
    assert [(each.name, each.size, each.sequence) for each in after.entries("acme")] == [("a.csv", 3, None)]
    upload = after.resume("acme", "a.csv")
    upload.write(4, b" and half")
    assert after.open_delivery(after.accept(upload).sequence).read() == b"half and half"


def test_an_upload_of_which_all_came_and_that_was_not_closed_does_not_look_whole(spool):
    """A client that finds its file there in full takes it for sent, and closes nothing."""
    upload = begin(spool)
    upload.write(0, b"all of it")
    spool.put_down(upload)
    assert spool.entry("acme", "a.csv").size == 8
    upload = spool.resume("acme", "a.csv")
    assert (upload.size, upload.shown) == (9, 8)
    upload.write(8, b"t")
    assert spool.open_delivery(spool.accept(upload).sequence).read() == b"all of it"


def test_an_upload_that_was_closed_under_a_temporary_name_is_listed_in_full(spool):
    upload = begin(spool, "a.csv.part")
    upload.write(0, b"all of it")
    upload.keep_whole()
    spool.put_down(upload)
    assert spool.entry("acme", "a.csv.part").size == 9


def test_one_session_at_a_time_writes_an_upload(spool):
    begin(spool).write(0, b"x")
    with pytest.raises(UploadBusy):
        spool.resume("acme", "a.csv")


def test_two_sessions_that_send_one_name_are_never_mixed(spool):
    first, second = begin(spool), begin(spool)
    first.write(0, b"first")
    second.write(0, b"second")
    assert [spool.open_delivery(spool.accept(each).sequence).read() for each in (first, second)] == [
        b"first",
        b"second",
    ]


def test_an_upload_that_begins_anew_drops_the_broken_one(spool):
    upload = begin(spool)
    upload.write(0, b"a long beginning")
    spool.put_down(upload)
    upload = begin(spool)
    upload.write(0, b"short")
    assert spool.entry("acme", "a.csv").size == 5
    assert spool.open_delivery(spool.accept(upload).sequence).read() == b"short"


def test_a_mail_does_not_end_an_upload_that_can_be_resumed(spool):
    upload = begin(spool)
    upload.write(0, b"half")
    spool.put_down(upload)
    mail = spool.begin("acme", "a.csv", channel=Channel.SMTP, peer="")
    mail.write(0, b"whole")
    spool.accept(mail)
    assert spool.resume("acme", "a.csv").size == 4


def test_an_upload_of_nothing_that_is_put_down_leaves_nothing(spool):
    spool.put_down(begin(spool))
    with pytest.raises(NoSuchFile):
        spool.entry("acme", "a.csv")
    assert list(spool.layout.incoming.glob("*/*")) == []


def test_a_size_is_cut_and_never_grown(spool):
    upload = begin(spool)
    upload.write(0, b"0123456789")
    upload.set_size(20)
    upload.set_size(4)
    upload.write(4, b"x")
    assert spool.open_delivery(spool.accept(upload).sequence).read() == b"0123x"


def test_an_upload_larger_than_allowed_is_refused(tmp_path):
    spool = Spool(tmp_path / "spool", room=Room(10, 0))
    upload = begin(spool)
    upload.write(0, b"0123456789")
    for offset in (10, 1 << 62, (1 << 63) - 1, -1):
        with pytest.raises(TooLarge):
            upload.write(offset, b"x")


def test_a_write_far_ahead_is_refused_before_it_fills_the_disk(spool):
    upload = begin(spool)
    with pytest.raises(Incomplete):
        upload.write(1 << 35, b"x")
    assert (upload.folder / "data").stat().st_size == 0


def test_there_is_no_upload_below_the_free_space_floor(tmp_path):
    spool = Spool(tmp_path / "spool", room=Room(1 << 40, free_floor=1 << 60))
    with pytest.raises(NoSpace):
        begin(spool)


def test_another_process_does_not_drop_an_upload_that_is_being_written(spool):
    upload = begin(spool)
    upload.write(0, b"ours")
    other = Spool(spool.layout.root, room=spool.room)
    other.accept(begin(other))
    assert spool.open_delivery(spool.accept(upload).sequence).read() == b"ours"


def test_names_that_lead_elsewhere_are_refused(spool):
    for name in (
        "",
        ".",
        "..",
        "../../etc/passwd",
        "a/b.csv",
        "..\\x.csv",
        "a\nb.csv",
        "a\x00.csv",
        "x" * 256,
    ):
        with pytest.raises(BadName):
            begin(spool, name)
    assert list(spool.layout.incoming.rglob("*")) == []


def test_a_name_of_255_bytes_in_any_script_is_taken(spool):
    for name in ("x" * 251 + ".csv", "ä" * 127, "売上" * 42):
        upload = begin(spool, name)
        upload.write(0, b"x")
        assert spool.accept(upload).envelope.name == name
        assert spool.entry("acme", name).size == 1


def test_pieces_in_random_order_are_whole_when_all_are_there(spool):
    content = random.Random(7).randbytes(300_000)
    order = pieces(content, 4096)
    random.Random(8).shuffle(order)
    upload = begin(spool)
    for offset, piece in order:
        upload.write(offset, piece)
    assert spool.accept(upload).envelope.sha256 == hashlib.sha256(content).hexdigest()


def test_a_sync_in_the_middle_loses_nothing_that_came_ahead_of_its_turn(spool):
    upload = begin(spool)
    upload.write(3, b"def")
    upload.sync()
    upload.write(0, b"abc")
    assert spool.open_delivery(spool.accept(upload).sequence).read() == b"abcdef"


def test_bytes_that_vanished_are_never_made_up(spool):
    upload = begin(spool)
    upload.write(0, b"abcdef")
    os.truncate(upload.data, 3)
    with pytest.raises(SpoolFailing):
        spool.accept(upload)
    assert list(spool.sequences()) == []


def test_an_upload_that_cannot_be_read_again_is_left_as_it_lies(spool, monkeypatch):
    upload = begin(spool)
    upload.write(0, b"abcdef")
    spool.put_down(upload)

    def fail(folder):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(uploading, "received_size", fail)
        with pytest.raises(SpoolFailing):
            spool.resume("acme", "a.csv")
    assert spool.resume("acme", "a.csv").size == 6


def test_an_upload_that_cannot_begin_leaves_nothing_and_the_broken_one_stays(spool, monkeypatch):
    upload = begin(spool)
    upload.write(0, b"half")
    spool.put_down(upload)

    def fail(self, folder):
        raise OSError(28, "No space left on device")

    handles = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr(uploading.Note, "write", fail)
        with pytest.raises(NoSpace):
            begin(spool)
    assert len(list(Path("/proc/self/fd").iterdir())) == handles
    assert len(list(spool.layout.incoming.glob("*/*"))) == 1
    assert spool.resume("acme", "a.csv").size == 4


def test_the_second_of_two_uploads_under_one_temporary_name_does_not_come_back(spool):
    uploads = [begin(spool, "a.csv.part") for _ in range(2)]
    for upload, content in zip(uploads, (b"first", b"second"), strict=True):
        upload.write(0, content)
        upload.keep_whole()
    for upload in uploads:
        spool.put_down(upload)
    assert spool.accept_kept("acme", "a.csv.part", "a.csv").envelope.size == 6
    with pytest.raises(NoSuchFile):
        spool.accept_kept("acme", "a.csv.part", "a.csv")
