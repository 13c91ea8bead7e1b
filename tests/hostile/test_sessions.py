"""Requests and logins made to take all memory, the whole disk, or the place of somebody else."""

from __future__ import annotations

import ftplib
import os
import resource
import struct
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import paramiko
import pytest
from appliance import PASSWORD
from hostile.doors import HOST, Lines, string

CLOSE, READ, WRITE, OPEN, OPENDIR, STAT, SETSTAT, FSETSTAT = 4, 5, 6, 3, 11, 17, 9, 10
EOF, DENIED, FAILURE = 1, 3, 4
TRUNCATE, APPEND = 0x1A, 0x0E


def write(sftp, handle: bytes, offset: int, content: bytes) -> int:
    code, _ = sftp.status(WRITE, string(handle) + struct.pack("!Q", offset) + string(content))
    return code


@pytest.mark.parametrize("offset", [1 << 31, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_a_write_far_away_is_refused_and_fills_no_disk(doors, offset):
    with doors.sftp() as sftp:
        handle = sftp.open(f"far-{offset}.csv".encode())
        assert write(sftp, handle, offset, b"x") == FAILURE
        assert sftp.status(CLOSE, string(handle))[0] == FAILURE
    taken = [each.stat().st_blocks for each in (doors.spool() / "incoming").glob("*/*/*")]
    assert sum(taken) * 512 < 1 << 20


def test_reads_beyond_the_end_and_of_any_length_are_answered(doors):
    doors.put("read.csv", b"0123456789")
    with doors.sftp() as sftp:
        handle = sftp.open(b"read.csv", 1)
        asked = [(0, 1 << 32), (0, (1 << 32) - 1), (5, 1 << 31), (0, 0)]
        for offset, length in asked[1:3]:
            kind, content = sftp.ask(READ, string(handle) + struct.pack("!QL", offset, length))
            assert (kind, content) == (103, string(b"0123456789"[offset:]))
        for offset in (10, 1 << 31, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
            code, _ = sftp.status(READ, string(handle) + struct.pack("!QL", offset, 100))
            assert code in (EOF, FAILURE), offset


def test_of_ten_thousand_handles_a_hundred_are_open(doors):
    with doors.sftp() as sftp:
        for _ in range(10_000):
            sftp.send(OPEN, string(b"read.csv") + struct.pack("!LL", 1, 0))
        assert Counter(sftp.packet()[0] for _ in range(10_000)) == {102: 100, 101: 9_900}


def test_the_folder_is_open_a_few_times_only_because_each_holds_all_names(doors):
    with doors.sftp() as sftp:
        for _ in range(1_000):
            sftp.send(OPENDIR, string(b"/"))
        opened = [sftp.packet() for _ in range(1_000)]
        assert Counter(kind for kind, _ in opened) == {102: 5, 101: 995}
        (first, *_) = [handle for kind, handle in opened if kind == 102]
        assert sftp.status(CLOSE, first) == (0, "OK")
        assert sftp.ask(OPENDIR, string(b"/"))[0] == 102


def test_modes_and_times_and_owners_stay_ours(doors):
    sequence = doors.put("mode.csv", b"x")
    folder = doors.spool() / "accepted" / "000000" / f"{sequence:012}"
    before = {each.name: (each.stat().st_mode, each.stat().st_mtime_ns) for each in folder.iterdir()}
    with doors.sftp() as sftp:
        for attrs in (
            struct.pack("!LL", 4, 0o104777),
            struct.pack("!LLL", 2, 0, 0),
            struct.pack("!LLL", 8, 0, 0xFFFFFFFF),
        ):
            assert sftp.status(SETSTAT, string(b"mode.csv") + attrs) == (0, "OK")
        assert sftp.status(SETSTAT, string(b"mode.csv") + struct.pack("!LQ", 1, 0))[0] == 8
    with doors.ftp() as session:
        assert session.sendcmd("SITE CHMOD 4777 mode.csv").startswith("200")
    now = {each.name: (each.stat().st_mode, each.stat().st_mtime_ns) for each in folder.iterdir()}
    assert {name: now[name] for name in before} == before
    assert not any(mode & 0o7117 for mode, _ in now.values())


def test_a_size_that_is_said_takes_no_disk(doors):
    with doors.sftp() as sftp:
        handle = sftp.open(b"sized.csv")
        status = sftp.status(FSETSTAT, string(handle) + struct.pack("!LQ", 1, 1 << 62))
        assert status[0] in (0, FAILURE)
        taken = [each.stat().st_size for each in (doors.spool() / "incoming").glob("*/*/data")]
        assert max(taken) == 0


def test_one_name_from_two_sessions_at_once_is_never_mixed(doors):
    with doors.sftp() as first, doors.sftp() as second:
        handles = first.open(b"both.csv"), second.open(b"both.csv")
        for offset in range(0, 3_000, 1_000):
            assert write(first, handles[0], offset, b"1" * 1_000) in (0, FAILURE)
            assert write(second, handles[1], offset, b"2" * 1_000) in (0, FAILURE)
        ends = first.status(CLOSE, string(handles[0]))[0], second.status(CLOSE, string(handles[1]))[0]
    assert 0 in ends
    kept = [each.read_bytes() for each in (doors.spool() / "accepted").glob("*/*/data")]
    ours = [each for each in kept if each[:1] in (b"1", b"2")]
    assert len(ours) == ends.count(0) and set(ours) <= {b"1" * 3_000, b"2" * 3_000}


@pytest.mark.parametrize("password", [b"x" * 4_000, b"\0" * 100, b"\xff\xfe" * 100], ids=range(3))
def test_a_password_that_cannot_be_is_refused_by_ftp(doors, password):
    with doors.raw("ftp") as connection:
        lines = Lines(connection)
        lines.answer()
        assert lines.ask(b"USER acme").startswith("331 ")
        assert lines.ask(b"PASS " + password) == "530 The user name, password or key is not right.\r\n"


@pytest.mark.parametrize(
    "password", ["x" * 200_000, "\0" * 100, "\udcff\udcfe" * 50, PASSWORD + "\0"], ids=range(4)
)
def test_a_password_that_cannot_be_is_refused_by_sftp(doors, password):
    with paramiko.Transport((HOST, doors.ports["sftp"])) as transport:
        transport.start_client(timeout=60)
        with pytest.raises(paramiko.SSHException):
            transport.auth_password("acme", password.encode("utf-8", "surrogateescape"))


def test_a_login_of_a_hundred_kilobytes_is_one_that_does_not_exist(doors):
    with paramiko.Transport((HOST, doors.ports["sftp"])) as transport:
        transport.start_client(timeout=60)
        with pytest.raises(paramiko.SSHException):
            transport.auth_password("x\r\n" * 30_000, PASSWORD)
    line = [each for each in doors.appliance.log_text().splitlines() if "login refused for 'x" in each][-1]
    assert len(line) < 2_100


def test_without_a_file_descriptor_left_clients_are_refused_and_soon_served_again(doors):
    """The limit stays as low as it is: it is the others that go.

    Nothing is imported meanwhile: Twisted lets one go to turn somebody away, and complains when it is taken.
    """
    doors.outcome(doors.is_served())
    pid = doors.appliance.daemon.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")) + 20, hard))
    try:
        with ExitStack() as others:
            for channel in ("ftp", "smtp", "sftp") * 15:
                others.enter_context(doors.raw(channel))
            used = cpu_seconds(pid)
            time.sleep(3)
            assert cpu_seconds(pid) - used < 1.5, "it does not look for one without end"
        deadline = time.monotonic() + 60
        while True:
            try:
                doors.is_served()
                break
            except (OSError, EOFError, *ftplib.all_errors):
                assert time.monotonic() < deadline
                time.sleep(0.2)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def cpu_seconds(pid: int) -> float:
    """That the process has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_five_hundred_connections_that_say_nothing_leave_room_for_others(doors):
    """Of one address as many as it may have; it may have more than that again once they are gone."""
    silent = []
    with doors.ftp() as session:
        try:
            for _ in range(150):
                for channel in ("smtp", "ftp", "sftp"):
                    silent.append(doors.raw(channel))
                    silent[-1].__enter__()
            assert session.sendcmd("NOOP").startswith("200")
        finally:
            for each in silent:
                each.__exit__(None, None, None)
    deadline = time.monotonic() + 60
    while doors.appliance.ctl("status")["sessions"] > 1:
        assert time.monotonic() < deadline
    assert len(os.listdir(f"/proc/{doors.appliance.daemon.pid}/fd")) < 100
