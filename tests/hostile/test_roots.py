"""A customer with more files than anybody should have: a million with HOSTILE_FILES=1000000."""

from __future__ import annotations

import os
import struct
import threading
import time

import pytest
from hostile.doors import string

FILES = int(os.environ.get("HOSTILE_FILES", "20000"))
OPENDIR, READDIR, EOF = 11, 12, 1
PAUSE = 10  # seconds that another client may wait for a whole login and upload while lists are made


@pytest.fixture(scope="module")
def crowded(doors):
    """The doors, with so many files in beta's root."""
    root = doors.spool() / "roots" / "beta"
    doors.put("first.csv", b"x", login="beta")
    for number in range(FILES):
        (root / f"sales-{number:07}.csv").symlink_to("1 1 1783000000")
    return doors


class Neighbour(threading.Thread):
    """Sends one file after the other while a test goes on; `longest` is the most seconds that one took."""

    def __init__(self, doors):
        super().__init__()
        self._doors, self._over, self.longest, self.count = doors, threading.Event(), 0.0, 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()

    def run(self):
        while not self._over.is_set():
            began = time.monotonic()
            self._doors.is_served()
            self.longest = max(self.longest, time.monotonic() - began)
            self.count += 1


@pytest.mark.timeout(1800)
def test_the_list_comes_in_pages_by_sftp_and_others_are_served_meanwhile(crowded):
    with Neighbour(crowded) as neighbour, crowded.sftp("beta") as sftp:
        kind, handle = sftp.ask(OPENDIR, string(b"/"))
        assert kind == 102
        count, largest = 0, 0
        while True:
            kind, page = sftp.ask(READDIR, handle)
            if kind == 101:
                assert struct.unpack_from("!L", page)[0] == EOF
                break
            count += struct.unpack_from("!L", page)[0]
            largest = max(largest, len(page))
    assert count == FILES + 1
    assert largest < 34_000  # bytes, which every client takes
    assert neighbour.count > 0 and neighbour.longest < PAUSE


@pytest.mark.timeout(1800)
def test_the_list_comes_by_ftp_and_others_are_served_meanwhile(crowded):
    listed = []
    with Neighbour(crowded) as neighbour, crowded.ftp("beta") as session:
        session.retrlines("NLST", listed.append)
    assert len(listed) == FILES + 1 and listed == sorted(listed)
    assert neighbour.count > 0 and neighbour.longest < PAUSE


@pytest.mark.timeout(1800)
def test_files_go_in_and_out_among_so_many(crowded):
    sequence = crowded.put("among.csv", b"y", login="beta")
    content = []
    with crowded.ftp("beta") as session:
        session.retrbinary("RETR among.csv", content.append)
        assert session.size("among.csv") == 1
        found = []
        session.retrlines("NLST *among*", found.append)
    assert (b"".join(content), found) == (b"y", ["among.csv"])
    assert crowded.outcome(sequence)["state"] == "held"
