"""A real daemon that is killed and started again, with what it takes to send to it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance import BIN, PASSWORD, Appliance, run_client
from faults.ledger import Books
from faults.sales import SalesFile
from faults.senders import Reply, Sender, make_key

from dorimportd.store.store import Store, open_store

SECONDS: Final = 100  # which only a failure reaches


class Mortal(Appliance):
    """An appliance whose customers have all one key: acme, and *others*."""

    def __init__(self, folder: Path, database: str, *others: str) -> None:
        super().__init__(folder, database)
        self.state = folder / "state"
        own = f"sqlite:///{self.state / 'dorimportd.db'}"
        self.database = own if database.startswith("sqlite:") else database
        self.files = folder / "files"
        self.files.mkdir()
        self.ports: dict[str, int] = {}
        self.sender = Sender(make_key(folder / "key"), self.ports)
        for name in others:
            self.run_ctl(
                *("customer", "add", name, "--timezone", "Europe/Berlin", "--currency", "EUR"),
                *("--format", "plain", "--email", name, "--password-file", "-", "--key", folder / "key.pub"),
                stdin=PASSWORD + "\n",
            )
        self.run_ctl("customer", "key", "add", "acme", folder / "key.pub")

    def spawn(self, fault: str = "") -> int:
        """Start it, made to fail; where in the log its lines begin."""
        with self.log.open("ab") as log:
            begin = self.log.stat().st_size
            self.daemon = subprocess.Popen(
                [BIN / "dorimportd", "run", "--config", self.config],
                stdin=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, "DORIMPORTD_FAULT": fault},
            )
        return begin

    def revive(self, fault: str = "") -> None:
        """Start it, made to fail; returns when it is ready."""
        begin = self.spawn(fault)
        self.await_line(r"is ready", begin, SECONDS)
        lines = self.log.read_bytes()[begin:].decode(errors="replace")
        self.ports.update(
            (each[0], int(each[1])) for each in re.findall(r"(\w+) listens on \S+ port (\d+)", lines)
        )

    def await_death(self) -> None:
        """It kills itself."""
        assert self.daemon is not None
        status = self.daemon.wait(SECONDS)
        self.daemon = None
        assert status == -signal.SIGKILL, self.log_text()

    def send(self, file: SalesFile, *customers: str, temporary: bool = False, resume: bool = False) -> Reply:
        path = self.files / file.name
        path.write_bytes(file.content)
        try:
            to = customers or (file.customer,)
            return self.sender.send(path, file.channel, *to, temporary=temporary, resume=resume)
        finally:
            path.unlink()

    def accepted(self) -> list[str]:
        """The folders of all deliveries."""
        return sorted(each.name for each in self.state.glob("spool/accepted/*/[0-9]*"))

    def verify(self, seconds: float = SECONDS) -> str:
        """What `dorimportctl verify` found wrong; it reads every file again."""
        words = (BIN / "dorimportctl", "--config", self.config, "verify")
        done = run_client(*words, seconds=seconds)
        return "" if done.returncode == 0 else (done.stdout + done.stderr).decode()

    @contextmanager
    def store(self) -> Iterator[Store]:
        store = open_store(self.database)
        try:
            yield store
        finally:
            store.close()

    def await_all(self, seconds: float = SECONDS) -> None:
        """Returns when every delivery has its outcome."""
        deadline = time.monotonic() + seconds
        with self.store() as store:
            while waiting := self.waiting(store):
                assert time.monotonic() < deadline, (waiting, self.log_text())
                time.sleep(min(0.05 + waiting / 1000, 1))

    def waiting(self, store: Store) -> int:
        """How many deliveries have no outcome yet."""
        queue = store.queue()
        known = sum(number for state, number in queue.items() if not state.final)
        return known or len(self.accepted()) - sum(queue.values())


def check(mortal: Mortal, books: Books) -> None:
    """All is as it must be."""
    mortal.await_all()
    with mortal.store() as store:
        assert books.mistakes(mortal.state, store, mortal.log_text()) == []
    assert mortal.verify() == ""
