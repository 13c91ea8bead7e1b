"""A disk that is full, failing or read-only: refused at once, nothing half, and well by itself afterwards."""

from __future__ import annotations

import hashlib
import io
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager

import pytest
from appliance import need
from faults import failing
from faults.failing import Plan

pytestmark = pytest.mark.timeout(600)

# What a client is told that may come again; OpenSSH says no more than the status.
TRY_LATER = {"sftp": r"Failure", "ftp": r"^452 ", "smtp": r"452, b'4\.3\.[01] "}
FULL = {"sftp": r"Failure", "ftp": r"^452 There is no space", "smtp": r"452, b'4\.3\.1 There is no space"}
# A full disk lets files be removed and cut.
FREEING = ("unlink", "ftruncate")
FAULTS = {
    "full": {"error": "ENOSPC", "spare": FREEING},
    "one error": {"error": "EIO", "once": True},
    "read-only": {"error": "EROFS"},
}


class Failing:
    """An appliance on a disk that fails when it is told to."""

    def __init__(self, appliance, senders):
        self.appliance = appliance
        self.senders = senders
        self.spool = appliance.folder / "state" / "spool"
        self.path = appliance.folder / "plan"
        self.acknowledged = Counter()  # name -> times
        self.attempts = Counter()
        appliance.command = [sys.executable, failing.__file__, self.path]
        appliance.start()
        senders.find_doors()

    def plan(self, thread="spool", **plan):
        Plan(str(self.spool), thread, **plan).save(self.path)

    def heal(self):
        """The calls that failed."""
        return Plan.clear(self.path)

    def send(self, channel, name):
        self.attempts[name] += 1
        told = self.senders.send(channel, name, sales(name))
        self.acknowledged[name] += not told
        return told

    def check(self):
        """Each file that was acknowledged is imported; none is there more often than it was sent."""
        rows = self._settled()
        found = Counter(each["name"] for each in rows)
        assert found >= self.acknowledged
        assert found <= self.attempts
        for each in rows:
            assert each["sha256"] == hashlib.sha256(sales(each["name"])).hexdigest()
            assert each["state"] in ("imported", "duplicate")
        expected = [(f"{name}-{number}", f"{number}.50") for name in found for number in range(3)]
        assert sorted(each[1:3] for each in self.appliance.transactions()) == sorted(expected)
        self.appliance.run_ctl("verify")

    def check_nothing_is_left(self):
        """Nothing that is of no use."""
        assert [*self.spool.glob("incoming/*/*"), *self.spool.glob("incoming/*.eml")] == []
        kept = Counter(each.suffix or each.name for each in self.spool.glob("mail/*/*/*"))
        messages = kept.pop(".eml", 0)
        kept.pop("unclaimed", 0)  # of a message that came again
        assert kept == Counter({".json": messages})

    def _settled(self):
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            rows = self.appliance.deliveries()
            there = Counter(each["name"] for each in rows) >= self.acknowledged
            if there and all(each["state"] not in ("received", "failed") for each in rows):
                return rows
            time.sleep(0.1)
        raise AssertionError(f"{rows}\n{self.appliance.log_text()[-5000:]}")


def sales(name):
    rows = [f"0007;{name}-{number};{number}.50;2026-07-14 09:02:11\n" for number in range(3)]
    return "".join(["Store;Receipt;Total;Time\n", *rows]).encode()


@pytest.fixture
def disk(appliance, senders):
    return Failing(appliance, senders)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("channel", TRY_LATER)
def test_whichever_call_fails_the_sender_is_told_and_the_next_attempt_is_right(disk, channel, fault):
    refused = 0
    assert disk.send(channel, "first.csv") == ""
    for call in range(1, 100):
        name = f"{call}.csv"
        disk.plan(call=call, **FAULTS[fault])
        told = disk.send(channel, name)
        hits = disk.heal()
        if not hits:
            break
        if told:
            refused += 1
            assert re.search(TRY_LATER[channel], told), hits
            assert disk.send(channel, name) == "", hits
    assert (told, hits) == ("", [])
    assert refused >= 12
    disk.check()
    if fault != "read-only":  # then nothing can be removed either
        disk.check_nothing_is_left()


@pytest.mark.parametrize("fault", ["full", "one error"])
def test_an_import_that_cannot_write_waits_and_goes_on_by_itself(disk, fault):
    assert disk.send("ftp", "first.csv") == ""
    disk.check()
    for call in range(1, 30):
        disk.plan("import", call=call, **FAULTS[fault])
        begin = disk.appliance.log.stat().st_size
        assert disk.send("ftp", f"{call}.csv") == ""
        disk.appliance.await_line(rf"the database is away|delivery {call + 1} imported", begin, 200)
        hits = disk.heal()
        if not hits:
            break
        disk.check()
    assert call >= 3


@pytest.mark.parametrize("plan", [{"free": 1 << 19}, {"inodes": 0}, {"inodes": 50}])
def test_no_upload_begins_below_the_floor(disk, plan):
    disk.plan(**plan)
    for channel, pattern in FULL.items():
        assert re.search(pattern, disk.send(channel, f"{channel}.csv"))
    assert disk.heal() == []
    for channel in FULL:
        assert disk.send(channel, f"{channel}.csv") == ""
    disk.check()


def test_an_upload_that_reaches_the_floor_is_refused_in_its_middle_and_gives_its_space_back(disk):
    content = sales("large.csv") + b"#" * (4 << 20)
    with disk.senders.ftp() as session:
        session.voidcmd("TYPE I")
        data = session.transfercmd("STOR large.csv")
        data.sendall(content[: 1 << 20])
        disk.plan(free=1 << 19)
        data.sendall(content[1 << 20 :])
        data.close()
        with pytest.raises(Exception, match=r"^452 There is no space"):
            session.voidresp()
        disk.heal()
        assert session.nlst() == []
        session.storbinary("STOR large.csv", io.BytesIO(content))
    (delivery,) = disk.appliance.settle(1, seconds=200)
    assert delivery["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_database_that_cannot_grow_is_away_and_imports_go_on_by_themselves(appliance, senders):
    appliance.start()
    senders.find_doors()
    _, most = resource.prlimit(appliance.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(appliance.daemon.pid, resource.RLIMIT_FSIZE, (1 << 20, most))
    rows = [f"0007;A-{number};1.00;2026-07-14 09:02:11\n" for number in range(20_000)]
    large = "".join(["Store;Receipt;Total;Time\n", *rows]).encode()
    assert len(large) < 1 << 20
    assert senders.send("ftp", "large.csv", large) == ""
    appliance.await_line("the database is away, imports wait", seconds=200)
    assert appliance.ctl("status")["database"]["state"] == "away"
    for channel, pattern in TRY_LATER.items():
        assert senders.send(channel, f"{channel}.csv", sales(channel)) == ""
        assert re.search(pattern, senders.send(channel, "too-large.csv", 2 * large))
    resource.prlimit(appliance.daemon.pid, resource.RLIMIT_FSIZE, (most, most))
    assert {(each["name"], each["state"]) for each in appliance.settle(4, seconds=200)} == {
        ("large.csv", "imported"),
        *((f"{channel}.csv", "imported") for channel in TRY_LATER),
    }
    assert len(appliance.transactions()) == 20_009
    appliance.run_ctl("verify")


CALLS = {"writing": ("pwrite64", "EIO"), "syncing": ("fdatasync", "EIO"), "full": ("pwrite64", "ENOSPC")}


@pytest.mark.parametrize("kind", CALLS)
def test_whichever_call_of_sqlite_fails_imports_wait_and_go_on_by_themselves(appliance, senders, kind):
    """Once each, in the files of the database; what follows goes well."""
    call, error = CALLS[kind]
    appliance.start()
    senders.find_doors()
    assert senders.send("ftp", "first.csv", sales("first.csv")) == ""
    appliance.settle(1, seconds=200)
    database = appliance.folder / "state" / "dorimportd.db"
    for number in range(1, 6):
        name, begin = f"{number}.csv", appliance.log.stat().st_size
        with failing_once(appliance.daemon.pid, [database, f"{database}-wal"], call, error, number) as failed:
            assert senders.send("ftp", name, sales(name)) == ""
            appliance.await_line(rf"the database is away|delivery {number + 1} imported", begin, 200)
            appliance.settle(number + 1, seconds=200)
        if not failed:
            break
    assert number >= 2
    rows = appliance.deliveries()
    assert [each["state"] for each in rows] == ["imported"] * (number + 1)
    assert len(appliance.transactions()) == 3 * (number + 1)
    appliance.run_ctl("verify")


@contextmanager
def failing_once(pid, paths, call, error, number):
    """The *number*th *call* of each thread on one of *paths* fails; yields a list of those that did."""
    failed = []
    with tempfile.NamedTemporaryFile(mode="r") as trace:
        only = [word for path in paths for word in ("-P", path)]
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}")
        words = [need("strace"), "-f", "-p", str(pid), "-o", trace.name, *only, *inject]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as tracer:
            said = tracer.stderr.readline()
            if "attached" not in said:
                pytest.skip(f"nothing can be traced here: {said}")
            yield failed
            tracer.terminate()
        failed += [line for line in trace if "INJECTED" in line]
