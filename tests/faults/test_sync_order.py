"""First it is on the disk, then it is told, then the reply leaves: as the system calls say."""

from __future__ import annotations

import io
import re

import pytest
from appliance import need
from faults.traced import CALLS, Disk, finished

from dorimportd.store.sqlite import open_sqlite

CONTENT = b"Store;Receipt;Total;Time\n0007;A-1;12.50;2026-07-14 09:02:11\n"
# What is written when an upload is acknowledged.  SFTP's reply cannot be read; the log is told before it.
TOLD = {
    "sftp": r"delivery \d+ accepted: .* by sftp",
    "ftp": r'"226 Stored as delivery \d+',
    "smtp": r'"250 2\.0\.0 Accepted as delivery \d+',
}


@pytest.fixture
def traced(appliance, senders):
    """The daemon under strace; what it did, in order."""
    trace = appliance.folder / "trace"
    options = ["-f", "-D", "-y", "-s", "120", "-e", f"trace={CALLS}", "-o", trace]
    appliance.command = [need("strace"), *options, *appliance.command]
    appliance.start()
    senders.find_doors()

    def lines(pattern):
        """Until *pattern* comes, when the daemon has ended."""
        if appliance.daemon is not None:
            appliance.stop()
        found = finished(trace.read_text(errors="replace"))
        (last,) = [number for number, line in enumerate(found) if re.search(pattern, line)]
        return found[: last + 1]

    return lines


@pytest.mark.parametrize("channel", TOLD)
def test_all_is_synced_before_an_upload_is_acknowledged(appliance, senders, traced, channel):
    assert senders.send(channel, "a.csv", CONTENT) == ""
    disk = Disk(f"{appliance.folder}/state/spool")
    for line in traced(TOLD[channel]):
        disk.see(line)
    assert disk.seen >= {"data", "envelope"}
    assert disk.unsynced() == []


def test_all_is_synced_before_an_upload_under_a_temporary_name_is_acknowledged(appliance, senders, traced):
    with senders.ftp() as session:
        session.storbinary("STOR a.csv.part", io.BytesIO(CONTENT))
    disk = Disk(f"{appliance.folder}/state/spool")
    for line in traced(r'"226 Stored until it is renamed'):
        disk.see(line)
    assert disk.seen >= {"data", "whole"}
    assert disk.unsynced(incoming=True) == []


def test_the_log_of_sqlite_is_synced_before_a_delivery_is_told_as_imported(appliance, senders, traced):
    assert senders.send("ftp", "a.csv", CONTENT) == ""
    appliance.settle(1)
    written, synced = 0, 0
    lines = traced(r"delivery 1 imported")
    for number, line in enumerate(lines):
        if re.search(r"pwrite64\(\d+<\S+/state/dorimportd\.db-wal>", line):
            written = number
        elif re.search(r"(fsync|fdatasync)\(\d+<\S+/state/dorimportd\.db-wal>.* = 0", line):
            synced = number
    assert 0 < written < synced
    assert any(re.search(r"fsync\(\d+<\S+/appliance/state>\) += 0", line) for line in lines)


def test_sqlite_syncs_each_commit(tmp_path):
    for _ in range(2):
        database = open_sqlite(f"sqlite:///{tmp_path}/dorimportd.db")
        with database.using():
            assert (database.pragma("journal_mode"), database.pragma("synchronous")) == ("wal", 2)
        database.close_all()
