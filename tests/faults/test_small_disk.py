"""Real file systems that are full: in memory, which root may mount."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import ExitStack

import pytest
from appliance import SALES, Appliance, need
from faults.clients import Senders

pytestmark = pytest.mark.timeout(600)

FULL = {"sftp": r"Failure", "ftp": r"^452 There is no space", "smtp": r"452, b'4\.3\.1 There is no space"}


@pytest.fixture
def mount():
    """Mounts a file system in memory at a folder, with options."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    with ExitStack() as stack:

        def mount(folder, options):
            folder.mkdir()
            command = [need("mount"), "-t", "tmpfs", "-o", options, "tmpfs", folder]
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                pytest.skip("nothing can be mounted here")
            stack.callback(subprocess.run, [need("umount"), "-l", folder], check=True)

        yield mount


@pytest.fixture
def started(tmp_path):
    """An appliance that runs, and its clients; *prepare* is called with it before it starts."""
    with ExitStack() as stack:

        def started(prepare, database="sqlite:///dorimportd.db", free_space="1 MiB"):
            appliance = Appliance(tmp_path / "appliance", database)
            text = appliance.config.read_text().replace("1 MiB", free_space)
            appliance.config.write_text(text)
            prepare(appliance.folder)
            stack.callback(appliance.end)
            senders = Senders(appliance)
            appliance.start()
            senders.find_doors()
            return appliance, senders

        yield started


def fill(path, keep):
    """Make the file *path* as large as its disk, but for *keep* bytes."""
    free = os.statvfs(path.parent)
    with path.open("wb") as file:
        left = free.f_bavail * free.f_frsize - keep
        while left > 0:
            left -= file.write(bytes(min(left, 1 << 16)))


def sales(name, rows=3):
    lines = [f"0007;{name}-{number};1.00;2026-07-14 09:02:11\n" for number in range(rows)]
    return "".join(["Store;Receipt;Total;Time\n", *lines]).encode()


def all_are_well_again(appliance, senders):
    for channel in FULL:
        assert senders.send(channel, f"{channel}.csv", sales(channel)) == ""
    found = {(each["name"], each["state"]) for each in appliance.settle(3, seconds=200)}
    assert found == {(f"{channel}.csv", "imported") for channel in FULL}
    assert len(appliance.transactions()) == 9
    appliance.run_ctl("verify")
    spool = appliance.folder / "state" / "spool"
    assert [*spool.glob("incoming/*/*"), *spool.glob("incoming/*.eml")] == []


def test_the_disk_is_full_in_the_middle_of_an_upload(mount, started):
    prepare = lambda folder: mount(folder / "state", "size=8m")  # noqa: E731
    appliance, senders = started(prepare, free_space="1 KiB")
    filler = appliance.folder / "state" / "filler"
    fill(filler, keep=128 << 10)
    for channel, pattern in FULL.items():
        assert re.search(pattern, senders.send(channel, f"{channel}.csv", sales(channel, rows=8000)))
    assert appliance.deliveries() == []
    filler.unlink()
    all_are_well_again(appliance, senders)


def test_the_floor_is_met_before_the_disk_is_full(mount, started):
    prepare = lambda folder: mount(folder / "state", "size=24m")  # noqa: E731
    appliance, senders = started(prepare, free_space="12 MiB")
    for channel, pattern in FULL.items():
        assert re.search(pattern, senders.send(channel, f"{channel}.csv", sales(channel, rows=400_000)))
        free = os.statvfs(appliance.folder / "state")
        assert free.f_bavail * free.f_frsize > 10 << 20
    assert appliance.deliveries() == []
    all_are_well_again(appliance, senders)


def test_no_more_files_can_be_made(mount, started):
    prepare = lambda folder: mount(folder / "state", "size=24m,nr_inodes=400")  # noqa: E731
    appliance, senders = started(prepare)
    fillers = appliance.folder / "state" / "fillers"
    fillers.mkdir()
    with pytest.raises(OSError, match="No space left"):
        for number in range(400):
            (fillers / str(number)).touch()
    for channel, pattern in FULL.items():
        assert re.search(pattern, senders.send(channel, f"{channel}.csv", SALES))
    for each in fillers.iterdir():
        each.unlink()
    all_are_well_again(appliance, senders)


def test_the_disk_of_the_database_is_full_and_files_are_acknowledged_all_the_same(mount, started, tmp_path):
    place = tmp_path / "database"
    mount(place, "size=2m")
    appliance, senders = started(lambda folder: None, database=f"sqlite:///{place}/dorimportd.db")
    fill(place / "filler", keep=0)
    begin = appliance.log.stat().st_size
    for channel in FULL:
        assert senders.send(channel, f"{channel}.csv", sales(channel)) == ""
    appliance.await_line("the database is away, imports wait", begin, 200)
    (place / "filler").unlink()
    found = {(each["name"], each["state"]) for each in appliance.settle(3, seconds=200)}
    assert found == {(f"{channel}.csv", "imported") for channel in FULL}
    appliance.run_ctl("verify")
