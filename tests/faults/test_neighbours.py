"""One customer's file does not hurt another's: files at which the process dies, and large ones."""

from __future__ import annotations

import ftplib
import io
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from appliance import BIN, PASSWORD, SALES, SOLD, Appliance

from dorimportd.config.read import read_settings
from dorimportd.store.store import open_store
from dorimportd.words import State

pytestmark = pytest.mark.timeout(600)

ROWS = 300_000
TINY_FILES = 30
SESSIONS = 3
LATEST_SECONDS = 60  # two on a machine that does nothing else: tests/bench/neighbours.py
POISON = "poison.csv"
NEIGHBOURS = ("beta", "gamma")


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def appliance(request, tmp_path):
    """A daemon with three customers, not started yet."""
    url = "sqlite:///dorimportd.db"
    if request.param == "PostgreSQL":
        url = request.getfixturevalue("postgresql_url")()
    appliance = Appliance(tmp_path / "appliance", url)
    for name in NEIGHBOURS:
        words = (
            "--timezone",
            "Europe/Berlin",
            "--currency",
            "EUR",
            "--format",
            "plain",
            "--password-file",
            "-",
        )
        appliance.run_ctl("customer", "add", name, *words, stdin=PASSWORD + "\n")
    yield appliance
    if appliance.daemon is not None:
        appliance.stop()


def run(appliance: Appliance, outcomes: int, most_deaths: int = 6) -> int:
    """Run the daemon, and again when it dies as systemd would, until so many deliveries have their outcome.

    How often it died.
    """
    deaths = 0
    store = open_store(read_settings(appliance.config).database_url)
    try:
        while True:
            if appliance.daemon is None or appliance.daemon.poll() is not None:
                deaths += appliance.daemon is not None
                assert deaths <= most_deaths, appliance.log_text()
                begin_to_run(appliance)
            queue = store.queue()
            if queue[State.IMPORTED] + queue[State.HELD] == outcomes:
                return deaths
            time.sleep(0.05)
    finally:
        store.close()


def begin_to_run(appliance: Appliance) -> None:
    with appliance.log.open("ab") as log:
        command = [BIN / "dorimportd", "run", "--config", appliance.config]
        appliance.daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)


def put(appliance: Appliance, customer: str, name: str, content: bytes) -> None:
    """Have it accepted, whether the daemon runs or not."""
    file = appliance.folder / name
    file.write_bytes(content)
    appliance.run_ctl("import", file, "--customer", customer)


def put_poison_among_others(appliance: Appliance) -> None:
    put(appliance, "acme", POISON, SALES)
    put(appliance, "acme", "later.csv", SALES)
    for name in NEIGHBOURS:
        put(appliance, name, f"{name}.csv", SALES)


def states(appliance: Appliance) -> dict[str, str]:
    return {each["name"]: each["state"] for each in appliance.deliveries()}


ALL_BUT_THE_POISON = {
    POISON: "held",
    "later.csv": "imported",
    "beta.csv": "imported",
    "gamma.csv": "imported",
}


@pytest.mark.parametrize("action", ["segv", "kill"])
def test_a_file_at_which_the_process_dies_is_held_and_all_others_are_imported(appliance, monkeypatch, action):
    monkeypatch.setenv("DORIMPORTD_FAULT", f"import.reading@{POISON}:{action}")
    put_poison_among_others(appliance)
    assert run(appliance, outcomes=4) == 3
    assert states(appliance) == ALL_BUT_THE_POISON
    (held,) = [each for each in appliance.deliveries() if each["name"] == POISON]
    assert held["reason"] == (
        "dorimportd died 3 times while it imported this file; see its log for the cause, then "
        "`dorimportctl delivery retry 1` tries it again."
    )
    assert [appliance.transactions(name) for name in NEIGHBOURS] == [SOLD, SOLD]
    appliance.await_line("delivery 1 held: dorimportd died 3 times")
    assert list((appliance.folder / "state" / "spool" / "importing").iterdir()) == []


def test_a_retry_of_a_file_at_which_the_process_died_starts_the_count_anew(appliance, monkeypatch):
    monkeypatch.setenv("DORIMPORTD_FAULT", f"import.reading@{POISON}:segv")
    put(appliance, "acme", POISON, SALES)
    assert run(appliance, outcomes=1) == 3
    appliance.stop()
    appliance.run_ctl("delivery", "retry", "1")
    assert run(appliance, outcomes=1) == 3
    appliance.stop()
    monkeypatch.delenv("DORIMPORTD_FAULT")
    appliance.run_ctl("delivery", "retry", "1")
    assert run(appliance, outcomes=1) == 0
    assert appliance.transactions() == SOLD


def test_a_file_that_takes_all_memory_is_held_and_the_process_lives_on(appliance, monkeypatch):
    monkeypatch.setenv("DORIMPORTD_FAULT", f"import.reading@{POISON}:memory")
    put_poison_among_others(appliance)
    assert run(appliance, outcomes=4) == 0
    assert states(appliance) == ALL_BUT_THE_POISON
    (held,) = [each for each in appliance.deliveries() if each["name"] == POISON]
    assert held["reason"] == "Importing it failed 5 times, by a fault of dorimportd: MemoryError"
    assert [appliance.transactions(name) for name in NEIGHBOURS] == [SOLD, SOLD]


def test_a_large_file_that_is_killed_again_and_again_is_not_held_while_it_makes_progress(appliance):
    put(appliance, "acme", "large.csv", large_file())
    for windows in (1, 1, 1, 2, 2, 2):
        appliance.start()
        await_windows(appliance, windows)
        appliance.kill()
    assert run(appliance, outcomes=1) == 0
    assert states(appliance) == {"large.csv": "imported"}
    assert [each["imported"] for each in appliance.deliveries()] == [ROWS]


def await_windows(appliance: Appliance, windows: int) -> None:
    """Wait until so many windows of the only delivery are in the store."""
    store = open_store(read_settings(appliance.config).database_url)
    while (row := store.delivery(1)) is None or row.windows < windows:
        time.sleep(0.01)
    store.close()


def large_file() -> bytes:
    rows = (f"0007;N-{number:07};1.50;2026-07-14 09:02:11\n" for number in range(ROWS))
    return b"Store;Receipt;Total;Time\n" + "".join(rows).encode()


def test_tiny_files_of_others_are_imported_while_a_large_one_is(appliance):
    put(appliance, "acme", "large.csv", large_file())
    appliance.start()
    port = appliance.port("ftp")

    def send(customer: str, names: list[str]) -> None:
        with ftplib.FTP() as client:
            client.connect("127.0.0.1", port, timeout=300)
            client.login(customer, PASSWORD)
            for name in names:
                content = SALES.replace(b"A-1", name.encode())
                client.storbinary(f"STOR {name}.csv", io.BytesIO(content))

    names = [f"tiny-{number}" for number in range(TINY_FILES)]
    with ThreadPoolExecutor(SESSIONS + 1) as senders:
        sent = [senders.submit(send, "beta", names[first::SESSIONS]) for first in range(SESSIONS)]
        sent.append(senders.submit(send, "gamma", ["third"]))
    assert [each.exception() for each in sent] == [None] * (SESSIONS + 1)
    appliance.settle(TINY_FILES + 2, seconds=300)
    ended = re.findall(r"delivery \d+ imported: '([a-z]+)", appliance.log_text())
    assert ended[-1] == "large"
    assert sorted(ended[:-1]) == ["third"] + ["tiny"] * TINY_FILES
    assert max(seconds_to_outcome(appliance.log_text())) < LATEST_SECONDS


def seconds_to_outcome(log: str) -> list[float]:
    """From acknowledgement to outcome, of each tiny file, by the times in the log."""
    told = r"^(\S+ \S+) delivery \d+ %s: '(tiny-\d+)\.csv'"
    (accepted, imported) = (
        {name: datetime.fromisoformat(moment) for moment, name in re.findall(told % fact, log, re.MULTILINE)}
        for fact in ("accepted", "imported")
    )
    return [(imported[name] - accepted[name]).total_seconds() for name in accepted]
