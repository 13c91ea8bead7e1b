"""Kills the daemon at random instants under load, again and again: run by hand.

    python tests/faults/long_run.py --kills 500
    python tests/faults/long_run.py --kills 500 --database postgresql --seed 7

Real clients, each a process, send a generated history of files on all three channels at once: transaction
IDs overlap, some files have rejects, some are held, some are large.  The daemon is killed (SIGKILL) and
started again at once, now and then while it starts.  A file that was not acknowledged is sent again, some of
them by going on where the last attempt broke off.

Every 25 kills it may catch up, while nothing is sent: until every delivery has its outcome, and those that
were held because the daemon died at them three times have been retried, as a person would.  At the end what
was acknowledged is compared with the spool, the store and a table that is worked out here, and `dorimportctl
verify` must find nothing.

With --database postgresql it makes a server of its own (pgserver); else the URL of an empty database.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from faults.ledger import Books
from faults.mortal import Mortal
from faults.sales import CHANNELS, CUSTOMERS, SalesFile, history
from servers import database

from dorimportd.store.deliveries import DeliveryRow
from dorimportd.words import State

CATCH_UP_EVERY: Final = 25  # kills
SENDERS: Final = 2  # for each channel
LONGEST_LIFE: Final = 3.0  # seconds, after it was ready
DEADLY: Final = "dorimportd died 3 times while it imported this file"
AT_START: Final = 0.2  # of the kills come while it starts
PATIENCE: Final = 3600  # seconds, which only a failure reaches


@dataclass(slots=True)
class Figures:
    """How it went."""

    kills: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)  # by channel
    unanswered: int = 0  # attempts
    waited: int = 0  # deliveries, when it began to catch up
    retried: int = 0
    deliveries: int = 0
    transactions: int = 0
    seconds: float = 0.0
    mistakes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        files = ", ".join(f"{self.acknowledged[channel]} {channel}" for channel in CHANNELS)
        front = f"{self.kills} kills in {self.seconds:.0f} s: acknowledged {files}"
        behind = f"{self.waited} waited, {self.retried} retried after three deaths"
        return f"{front}; {self.unanswered} attempts were not; {behind}"


class Load:
    """Sends files by several clients at once until it is told to stop."""

    def __init__(self, appliance: Mortal, seed: int) -> None:
        self.books = Books()
        self.figures = Figures()
        self._appliance = appliance
        self._files = history(seed)
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._waiting: dict[str, list[SalesFile]] = {channel: [] for channel in CHANNELS}
        self._stopping, self._giving_up = threading.Event(), threading.Event()
        self.open = threading.Event()  # the doors are
        self.faults: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._send_all, args=(channel,))
            for channel in CHANNELS
            for _ in range(SENDERS)
        ]

    def begin(self) -> None:
        for each in self._threads:
            each.start()

    def end(self) -> None:
        """Returns when each file that was begun is acknowledged."""
        self._stopping.set()
        self.open.set()
        for each in self._threads:
            each.join(PATIENCE)
        self.check()
        assert not any(each.is_alive() for each in self._threads), "something is never acknowledged"

    def give_up(self) -> None:
        """Nobody will acknowledge anything any more."""
        self._giving_up.set()
        self._stopping.set()
        self.open.set()

    def check(self) -> None:
        """Raises what a sender raised."""
        for fault in self.faults:
            raise fault

    def _send_all(self, channel: str) -> None:
        try:
            while not self._stopping.is_set():
                self._send(self._next(channel))
        except BaseException as error:  # noqa: BLE001  (told by the main thread)
            self.faults.append(error)

    def _next(self, channel: str) -> SalesFile:
        """The next file of the history for *channel*; those for others wait for theirs."""
        with self._lock:
            while not self._waiting[channel]:
                file = next(self._files)
                self._waiting[file.channel].append(file)
            return self._waiting[channel].pop(0)

    def _send(self, file: SalesFile) -> None:
        with self._lock:
            sent = self.books.entry(file)
            temporary = file.channel != "smtp" and self._chance.random() < 0.3
        resume = False
        while not sent.acknowledged and not self._giving_up.is_set():
            self.open.wait()
            sent.attempts += 1
            reply = self._appliance.send(file, temporary=temporary, resume=resume)
            with self._lock:
                sent.acknowledged += reply.acknowledged
                sent.sequences += reply.sequences
                self.figures.acknowledged[file.channel] += reply.acknowledged
                self.figures.unanswered += not reply.acknowledged
                # What cannot be gone on with is sent anew the time after.
                resume = not resume and self._chance.random() < 0.5
            if not reply.acknowledged:
                time.sleep(0.1)


def run(appliance: Mortal, kills: int, seed: int, say: Callable[[str], None] = print) -> Figures:
    """Kill *appliance*, which nobody has started yet, so many times."""
    load, began = Load(appliance, seed), time.monotonic()
    chance, figures = random.Random(seed), load.figures
    load.begin()
    try:
        while figures.kills < kills:
            live(appliance, load, chance)
            figures.kills += 1
            if figures.kills % CATCH_UP_EVERY == 0:
                appliance.revive()
                catch_up(appliance, load)
                appliance.stop()
                figures.seconds = time.monotonic() - began
                say(str(figures))
        appliance.revive()
        load.end()
        catch_up(appliance, load)
    except BaseException:
        load.give_up()
        raise
    look(appliance, load.books, figures)
    figures.seconds = time.monotonic() - began
    return figures


def live(appliance: Mortal, load: Load, chance: random.Random) -> None:
    """One life of the daemon, from its start to its kill."""
    if chance.random() < AT_START:
        appliance.spawn()
        time.sleep(chance.uniform(0, 1.5))
    else:
        appliance.revive()
        load.open.set()
        time.sleep(chance.uniform(0, LONGEST_LIFE))
        load.open.clear()
    assert appliance.daemon is not None
    assert appliance.daemon.poll() is None, appliance.log_text()
    appliance.kill()


def catch_up(appliance: Mortal, load: Load) -> None:
    """Returns when each delivery has its outcome, and the one that its file deserves."""
    load.check()
    with appliance.store() as store:
        load.figures.waited = appliance.waiting(store)
        appliance.await_all(PATIENCE)
        while deadly := [each for each in store.deliveries(state=State.HELD) if is_deadly(each)]:
            for each in deadly:
                retry(appliance, load, each)
            appliance.await_all(PATIENCE)


def is_deadly(row: DeliveryRow) -> bool:
    return (row.outcome.reason or "").startswith(DEADLY)


def retry(appliance: Mortal, load: Load, row: DeliveryRow) -> None:
    """What the log says to do with a delivery at which the daemon died so often; here it was killed."""
    sequence = row.delivery.sequence
    load.books.retried[sequence] += 1
    load.books.begun_again |= row.windows > 0
    load.figures.retried += 1
    appliance.run_ctl("delivery", "retry", str(sequence))


def look(appliance: Mortal, books: Books, figures: Figures) -> None:
    """Compare what was promised with what is there."""
    with appliance.store() as store:
        figures.mistakes = books.mistakes(appliance.state, store, appliance.log_text())
        figures.transactions = sum(store.transaction_counts().values())
    figures.deliveries = len(appliance.accepted())
    if "Traceback" in appliance.log_text():
        figures.mistakes.append("a defect is in the log")
    if found := appliance.verify(PATIENCE):
        figures.mistakes.append(f"verify: {found}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Kills dorimportd at random instants and compares what was promised."
    )
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--database", default="sqlite:///dorimportd.db", metavar="URL|postgresql")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave everything there, to look at it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, database(asked.database) as url:
        appliance = Mortal(asked.keep or Path(folder) / "appliance", url, *CUSTOMERS[1:])
        try:
            figures = run(appliance, asked.kills, asked.seed)
        finally:
            if appliance.daemon is not None:
                appliance.stop()
        print(f"{figures}\n{figures.deliveries} deliveries, {figures.transactions} transactions")
        for each in figures.mistakes[:50]:
            print(each)
        print(f"{len(figures.mistakes)} mistakes")
    return 1 if figures.mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
