"""One customer's file does not hurt another's: files at which the process dies, and large ones."""

from __future__ import annotations

import ftplib
import io
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest
from appliance import BIN, PASSWORD, SALES, SOLD, Appliance

POISON = "poison.csv"
NEIGHBOURS = ("beta", "gamma")
ROWS = 300_000
TINY_FILES = 60
LATEST_SECONDS = (
    20  # two on a machine that is otherwise idle; only a file that waits for the large one's end is later
)


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
    """Run the daemon, and again when it dies as systemd would, until so many deliveries have an outcome.

    How often it died.
    """
    deaths = 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if appliance.daemon is None or appliance.daemon.poll() is not None:
            deaths += appliance.daemon is not None
            assert deaths <= most_deaths, appliance.log_text()
            with appliance.log.open("ab") as log:
                command = [BIN / "dorimportd", "run", "--config", appliance.config]
                appliance.daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        found = appliance.deliveries()
        if len(found) == outcomes and all(each["state"] in ("imported", "held") for each in found):
            return deaths
        time.sleep(0.1)
    raise AssertionError(appliance.log_text())


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
    assert "delivery 1 held: dorimportd died 3 times" in appliance.log_text()
    assert list((appliance.folder / "state" / "spool" / "importing").iterdir()) == []


def test_a_retry_of_a_file_at_which_the_process_died_starts_the_count_anew(appliance, monkeypatch):
    monkeypatch.setenv("DORIMPORTD_FAULT", f"import.reading@{POISON}:segv")
    put(appliance, "acme", POISON, SALES)
    assert run(appliance, outcomes=1) == 3
    appliance.run_ctl("delivery", "retry", "1")
    appliance.daemon.wait(60)
    assert run(appliance, outcomes=1) == 3
    monkeypatch.delenv("DORIMPORTD_FAULT")
    appliance.stop()
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
