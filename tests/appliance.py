"""The real daemon in a temporary folder, and verbs: ctl, send, settle, kill."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent
PASSWORD = "correct horse battery"

MAIN_FILE = """\
hostname = "localhost"
state_directory = "state"

[sftp]
listen = ["tcp:0:interface=127.0.0.1"]

[ftp]
listen = ["tcp:0:interface=127.0.0.1"]

[smtp]
listen = ["tcp:0:interface=127.0.0.1"]
mail_domain = "sales.example"
archive_address = "archive"

[database]
url = "{database}"

[limits]
free_space = "1 MiB"
"""

FORMAT = """\
delimiter = ";"
location = "Store"
transaction_id = "Receipt"
total = "Total"
time = "Time"
"""

SALES = b"""\
Store;Receipt;Total;Time
0007;A-1;12.50;2026-07-14 09:02:11
0007;A-2;-2.50;2026-07-14 09:05:43
0012;B-1;1249.00;2026-07-14 10:31:00
"""


def need(program: str) -> str:
    """The path of a client program; the test is skipped where it is missing."""
    path = shutil.which(program) or shutil.which(program, path=str(BIN))
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


class Appliance:
    """A dorimportd with the customer acme, in *folder*, on the database *database*."""

    def __init__(self, folder: Path, database: str = "sqlite:///dorimportd.db") -> None:
        self.folder = folder
        self.config = folder / "dorimportd.toml"
        self.log = folder / "log"
        self.daemon: subprocess.Popen[bytes] | None = None
        self.command: list[str | Path] = [BIN / "dorimportd"]
        for each in ("customers.d", "formats.d", "keys"):
            (folder / each).mkdir(parents=True)
        self.config.write_text(MAIN_FILE.format(database=database))
        (folder / "formats.d" / "plain.toml").write_text(FORMAT)
        self.run_ctl(
            *("customer", "add", "acme", "--timezone", "Europe/Berlin", "--currency", "EUR"),
            *("--format", "plain", "--email", "acme", "--password-file", "-"),
            stdin=PASSWORD + "\n",
        )

    # Life.

    def start(self) -> None:
        """Returns when it is ready."""
        with self.log.open("ab") as log:
            begin = self.log.stat().st_size
            self.daemon = subprocess.Popen(
                [*self.command, "run", "--config", self.config], stdin=subprocess.DEVNULL, stderr=log
            )
        self.await_line(r"is ready", begin, seconds=120)

    def stop(self) -> int:
        """Its exit status."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        status = self.daemon.wait(90)
        self.daemon = None
        return status

    def kill(self) -> None:
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()
        self.daemon = None

    def end(self) -> None:
        """After a test: nothing of ours goes on, and no defect was logged."""
        if self.daemon is not None:
            self.stop()
        assert "Traceback" not in self.log_text(), self.log_text()

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def await_line(self, pattern: str, begin: int = 0, seconds: float = 90) -> re.Match[str]:
        """Wait for a line in the log, from its byte *begin* on."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            text = self.log.read_bytes()[begin:].decode(errors="replace") if self.log.exists() else ""
            if found := re.search(pattern, text):
                return found
            if self.daemon is not None and self.daemon.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no {pattern!r} in the log:\n{self.log_text()}")

    # dorimportctl.

    def run_ctl(self, *words: str | Path, stdin: str = "", status: int = 0) -> str:
        """What it printed; *status* is the exit status that must come."""
        done = subprocess.run(
            [BIN / "dorimportctl", "--config", self.config, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def ctl(self, *words: str | Path, status: int = 0) -> Any:
        """What it printed with --json."""
        return json.loads(self.run_ctl(*words, "--json", status=status))

    def port(self, channel: str, tls: str = "") -> int:
        """Of that channel's listener; where it has several, of the one with that kind of TLS."""
        listeners = self.ctl("status")["listeners"]
        (found, *_) = [
            each["port"] for each in listeners if each["channel"] == channel and tls in ("", each["tls"])
        ]
        return int(found)

    def deliveries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ctl("deliveries")
        return found

    def settle(self, count: int, seconds: float = 120) -> list[dict[str, Any]]:
        """The deliveries, when there are *count* and each has an outcome."""
        deadline = time.monotonic() + seconds
        found: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            self.await_outcomes(count)
            found = self.deliveries()
            if len(found) >= count and all(each["state"] not in ("received", "failed") for each in found):
                assert len(found) == count, found
                return found
            time.sleep(0.05)
        raise AssertionError(f"not {count} outcomes: {found}\n{self.log_text()}")

    def await_outcomes(self, count: int, seconds: float = 2) -> None:
        """Look at the log, which costs less than a command; a daemon that was killed may owe it a line."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            outcomes = re.findall(r"delivery (\d+) (?:imported|held|is a duplicate)", self.log_text())
            if len(set(outcomes)) >= count:
                return
            time.sleep(0.02)

    def transactions(self, customer: str = "acme") -> list[tuple[str, str, str, str]]:
        """Location, ID, total and time of each."""
        return [
            (each["location"], each["transaction_id"], each["total"], each["occurred_at"])
            for each in self.ctl("transactions", "--customer", customer)
        ]


# What becomes of SALES.
SOLD = [
    ("0007", "A-1", "12.50", "2026-07-14T07:02:11Z"),
    ("0007", "A-2", "-2.50", "2026-07-14T07:05:43Z"),
    ("0012", "B-1", "1249.00", "2026-07-14T08:31:00Z"),
]


def run_client(
    *words: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None, seconds: float = 60
):
    """Run a client to its end."""
    return subprocess.run(
        list(words),
        input=stdin,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        timeout=seconds,
        check=False,
        start_new_session=True,
    )


def readable(stream: Any, seconds: float) -> bool:
    return bool(select.select([stream], [], [], seconds)[0])
