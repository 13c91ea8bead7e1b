from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from dorimportd.errors import NoSuchFile, SpoolFailing, SpoolInUse, SpoolUnusable
from dorimportd.spool import accept as acceptance
from dorimportd.spool import upload as uploading
from dorimportd.spool.mail import MailNote
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel, Envelope

WHEN = datetime(2026, 7, 14, 9, 2, 11, tzinfo=UTC)


def send(spool, content, name="a.csv", customer="acme", **more):
    upload = spool.begin(customer, name, channel=Channel.FTP, peer="192.0.2.7")
    upload.write(0, content)
    return spool.accept(upload, **more)


SEND_THIRTY = """
import sys
from pathlib import Path
from dorimportd.spool.spool import Spool
from dorimportd.spool.room import Room
from dorimportd.words import Channel
spool = Spool(Path(sys.argv[1]), room=Room(1 << 40, 0))
for number in range(30):
    upload = spool.begin("acme", f"{sys.argv[2]}-{number}.csv", channel=Channel.LOCAL, peer="")
    upload.write(0, b"x")
    spool.accept(upload)
"""


def test_a_delivery_is_read_back_as_it_was_accepted(spool):
    delivery = send(spool, b"x;y\n", received_at=WHEN, message_id="<1@shop.example>")
    assert delivery.envelope == Envelope(
        customer="acme",
        channel=Channel.FTP,
        name="a.csv",
        size=4,
        sha256=hashlib.sha256(b"x;y\n").hexdigest(),
        peer="192.0.2.7",
        received_at=WHEN,
        message_id="<1@shop.example>",
    )
    assert Spool(spool.layout.root, room=spool.room).delivery(delivery.sequence) == delivery


def test_sequences_rise_by_one_across_restarts_and_lost_counters(spool):
    assert [send(spool, b"x").sequence for _ in range(3)] == [1, 2, 3]
    again = Spool(spool.layout.root, room=spool.room)
    assert send(again, b"x").sequence == 4
    again.layout.sequence.unlink()
    after = Spool(spool.layout.root, room=spool.room)
    assert send(after, b"x").sequence == 5
    after.layout.sequence.write_bytes(b"%020d" % 2)  # as a power cut may leave it: older than the folders
    after.recover()
    assert send(after, b"x").sequence == 6


def test_a_counter_ahead_of_all_deliveries_stays_ahead(spool):
    send(spool, b"x")
    spool.layout.sequence.write_bytes(b"%020d" % 41)
    spool.recover()
    assert send(spool, b"x").sequence == 42


def test_two_processes_never_take_one_sequence(spool):
    command = [sys.executable, "-c", SEND_THIRTY, spool.layout.root]
    processes = [subprocess.Popen([*command, name]) for name in ("p", "q")]
    assert [each.wait(60) for each in processes] == [0, 0]
    found = list(spool.sequences())
    assert found == list(range(1, 61))
    assert len({spool.delivery(number).envelope.name for number in found}) == 60


def test_another_process_waits_while_a_sequence_is_being_used(spool):
    with spool.sequence.next() as number:
        command = [sys.executable, "-c", SEND_THIRTY, spool.layout.root, "p"]
        process = subprocess.Popen(command)
        while not list((spool.layout.incoming).glob("acme/*/envelope")):  # all of it is done but for that
            time.sleep(0.01)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        assert list(spool.layout.accepted.iterdir()) == []
    assert process.wait(60) == 0
    assert list(spool.sequences()) == list(range(number + 1, number + 31))


def test_a_reader_misses_no_sequence_below_the_last_it_has_seen(spool):
    seen, ended = [0], threading.Event()

    def read():
        while not ended.is_set():
            seen.extend(spool.sequences(seen[-1]))

    reader = threading.Thread(target=read)
    reader.start()
    writers = [
        threading.Thread(target=lambda: [send(spool, b"x", f"{number}.csv") for number in range(25)])
        for _ in range(4)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    ended.set()
    reader.join()
    seen.extend(spool.sequences(seen[-1]))
    assert seen == list(range(101))


def test_deliveries_are_found_across_folders_of_a_thousand(spool):
    spool.layout.sequence.write_bytes(b"%020d" % 998)
    assert [send(spool, b"x").sequence for _ in range(4)] == [999, 1000, 1001, 1002]
    assert list(spool.sequences()) == [999, 1000, 1001, 1002]
    assert list(spool.sequences(1000)) == [1001, 1002]
    assert list(spool.sequences(1002)) == []


def test_only_one_daemon_works_on_a_spool(spool):
    spool.hold()
    other = Spool(spool.layout.root, room=spool.room)
    with pytest.raises(SpoolInUse):
        other.hold()
    spool.release()
    other.hold()
    other.release()


def test_a_customer_sees_the_newest_of_each_name_and_only_its_own(spool):
    send(spool, b"old", received_at=WHEN)
    send(spool, b"newest", received_at=WHEN)
    send(spool, b"other's", "b.csv", customer="other")
    assert [(each.name, each.size, each.modified_at) for each in spool.entries("acme")] == [
        ("a.csv", 6, int(WHEN.timestamp()))
    ]
    assert spool.open("acme", "a.csv").read() == b"newest"
    with pytest.raises(NoSuchFile):
        spool.open("acme", "b.csv")
    assert list(spool.entries("nobody")) == []


def test_what_a_power_cut_took_from_the_roots_is_there_again_after_a_start(spool):
    send(spool, b"first", "a.csv")
    send(spool, b"second", "b.csv")
    (spool.layout.roots / "acme" / "b.csv").unlink()
    after = Spool(spool.layout.root, room=spool.room)
    after.recover()
    assert [(each.name, each.size) for each in after.entries("acme")] == [("a.csv", 5), ("b.csv", 6)]


@pytest.mark.parametrize(
    ("channel", "left"),
    [(Channel.SFTP, ["a.csv"]), (Channel.FTP, ["a.csv"]), (Channel.SMTP, []), (Channel.LOCAL, [])],
)
def test_after_a_crash_half_a_file_is_kept_only_where_its_sender_can_go_on_with_it(spool, channel, left):
    upload = spool.begin("acme", "a.csv", channel=channel, peer="")
    upload.write(0, b"half")
    assert spool.recover() == 1  # somebody writes it: dorimportctl import may be at work
    upload.let_go()
    after = Spool(spool.layout.root, room=spool.room)
    assert after.recover() == len(left)
    assert [each.name for each in after.entries("acme")] == left


def test_the_bytes_are_synced_before_the_name_and_the_name_before_the_return(spool, monkeypatch):
    calls = []
    sync_folder, fsync = acceptance.sync_folder, uploading.os.fsync

    def note_and_sync(path):
        calls.append(path.parent.name)
        sync_folder(path)

    for room in (acceptance, uploading):
        monkeypatch.setattr(room, "sync_folder", note_and_sync)
    monkeypatch.setattr(uploading.os, "fsync", lambda handle: (calls.append("fsync"), fsync(handle)))
    send(spool, b"x")
    # data; envelope; its folder in incoming; the new folder's name in accepted; the delivery's name.
    assert [each for each in calls if each != "fsync"] == ["acme", "accepted"]
    assert calls.index("fsync") < calls.index("acme")


def test_a_sync_that_fails_once_is_never_tried_again_for_the_same_bytes(spool, monkeypatch):
    upload = spool.begin("acme", "a.csv", channel=Channel.SFTP, peer="")
    upload.write(0, b"x")

    def fail(handle):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(uploading.os, "fsync", fail)
        with pytest.raises(SpoolFailing):
            upload.sync()
    with pytest.raises(SpoolFailing):
        spool.accept(upload)
    with pytest.raises(NoSuchFile):
        spool.resume("acme", "a.csv")
    assert list(spool.sequences()) == []


def test_a_temporary_name_waits_for_its_final_one(spool):
    upload = spool.begin("acme", "a.csv.filepart", channel=Channel.SFTP, peer="")
    upload.write(0, b"x")
    upload.keep_whole()
    spool.put_down(upload)
    assert spool.waits_for("acme", "a.csv")
    assert not spool.waits_for("acme", "b.csv")
    assert spool.accept_kept("acme", "a.csv.filepart", "a.csv").envelope.name == "a.csv"
    assert not spool.waits_for("acme", "a.csv")


def test_a_damaged_envelope_and_a_strange_file_stop_nothing(spool):
    for number in range(3):
        send(spool, b"x", f"{number}.csv")
    (spool.layout.delivery(2) / "envelope").write_bytes(b"\xff{")
    (spool.layout.delivery(1).parent / "notes.txt").write_text("")
    (spool.layout.accepted / "lost+found").mkdir()
    spool.layout.sequence.unlink()
    after = Spool(spool.layout.root, room=spool.room)
    after.recover()
    assert list(after.sequences()) == [1, 2, 3]
    with pytest.raises(SpoolFailing):
        after.delivery(2)
    assert send(after, b"x").sequence == 4


def test_old_leftovers_are_dropped_and_open_or_young_ones_stay(spool):
    for name in ("old.csv", "open.csv"):
        upload = spool.begin("acme", name, channel=Channel.SFTP, peer="")
        upload.write(0, b"x")
        if name == "old.csv":
            spool.put_down(upload)
    assert spool.drop_unfinished(datetime.now(UTC) - timedelta(days=1)) == []
    (dropped,) = spool.drop_unfinished(datetime.now(UTC) + timedelta(days=1))
    assert (dropped.customer, dropped.name, dropped.size, dropped.channel) == (
        "acme", "old.csv", 1, Channel.SFTP,
    )  # fmt: skip
    assert [each.name for each in spool.entries("acme")] == ["open.csv"]


def test_what_a_crash_left_without_a_name_is_dropped_when_it_is_old(spool):
    folders = [spool.layout.incoming / "acme" / name for name in ("empty", "cut", "named")]
    for folder in folders:
        folder.mkdir(parents=True)
    for folder in folders[1:]:
        (folder / "data").write_bytes(b"12345")
    (folders[1] / "upload").write_text('{"name": "a')
    spool.recover()
    dropped = spool.drop_unfinished(datetime.now(UTC) + timedelta(days=1))
    assert sorted((each.customer, each.name, each.size, each.channel) for each in dropped) == [
        ("acme", "cut", 5, None),
        ("acme", "empty", 0, None),
        ("acme", "named", 5, None),
    ]
    assert list(spool.layout.incoming.glob("*/*")) == []


def test_what_cannot_be_resumed_is_gone_after_a_crash_and_never_shown(spool):
    """A mail that was on its way to a customer, and a file from the command line."""
    for channel in (Channel.SMTP, Channel.LOCAL, Channel.FTP):
        upload = spool.begin("acme", f"{channel}.csv", channel=channel, peer="")
        upload.write(0, b"half")
        upload.close()
    assert [each.name for each in spool.entries("acme")] == ["ftp.csv"]
    assert spool.recover() == 1
    assert [each.name for each in spool.unfinished("acme")] == ["ftp.csv"]
    assert len(list(spool.layout.incoming.glob("*/*"))) == 1


def test_copies_of_a_mail_lie_together_and_keep_their_bytes(spool):
    def note(archive):
        sender, recipient = "till@shop.example", "demo@x.example"
        return MailNote(
            "<1@shop.example>", sender, (recipient,), archive, "", f"2026-07-14T09:02:1{int(archive)}", 5
        )

    for archive, content in ((False, b"first"), (True, b"copy!")):
        mail = spool.begin_mail(largest=100)
        mail.write(content)
        mail.keep(note(archive))
    assert [(each.note.archive, each.path.read_bytes()) for each in spool.mails("<1@shop.example>")] == [
        (False, b"first"),
        (True, b"copy!"),
    ]
    assert list(spool.mails("<2@shop.example>")) == []


def test_a_message_id_cannot_leave_the_folder_of_mails(spool):
    mail = spool.begin_mail(largest=100)
    mail.write(b"x")
    kept = mail.keep(MailNote("../../../../etc/passwd", "", (), False, "", WHEN.isoformat(), 1))
    assert kept.path.is_relative_to(spool.layout.mail)


def test_a_spool_of_a_newer_layout_is_refused_with_both_numbers(spool):
    spool.layout.version.write_text("3\n")
    with pytest.raises(SpoolUnusable) as error:
        Spool(spool.layout.root, room=spool.room)
    assert str(error.value) == (
        f"The spool {spool.layout.root} has layout 3, and this dorimportd knows up to 2; "
        "install the newer dorimportd again, or restore a backup."
    )
    assert spool.layout.version.read_text() == "3\n"


def test_a_spool_whose_version_was_lost_is_refused(spool):
    spool.layout.version.write_text("")
    with pytest.raises(SpoolUnusable, match="holds no number; restore it from a backup"):
        Spool(spool.layout.root, room=spool.room)


def test_an_older_spool_is_brought_to_this_layout_by_a_start_alone(spool):
    spool.layout.version.write_text("1\n")
    after = Spool(spool.layout.root, room=spool.room)
    assert spool.layout.version.read_text() == "1\n"  # a command beside an older daemon changes nothing
    after.recover()
    assert spool.layout.version.read_text() == "2\n"


def test_a_delivery_is_shown_no_more_and_a_newer_one_of_its_name_stays(spool, monkeypatch):
    old = send(spool, b"old")
    spool.roots.drop(old)
    assert list(spool.entries("acme")) == []
    spool.roots.drop(old)
    new, newest = send(spool, b"new"), []
    get = spool.roots.get

    def then_another_process_shows_one(customer, name):
        found = get(customer, name)
        if not newest:
            newest.append(None)
            other = Spool(spool.layout.root, room=spool.room)
            newest[0] = send(other, b"newest")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(spool.roots, "get", then_another_process_shows_one)
        spool.roots.drop(new)
    assert [(each.sequence, each.size) for each in spool.entries("acme")] == [(newest[0].sequence, 6)]
    assert [each.name for each in spool.layout.roots.iterdir()] == ["acme"]
