from __future__ import annotations

import os
import struct
from datetime import UTC, datetime

import pytest
from twisted.conch.ssh.common import NS

from dorimportd.events import DeliveryAccepted, Fault, UploadAbandoned, UploadKept
from dorimportd.receive.sftp.session import listed
from dorimportd.spool.room import Room
from dorimportd.spool.roots import Entry
from dorimportd.words import Channel, Delivery, Envelope

READ, WRITE, APPEND, CREAT, TRUNC, EXCL = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NEW = WRITE | CREAT | TRUNC
OK, EOF, NO_SUCH_FILE, DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
TOO_LARGE = (FAILURE, "The file is larger than this server takes.")
NO_SPACE = (FAILURE, "There is no space left for new files. Please send it again later.")
OPEN, CLOSE, READ_, WRITE_, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR = range(3, 13)
REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(13, 21)
EXTENDED = 200

NO_HANDLE = (FAILURE, "There is no such handle.")


def size_attrs(size):
    return struct.pack("!LQ", 1, size)


def written(handle, offset, content):
    return NS(handle) + struct.pack("!Q", offset) + NS(content)


def failed_open(session, name, flags):
    return session.status(OPEN, NS(name) + struct.pack("!LL", flags, 0))


def sizes(session):
    """The name and size of everything in the root folder."""
    return [(each.name, each.size) for each in session.spool.entries("acme")]


def test_the_first_answer_says_the_version_and_the_extensions(session):
    assert session.greeting == [
        (
            2,
            3,
            NS(b"posix-rename@openssh.com")
            + NS(b"1")
            + NS(b"fsync@openssh.com")
            + NS(b"1")
            + NS(b"limits@openssh.com")
            + NS(b"1")
            + NS(b"statvfs@openssh.com")
            + NS(b"2"),
        )
    ]


def test_the_free_space_of_the_disk_is_what_uploads_may_take(session, monkeypatch):
    disk = os.statvfs_result([4096, 1024, 5000, 3000, 2500, 700, 600, 500, 4096, 255, 77])
    monkeypatch.setattr(os, "statvfs", lambda path: disk)
    session.spool.room = Room(1_000_000, free_floor=2_000 * 1024)
    answered, content = session.ask(EXTENDED, NS(b"statvfs@openssh.com") + NS(b"/a.csv"))
    assert answered == 201
    assert struct.unpack("!11Q", content) == (4096, 1024, 5000, 1000, 500, 700, 600, 500, 77, 2, 255)
    session.spool.room = Room(1_000_000, free_floor=2_800 * 1024)
    answered, content = session.ask(EXTENDED, NS(b"statvfs@openssh.com") + NS(b"/"))
    assert struct.unpack("!11Q", content)[3:5] == (200, 0)


# Uploads.


def test_answers_of_one_moment_go_out_together(later):
    later.begin(OPEN, NS(b"/a.csv") + struct.pack("!LL", NEW, 0))
    later.workers.work()
    ((_, _, body),) = later.outlet.answers()
    for offset in range(3):
        later.begin(WRITE_, written(body[4:], offset, b"x"))
    later.workers.work()
    begun = later.outlet.writes
    assert [(kind, number) for kind, number, _ in later.outlet.answers()] == [(101, 2), (101, 3), (101, 4)]
    assert later.outlet.writes == begun + 1


def test_a_close_is_acceptance(session):
    handle = session.open(b"/a.csv", NEW)
    assert session.write(handle, 0, b"one,") == (OK, "OK")
    assert session.write(handle, 4, b"two") == (OK, "OK")
    assert session.deliveries() == []
    assert session.close(handle) == (OK, "OK")
    assert session.deliveries() == [(1, "a.csv", b"one,two")]


def test_an_end_without_a_close_keeps_the_upload_for_resuming(session):
    handle = session.open(b"/a.csv", NEW)
    session.write(handle, 0, b"one,")
    ended = session.server.end("the connection was lost")
    assert (ended.called, session.deliveries(), session.unfinished()) == (True, [], [("a.csv", 3)])
    assert session.told == [UploadAbandoned("acme", "sftp", "a.csv", 4, "the connection was lost")]


def test_the_bytes_behind_the_last_field_are_passed_over(session):
    handle = session.open(b"/a.csv", NEW)
    assert session.status(WRITE_, written(handle, 0, b"abc") + bytes(24_576)) == (OK, "OK")
    session.close(handle)
    assert session.deliveries() == [(1, "a.csv", b"abc")]


def test_writes_may_come_in_any_order_but_not_with_a_gap(session):
    handle = session.open(b"/a.csv", NEW)
    session.write(handle, 3, b"def")
    session.write(handle, 0, b"abc")
    assert session.close(handle) == (OK, "OK")
    handle = session.open(b"/b.csv", NEW)
    session.write(handle, 3, b"def")
    assert session.close(handle) == (
        FAILURE,
        "Parts of the file are missing. Send the whole file, then close it.",
    )
    assert session.deliveries() == [(1, "a.csv", b"abcdef")]


def test_what_was_refused_once_is_never_accepted(small):
    text = "The file is larger than this server takes."
    handle = small.open(b"/a.csv", NEW)
    assert small.write(handle, 0, b"0123456789") == (OK, "OK")
    assert small.write(handle, 10, b"x") == (FAILURE, text)
    assert small.close(handle) == (FAILURE, text)
    assert small.close(handle) == NO_HANDLE
    assert (small.deliveries(), small.unfinished()) == ([], [("a.csv", 9)])


def test_an_empty_file_is_a_delivery(session):
    session.close(session.open(b"/a.csv", NEW))
    session.close(session.open(b"/b.csv", WRITE | CREAT))
    assert session.deliveries() == [(1, "a.csv", b""), (2, "b.csv", b"")]


def test_the_same_name_again_is_a_new_delivery(session):
    session.put(b"/a.csv", b"one")
    session.put(b"a.csv", b"two")
    assert session.deliveries() == [(1, "a.csv", b"one"), (2, "a.csv", b"two")]


def test_scp_writes_over_what_is_there_from_the_start(session):
    """It does not ask to empty the file, and says its size at the end."""
    session.put(b"/a.csv", b"the old and longer one")
    handle = session.open(b"/a.csv", WRITE | CREAT)
    session.write(handle, 0, b"the ")
    session.write(handle, 4, b"new")
    assert session.status(FSETSTAT, NS(handle) + size_attrs(7)) == (OK, "OK")
    session.close(handle)
    assert session.deliveries()[1:] == [(2, "a.csv", b"the new")]


def test_scp_of_an_empty_file_is_an_empty_delivery(session):
    session.put(b"/a.csv", b"old")
    handle = session.open(b"/a.csv", WRITE | CREAT)
    assert session.status(FSETSTAT, NS(handle) + size_attrs(0)) == (OK, "OK")
    session.close(handle)
    assert session.deliveries()[1:] == [(2, "a.csv", b"")]


def test_a_file_that_is_opened_and_not_written_stays_as_it_is(session):
    session.put(b"/a.csv", b"old")
    assert session.close(session.open(b"/a.csv", WRITE | CREAT)) == (OK, "OK")
    assert session.deliveries() == [(1, "a.csv", b"old")]


@pytest.mark.parametrize("begin", [3, 4], ids=["as STAT says", "as the client has counted"])
def test_reput_goes_on_where_the_connection_was_lost(session, begin):
    handle = session.open(b"/a.csv", NEW)
    session.write(handle, 0, b"one,")
    session.server.end("the connection was lost")
    session.server = session.connect(session.outlet)
    session.send(struct.pack("!LBL", 5, 1, 3))
    session.outlet.answers()
    handle = session.open(b"/a.csv", WRITE)
    session.write(handle, begin, b"one,two"[begin:])
    session.close(handle)
    assert session.deliveries() == [(1, "a.csv", b"one,two")]


def test_an_unfinished_upload_is_gone_on_with_in_one_session_only(session):
    handle = session.open(b"/a.csv", NEW)
    session.write(handle, 0, b"one,")
    other = session.open(b"/a.csv", WRITE)
    busy = (
        FAILURE,
        "Another session is writing this file. Wait until it has ended, or send it under another name.",
    )
    assert session.write(other, 4, b"two") == busy
    assert session.write(other, 7, b"three") == busy
    assert session.close(other) == busy
    assert session.close(handle) == (OK, "OK")


@pytest.mark.parametrize("offset", [0, 3], ids=["counting from the end", "counting from the start"])
def test_append_goes_on_at_the_end_of_what_was_sent(session, offset):
    session.put(b"/a.csv", b"one")
    handle = session.open(b"/a.csv", WRITE | CREAT | APPEND)
    session.write(handle, offset, b",two")
    session.write(handle, offset + 4, b",three")
    session.close(handle)
    assert session.deliveries()[1:] == [(2, "a.csv", b"one,two,three")]


def test_append_to_another_file_than_the_client_saw_is_refused(session):
    session.put(b"/a.csv", b"one")
    handle = session.open(b"/a.csv", APPEND)
    missing = (FAILURE, "Parts of the file are missing. Send the whole file, then close it.")
    assert session.write(handle, 2, b"x") == missing
    assert session.close(handle) == missing
    assert session.deliveries() == [(1, "a.csv", b"one")]


def test_append_after_a_cut_goes_on_there(session):
    handle = session.open(b"/a.csv", CREAT | APPEND)
    session.write(handle, 0, b"one,two")
    session.status(FSETSTAT, NS(handle) + size_attrs(3))
    session.write(handle, 3, b";2")
    session.close(handle)
    assert session.deliveries() == [(1, "a.csv", b"one;2")]


@pytest.mark.parametrize("size", [5, 6, 1_000_000])
def test_a_size_that_is_said_makes_no_file_longer(session, size):
    handle = session.open(b"/a.csv", NEW)
    assert session.status(FSETSTAT, NS(handle) + size_attrs(size)) == (OK, "OK")
    session.write(handle, 0, b"12345")
    assert session.status(FSETSTAT, NS(handle) + size_attrs(size)) == (OK, "OK")
    session.close(handle)
    assert session.deliveries() == [(1, "a.csv", b"12345")]


def test_a_size_for_which_there_is_no_room_is_refused_when_the_file_is_opened(session):
    assert session.status(OPEN, NS(b"/a.csv") + struct.pack("!L", NEW) + size_attrs(1_000_001)) == TOO_LARGE
    assert session.told[-1].sentence() == (
        "sftp upload of acme refused: '/a.csv': The file is larger than this server takes."
    )
    session.spool.room = Room(1 << 60, 0)
    assert session.status(OPEN, NS(b"/a.csv") + struct.pack("!L", NEW) + size_attrs(1 << 59)) == NO_SPACE
    assert (session.unfinished(), session.deliveries()) == ([], [])
    assert session.ask(OPEN, NS(b"/a.csv") + struct.pack("!L", NEW) + size_attrs(10))[0] == 102


def test_a_size_for_which_there_is_no_room_is_refused_when_it_is_said(session):
    """Whatever comes then is refused too."""
    handle = session.open(b"/a.csv", NEW)
    assert session.status(FSETSTAT, NS(handle) + size_attrs(1_000_001)) == TOO_LARGE
    assert session.write(handle, 0, b"12345") == TOO_LARGE
    assert session.close(handle) == TOO_LARGE
    assert (session.unfinished(), session.deliveries()) == ([], [])


def test_a_full_disk_is_no_reason_to_refuse_the_size_of_what_is_here(session):
    """As scp says it: before CLOSE."""
    handle = session.open(b"/a.csv", NEW)
    session.write(handle, 0, b"12345")
    session.spool.room = Room(1_000_000, 1 << 60)
    assert session.status(FSETSTAT, NS(handle) + size_attrs(6)) == NO_SPACE
    session.spool.room = Room(1_000_000, 0)
    handle = session.open(b"/b.csv", NEW)
    session.write(handle, 0, b"12345")
    session.spool.room = Room(1_000_000, 1 << 60)
    assert session.status(FSETSTAT, NS(handle) + size_attrs(5)) == (OK, "OK")
    assert session.close(handle) == (OK, "OK")
    assert session.deliveries() == [(1, "b.csv", b"12345")]


def test_a_client_may_take_back_what_it_wrote(session):
    handle = session.open(b"/a.csv", NEW)
    session.write(handle, 0, b"12345")
    session.status(FSETSTAT, NS(handle) + size_attrs(2))
    session.close(handle)
    assert session.deliveries() == [(1, "a.csv", b"12")]


def test_requests_on_a_handle_take_effect_in_the_order_they_were_sent(later):
    later.begin(OPEN, NS(b"/a.csv") + struct.pack("!LL", WRITE | CREAT, 0))
    later.workers.work()
    ((_, _, body),) = later.outlet.answers()
    handle = body[4:]
    later.begin(WRITE_, written(handle, 0, b"12345"))
    later.begin(FSETSTAT, NS(handle) + size_attrs(2))
    later.begin(WRITE_, written(handle, 2, b"abc"))
    later.begin(FSTAT, NS(handle))
    later.begin(CLOSE, NS(handle))
    later.begin(WRITE_, written(handle, 5, b"late"))
    later.workers.work()
    assert sorted((number, kind) for kind, number, _ in later.outlet.answers()) == [
        (2, 101),
        (3, 101),
        (4, 101),
        (5, 105),
        (6, 101),
        (7, 101),
    ]
    assert later.deliveries() == [(1, "a.csv", b"12abc")]


def test_a_client_may_send_all_its_writes_before_the_first_has_an_answer(later):
    """psftp does: some 250 of them, before the upload is begun."""
    later.begin(OPEN, NS(b"/a.csv") + struct.pack("!LL", WRITE | CREAT, 0))
    later.workers.work()
    ((_, _, body),) = later.outlet.answers()
    for number in range(250):
        later.begin(WRITE_, written(body[4:], number, b"x"))
    later.workers.work()
    assert [number for _, number, _ in later.outlet.answers()] == list(range(2, 252))
    later.begin(CLOSE, NS(body[4:]))
    later.workers.work()
    assert later.deliveries() == [(1, "a.csv", b"x" * 250)]


def test_a_session_that_ends_during_an_open_keeps_nothing_open(later):
    later.begin(OPEN, NS(b"/a.csv") + struct.pack("!LL", NEW, 0))
    ended = later.server.end("the connection was lost")
    assert not ended.called
    later.workers.work()
    assert ended.called
    assert [type(each) for each in later.told] == [UploadAbandoned]


def test_a_close_that_was_begun_ends_with_acceptance_though_the_connection_is_lost(later):
    later.begin(OPEN, NS(b"/a.csv") + struct.pack("!LL", NEW, 0))
    later.workers.work()
    ((_, _, body),) = later.outlet.answers()
    later.begin(WRITE_, written(body[4:], 0, b"abc"))
    later.begin(CLOSE, NS(body[4:]))
    ended = later.server.end("the connection was lost")
    later.workers.work()
    assert ended.called
    assert later.deliveries() == [(1, "a.csv", b"abc")]


def test_fsync_is_answered_and_hides_no_refusal(small):
    handle = small.open(b"/a.csv", NEW)
    small.write(handle, 0, b"abc")
    assert small.status(EXTENDED, NS(b"fsync@openssh.com") + NS(handle)) == (OK, "OK")
    small.write(handle, 3, b"0123456789")
    assert small.status(EXTENDED, NS(b"fsync@openssh.com") + NS(handle))[0] == FAILURE


def test_a_new_name_only_is_kept_to(session):
    session.put(b"/a.csv", b"one")
    there = (FAILURE, "There is a file of this name already.")
    assert failed_open(session, b"/a.csv", WRITE | CREAT | EXCL) == there
    assert failed_open(session, b"/a.csv", NEW | EXCL) == there
    session.close(session.open(b"/b.csv", NEW | EXCL))
    assert sizes(session) == [("a.csv", 3), ("b.csv", 0)]


@pytest.mark.parametrize(
    "name, flags, answer",
    [
        (b"/none.csv", WRITE, (NO_SUCH_FILE, "There is no such file.")),
        (b"/none.csv", WRITE | TRUNC, (NO_SUCH_FILE, "There is no such file.")),
        (b"/none.csv", READ, (NO_SUCH_FILE, "There is no such file.")),
        (b"/", NEW, (FAILURE, "This is the root folder.")),
        (b"/", READ, (NO_SUCH_FILE, "There is no such file. That is the root folder.")),
        (b"/a.csv", 0, (FAILURE, "Open a file for reading or for writing.")),
        (
            b"/sub/a.csv",
            NEW,
            (NO_SUCH_FILE, "There are no folders here. Put the file into the root folder."),
        ),
        (b"/a\nb.csv", NEW, (DENIED, "This file name cannot be used: it has control characters in it.")),
        (
            b"/../../etc/passwd",
            NEW,
            (NO_SUCH_FILE, "There are no folders here. Put the file into the root folder."),
        ),
    ],
)
def test_what_cannot_be_opened(session, name, flags, answer):
    assert failed_open(session, name, flags) == answer


def test_a_file_that_was_sent_cannot_be_changed_in_the_middle(session):
    session.put(b"/a.csv", b"one")
    assert failed_open(session, b"/a.csv", READ | WRITE) == (
        DENIED,
        "Files that were sent cannot be changed. Send the whole file.",
    )


# Temporary names.


@pytest.mark.parametrize(
    "rename",
    [
        lambda old, new: (RENAME, NS(old) + NS(new)),
        lambda old, new: (EXTENDED, NS(b"posix-rename@openssh.com") + NS(old) + NS(new)),
    ],
)
def test_the_rename_of_a_temporary_name_is_acceptance(session, rename):
    session.put(b"/a.csv.part", b"abc")
    assert session.deliveries() == []
    assert session.status(*rename(b"/a.csv.part", b"/a.csv")) == (OK, "OK")
    assert session.deliveries() == [(1, "a.csv", b"abc")]
    assert [type(each) for each in session.told] == [UploadKept, DeliveryAccepted]


def test_any_other_rename_is_refused_with_what_to_do(session):
    session.put(b"/a.csv", b"abc")
    assert session.status(RENAME, NS(b"/a.csv") + NS(b"/b.csv")) == (
        DENIED,
        "Files that were sent cannot be renamed. To correct data, send a file with the same transaction IDs.",
    )
    assert sizes(session) == [("a.csv", 3)]


def test_a_file_can_be_removed_only_as_part_of_replacing_it(session):
    session.put(b"/a.csv", b"abc")
    assert session.status(REMOVE, NS(b"/a.csv")) == (
        DENIED,
        "Files that were sent cannot be deleted. To correct data, send a file with the same transaction IDs.",
    )
    session.put(b"/a.csv.filepart", b"abcd")
    assert session.status(REMOVE, NS(b"/a.csv")) == (OK, "OK")
    assert sizes(session) == [("a.csv", 3), ("a.csv.filepart", 4)]


# Reading.


def test_what_was_sent_can_be_read(session):
    session.put(b"/a.csv", b"0123456789")
    handle = session.open(b"/a.csv", READ)
    assert session.read(handle, 0, 4) == (103, NS(b"0123"))
    assert session.read(handle, 8, 100) == (103, NS(b"89"))
    assert session.status(READ_, NS(handle) + struct.pack("!QL", 10, 1)) == (EOF, "End of file.")
    assert session.status(READ_, NS(handle) + struct.pack("!QL", 1 << 63, 1)) == (EOF, "End of file.")
    assert session.status(READ_, NS(handle) + struct.pack("!QL", (1 << 64) - 1, 1)) == (EOF, "End of file.")
    assert session.close(handle) == (OK, "OK")


def test_a_read_is_never_longer_than_a_packet(session):
    session.put(b"/a.csv", bytes(250_000))
    session.put(b"/b.csv", bytes(250_000))
    handle = session.open(b"/c.csv", NEW)
    for offset in range(0, 600_000, 200_000):
        session.write(handle, offset, bytes(200_000))
    session.close(handle)
    kind, body = session.read(session.open(b"/c.csv", READ), 0, 0xFFFFFFFF)
    assert (kind, len(body)) == (103, 4 + 261_120)


def test_a_handle_is_for_reading_or_for_writing(session):
    session.put(b"/a.csv", b"abc")
    reading, writing = session.open(b"/a.csv", READ), session.open(b"/b.csv", NEW)
    _, folder = session.ask(OPENDIR, NS(b"/"))
    assert session.write(reading, 0, b"x") == (FAILURE, "This handle is not open for writing.")
    read = NS(writing) + struct.pack("!QL", 0, 1)
    assert session.status(READ_, read) == (FAILURE, "This handle is not open for reading.")
    assert session.status(READDIR, NS(reading)) == (FAILURE, "This handle is not a folder.")
    assert session.status(FSETSTAT, folder + size_attrs(0)) == (OK, "OK")


def test_a_read_that_waits_and_a_close_behind_it_take_turns(later):
    """Else the read could meet another file under the number of one that was closed."""
    later.begin(OPEN, NS(b"/a.csv") + struct.pack("!LL", NEW, 0))
    later.workers.work()
    handle = later.outlet.answers()[0][2][4:]
    later.begin(WRITE_, written(handle, 0, b"abc"))
    later.begin(CLOSE, NS(handle))
    later.workers.work()
    later.outlet.answers()
    later.begin(OPEN, NS(b"/a.csv") + struct.pack("!LL", READ, 0))
    later.workers.work()
    handle = later.outlet.answers()[0][2][4:]
    later.begin(READ_, NS(handle) + struct.pack("!QL", 0, 9))
    later.begin(CLOSE, NS(handle))
    assert len(later.workers.waiting) == 1
    later.workers.work()
    assert later.outlet.answers() == [
        (103, 5, NS(b"abc")),
        (101, 6, struct.pack("!L", OK) + NS(b"OK") + NS(b"")),
    ]


# The root folder.


def test_realpath_stays_in_the_root_folder(session):
    asked = [b".", b"", b"/", b"a.csv", b"/a.csv", b"/x/../a.csv", b"../../a.csv"]
    answers = [session.ask(REALPATH, NS(each)) for each in asked]
    names = [b"/", b"/", b"/", b"/a.csv", b"/a.csv", b"/a.csv", b"/a.csv"]
    assert answers == [(104, struct.pack("!L", 1) + NS(each) + NS(b"") + bytes(4)) for each in names]


def test_the_listing_has_exactly_what_was_sent(session):
    session.put("/ümlaut 1.csv".encode(), b"abc")
    _, handle = session.ask(OPENDIR, NS(b"."))
    kind, body = session.ask(READDIR, handle)
    entry = session.spool.entry("acme", "ümlaut 1.csv")
    line = listed(entry, "acme", datetime.now(UTC))
    assert (kind, body) == (
        104,
        struct.pack("!L", 1)
        + NS("ümlaut 1.csv".encode())
        + NS(line.encode())
        + struct.pack("!LQLLL", 0x0D, 3, 0o100640, entry.modified_at, entry.modified_at),
    )
    assert session.status(READDIR, handle) == (EOF, "End of file.")
    assert session.status(CLOSE, handle) == (OK, "OK")


def test_a_name_that_is_no_utf_8_is_read_as_windows_1252_and_told_as_utf_8(session):
    session.put(b"/K\xf6ln.csv", b"abc")
    assert sizes(session) == [("Köln.csv", 3)]


def test_a_long_listing_comes_in_pages(session):
    for number in range(201):
        envelope = Envelope("acme", Channel.SFTP, f"{number:03}", 3, "", "", NOW)
        session.spool.roots.put(Delivery(number + 1, envelope))
    _, handle = session.ask(OPENDIR, NS(b"/"))
    pages = []
    while (answer := session.ask(READDIR, handle))[0] == 104:
        pages.append(struct.unpack_from("!L", answer[1])[0])
    assert pages == [100, 100, 1]


def test_pages_are_read_by_workers_one_at_a_time(later):
    """The reactor thread has other sessions to see to, however many pages a client asks for at once."""
    for number in range(101):
        envelope = Envelope("acme", Channel.SFTP, f"{number:03}", 3, "", "", NOW)
        later.spool.roots.put(Delivery(number + 1, envelope))
    later.begin(OPENDIR, NS(b"/"))
    later.workers.work()
    ((_, _, handle),) = later.outlet.answers()
    for _ in range(3):
        later.begin(READDIR, handle)
    assert (len(later.workers.waiting), later.outlet.answers()) == (1, [])
    later.workers.work()
    first, second, end = later.outlet.answers()
    assert [struct.unpack_from("!L", each[2])[0] for each in (first, second)] == [100, 1]
    assert end == (101, 4, struct.pack("!L", EOF) + NS(b"End of file.") + NS(b""))


def test_a_file_is_no_folder(session):
    session.put(b"/a.csv", b"abc")
    assert session.status(OPENDIR, NS(b"/a.csv")) == (FAILURE, "This is a file, not a folder.")
    assert session.status(OPENDIR, NS(b"/b.csv")) == (NO_SUCH_FILE, "There is no such file.")


NOW = datetime(2026, 7, 14, 17, 2, 38, tzinfo=UTC)


@pytest.mark.parametrize(
    "modified_at, line",
    [
        (1784048558, "-rw-r-----    1 acme     acme            12345 Jul 14 17:02 a.csv"),
        (1772323200, "-rw-r-----    1 acme     acme            12345 Mar  1 00:00 a.csv"),
        (1767225600, "-rw-r-----    1 acme     acme            12345 Jan  1  2026 a.csv"),
        (1893456000, "-rw-r-----    1 acme     acme            12345 Jan  1  2030 a.csv"),
    ],
)
def test_the_line_of_a_listing_is_that_of_ls(modified_at, line):
    assert listed(Entry("a.csv", 12345, modified_at, 1), "acme", NOW) == line


def test_stat_tells_size_and_time_also_of_what_is_not_complete(session):
    session.put(b"/a.csv", b"abc")
    handle = session.open(b"/b.csv", NEW)
    session.write(handle, 0, b"12345")
    there = session.spool.entry("acme", "a.csv").modified_at
    for kind in (STAT, LSTAT):
        assert session.ask(kind, NS(b"/a.csv")) == (105, struct.pack("!LQLLL", 13, 3, 0o100640, there, there))
    assert session.ask(STAT, NS(b"/b.csv"))[1][:16] == struct.pack("!LQL", 13, 5, 0o100640)
    assert session.ask(FSTAT, NS(handle)) == (105, struct.pack("!LQL", 5, 5, 0o100640))
    assert session.ask(STAT, NS(b"/")) == (105, struct.pack("!LL", 4, 0o040750))
    assert session.status(STAT, NS(b"/c.csv")) == (NO_SUCH_FILE, "There is no such file.")


def test_fstat_of_a_file_that_is_not_written_yet_tells_what_is_there(session):
    session.put(b"/a.csv", b"abc")
    there = session.spool.entry("acme", "a.csv").modified_at
    old, new = session.open(b"/a.csv", WRITE | CREAT), session.open(b"/b.csv", WRITE | CREAT)
    assert session.ask(FSTAT, NS(old)) == (105, struct.pack("!LQLLL", 13, 3, 0o100640, there, there))
    assert session.ask(FSTAT, NS(new)) == (105, struct.pack("!LQL", 5, 0, 0o100640))


def test_fstat_of_a_file_that_is_read_tells_its_size(session):
    session.put(b"/a.csv", b"abc")
    kind, body = session.ask(FSTAT, NS(session.open(b"/a.csv", READ)))
    assert (kind, body[:16]) == (105, struct.pack("!LQL", 13, 3, 0o100640))


def test_modes_and_times_are_taken_and_change_nothing(session):
    session.put(b"/a.csv", b"abc")
    before = session.ask(STAT, NS(b"/a.csv"))
    mode_and_times = struct.pack("!LLLL", 12, 0o104777, 1, 1)
    assert session.status(SETSTAT, NS(b"/a.csv") + mode_and_times) == (OK, "OK")
    assert session.status(SETSTAT, NS(b"/a.csv") + size_attrs(3)) == (OK, "OK")
    assert session.ask(STAT, NS(b"/a.csv")) == before
    assert session.status(SETSTAT, NS(b"/b.csv") + mode_and_times) == (NO_SUCH_FILE, "There is no such file.")
    assert session.status(SETSTAT, NS(b"/a.csv") + size_attrs(2)) == (
        UNSUPPORTED,
        "The size of a file here cannot be changed.",
    )


def test_folders_and_links_are_refused_with_what_to_do(session):
    folder = (DENIED, "Folders cannot be made or removed here. Put the file into the root folder.")
    assert session.status(MKDIR, NS(b"/sub") + bytes(4)) == folder
    assert session.status(RMDIR, NS(b"/sub")) == folder
    assert session.status(SYMLINK, NS(b"/etc/passwd") + NS(b"/a.csv")) == (
        DENIED,
        "Links cannot be made here. Put the file itself into the root folder.",
    )
    session.put(b"/a.csv", b"abc")
    assert session.status(READLINK, NS(b"/a.csv")) == (FAILURE, "This is not a link.")


# What clients ought not to send.


@pytest.mark.parametrize(
    "kind, body",
    [
        (CLOSE, NS(b"none")),
        (READ_, NS(b"none") + struct.pack("!QL", 0, 1)),
        (WRITE_, written(b"none", 0, b"x")),
        (FSTAT, NS(b"none")),
        (FSETSTAT, NS(b"none") + bytes(4)),
        (READDIR, NS(b"")),
        (EXTENDED, NS(b"fsync@openssh.com") + NS(b"none")),
    ],
)
def test_a_handle_that_is_not_open_is_answered(session, kind, body):
    assert session.status(kind, body) == NO_HANDLE


@pytest.mark.parametrize(
    "kind, body", [(99, b""), (101, b"x"), (EXTENDED, NS(b"hardlink@openssh.com") + NS(b"/"))]
)
def test_a_request_that_is_not_known_is_answered(session, kind, body):
    assert session.status(kind, body) == (UNSUPPORTED, "This server does not know this request.")


@pytest.mark.parametrize("kind", [*range(3, 21), EXTENDED])
def test_a_request_that_cannot_be_read_is_answered_and_ends_the_connection(session, kind):
    text = "A packet ends in the middle of a field."
    assert session.status(kind, b"\0\0\0\x09/a") == (BAD_MESSAGE, text)
    assert session.outlet.dropped == text
    session.begin(REALPATH, NS(b"."))
    assert session.outlet.answers() == []


def test_nothing_is_accepted_after_a_write_that_cannot_be_read(session):
    handle = session.open(b"/a.csv", NEW)
    cut = struct.pack("!LBL", 5 + 20, WRITE_, 7) + NS(handle) + struct.pack("!QL", 0, 999)
    session.send(cut + struct.pack("!LBL", 5 + 8, CLOSE, 8) + NS(handle))
    assert [(kind, number) for kind, number, _ in session.outlet.answers()] == [(101, 7)]
    session.server.end("the connection was lost")
    assert session.deliveries() == []


@pytest.mark.parametrize(
    "first", [struct.pack("!LBL", 5, 1, 2), struct.pack("!LBL", 5, 16, 3), struct.pack("!LBL", 5, 101, 3)]
)
def test_the_first_packet_says_version_3_or_later(session, first):
    session.server = session.connect(session.outlet)
    session.send(first)
    assert session.outlet.dropped == "An SFTP client of version 3 or later is needed."
    assert session.outlet.answers() == []


def test_the_version_is_said_once(session):
    session.send(struct.pack("!LBL", 5, 1, 3))
    assert session.outlet.dropped is not None


def test_a_defect_of_ours_is_answered_and_told(session, monkeypatch):
    async def broken(path):
        raise RuntimeError("a defect")

    monkeypatch.setattr(session.avatar, "entry", broken)
    assert session.status(STAT, NS(b"/a.csv")) == (FAILURE, "The server failed. Please try again later.")
    (fault,) = session.told
    assert isinstance(fault, Fault)
    assert (fault.where, str(fault.error)) == ("SFTP request 17", "a defect")
    assert session.ask(REALPATH, NS(b"."))[0] == 104


def test_an_upload_that_met_a_defect_is_never_accepted(session, monkeypatch):
    handle = session.open(b"/a.csv", NEW)
    session.write(handle, 0, b"abc")
    monkeypatch.setattr("dorimportd.spool.upload.Upload.write", lambda *_: 1 / 0)
    assert session.write(handle, 3, b"def") == (FAILURE, "The server failed. Please try again later.")
    monkeypatch.undo()
    assert session.close(handle)[0] == FAILURE
    assert (session.deliveries(), session.unfinished()) == ([], [("a.csv", 2)])


def test_a_hundred_files_may_be_open_and_no_more(session):
    handles = [session.open(f"/{number}".encode(), NEW) for number in range(100)]
    full = (FAILURE, "There are 100 files open already; close some first.")
    assert failed_open(session, b"/more", NEW) == full
    assert session.status(OPENDIR, NS(b"/")) == full
    session.close(handles[0])
    session.open(b"/more", NEW)


# Back-pressure.


def test_no_more_is_begun_than_there_is_room_for(later):
    """Requests that wait stay in the window of the channel, which is not given back for them."""
    stat = struct.pack("!LBL", 5 + 4 + 6, STAT, 1) + NS(b"/a.csv")
    before = later.outlet.taken_size
    later.send(stat * 1000)
    while later.clock.getDelayedCalls():
        later.clock.advance(0)
    assert len(later.workers.waiting) == (4 << 20) // (16 << 10)
    assert later.outlet.taken_size == before
    while later.workers.waiting or later.clock.getDelayedCalls():
        later.workers.work()
        later.clock.advance(0)
    assert len(later.outlet.answers()) == 1000
    assert later.outlet.taken_size == before + 1000 * len(stat)
    assert later.flow.idle


def test_nothing_is_begun_for_a_client_that_takes_nothing(session):
    session.outlet.writable = False
    session.begin(REALPATH, NS(b"."))
    assert session.outlet.answers() == []
    session.outlet.writable = True
    session.server.go_on()
    assert len(session.outlet.answers()) == 1
    session.flow.congested(True)
    session.begin(REALPATH, NS(b"."))
    assert session.outlet.answers() == []
    session.flow.congested(False)
    assert len(session.outlet.answers()) == 1


def test_many_small_requests_let_others_have_their_turn(session):
    session.send((struct.pack("!LBL", 5 + 4 + 1, REALPATH, 1) + NS(b".")) * 250)
    seen = []
    session.clock.callLater(0, lambda: seen.append(session.outlet.written))
    assert len(session.outlet.answers()) == 250
    (seen_by_others,) = seen
    session.outlet.written = seen_by_others
    assert len(session.outlet.answers()) == 100


def test_the_end_waits_until_all_that_came_is_answered(later):
    finished = []
    later.begin(STAT, NS(b"/a.csv"))
    later.server.finish().addCallback(finished.append)
    assert finished == []
    later.workers.work()
    assert (finished, len(later.outlet.answers())) == ([None], 1)


def test_a_defect_between_the_requests_is_told_and_ends_the_connection(session, monkeypatch):
    monkeypatch.setattr("dorimportd.receive.sftp.server.weight", lambda packet: 1 / 0)
    session.begin(REALPATH, NS(b"."))
    assert session.outlet.dropped == "The server failed."
    assert [each.where for each in session.told] == ["an SFTP session"]


def begun_slowly(session):
    """The handle of an upload, of which nothing has come yet."""
    session.begin(3, NS(b"/a.csv") + struct.pack("!LL", 0x1A, 0))
    session.workers.work()
    ((_, _, content),) = session.outlet.answers()
    return content[4:]


def send_a_byte(session, handle, offset):
    session.begin(6, NS(handle) + struct.pack("!Q", offset) + NS(b"x"))


def test_a_file_that_drips_ends_the_connection(hurried):
    handle = begun_slowly(hurried)
    for offset in range(2):
        assert hurried.outlet.dropped is None
        send_a_byte(hurried, handle, offset)
        hurried.workers.work()
        hurried.clock.advance(0)
        hurried.clock.advance(60)
    assert hurried.outlet.dropped == "Less than 10 bytes a second came for a minute."


def test_a_disk_that_is_slow_is_not_the_sender_s_time(hurried):
    handle = begun_slowly(hurried)
    for offset in range(5):
        send_a_byte(hurried, handle, offset)
        hurried.clock.advance(60)
        hurried.workers.work()
        hurried.clock.advance(1)
    assert hurried.outlet.dropped is None


def test_small_files_may_come_one_by_one(hurried):
    for _ in range(5):
        handle = begun_slowly(hurried)
        send_a_byte(hurried, handle, 0)
        hurried.workers.work()
        hurried.begin(4, NS(handle))
        hurried.workers.work()
        hurried.outlet.answers()
        hurried.clock.advance(60)
    assert hurried.outlet.dropped is None
    assert len(hurried.deliveries()) == 5
