"""Random input for the doors and the readers, for as long as one likes.

    python tests/hostile/fuzz.py [--minutes 60] [--seed N] [smtp|ftp|sftp|ssh|mime|csv]...

Each round is made from a number, which is told when it fails: with --seed it comes again, as the first.
A round that talks to the daemon must be answered or closed in time.  Every now and then nothing was logged
as a defect, memory has not grown, an honest file is taken, and what was acknowledged lies in the spool.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # when it is run by hand

from appliance import Appliance
from hostile import fuzz_csv, fuzz_ftp, fuzz_mime, fuzz_sftp, fuzz_smtp, fuzz_ssh
from hostile.doors import LIMITS, Doors

CHECK_SECONDS = 20  # between two looks at the daemon
GROWTH = 96 << 20  # bytes by which a daemon that was warm may still grow

Round = Callable[[random.Random], list[tuple[int, bytes]]]

ON_THE_WIRE = {"smtp": fuzz_smtp, "ftp": fuzz_ftp, "sftp": fuzz_sftp, "ssh": fuzz_ssh}
IN_PROCESS = {"mime": fuzz_mime, "csv": fuzz_csv}


class Watch:
    """What must hold of a daemon whatever was sent to it."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._acknowledged: dict[int, bytes] = {}
        self._warm: int | None = None

    def add(self, acknowledged: list[tuple[int, bytes]]) -> None:
        """Deliveries that were acknowledged: sequence and bytes."""
        for sequence, content in acknowledged:
            self._acknowledged[sequence] = hashlib.sha256(content).digest()

    def look(self) -> None:
        honest = self._doors.is_served()
        if self._warm is None:
            self._doors.outcome(honest)  # what reads files is in memory only from the first one on
        self._doors.check_sound()
        for sequence, digest in self._acknowledged.items():
            folder = self._doors.spool() / "accepted" / f"{sequence // 1000:06}" / f"{sequence:012}"
            assert hashlib.sha256((folder / "data").read_bytes()).digest() == digest, sequence
            assert json.loads((folder / "envelope").read_text())["sha256"] == digest.hex(), sequence
        self._acknowledged.clear()
        memory = self._doors.memory("VmRSS")
        self._warm = self._warm or memory
        assert memory - self._warm < GROWTH, f"grown from {self._warm >> 20} to {memory >> 20} MiB"

    def figures(self) -> str:
        return f"{(self._warm or 0) >> 20} MiB warm, {self._doors.memory('VmRSS') >> 20} MiB now"


def run(name: str, seconds: float, seed: int | None = None, doors: Doors | None = None) -> str:
    """Fuzz *name*, with the daemon behind *doors*, for so long; what was done.  Raises what broke."""
    first = seed if seed is not None else random.randrange(1 << 48)
    watch = Watch(doors) if doors is not None else None
    end, next_look, number = time.monotonic() + seconds, 0.0, 0
    while time.monotonic() < end or number == 0:
        try:
            if doors is not None and watch is not None:
                watch.add(ON_THE_WIRE[name].session(random.Random(first + number), doors))
                if time.monotonic() > next_look:
                    watch.look()
                    next_look = time.monotonic() + CHECK_SECONDS
            else:
                IN_PROCESS[name].session(random.Random(first + number))
        except BaseException:
            print(f"{name}: round {number} broke it: --seed {first + number} {name}", file=sys.stderr)
            raise
        number += 1
    if watch is not None:
        watch.look()
    return f"{name}: {number} rounds from seed {first}" + (f", {watch.figures()}" if watch else "")


def with_daemon(name: str, seconds: float, seed: int | None) -> str:
    with tempfile.TemporaryDirectory() as folder:
        appliance = Appliance(Path(folder) / "appliance")
        appliance.config.write_text(appliance.config.read_text().replace('free_space = "1 MiB"\n', LIMITS))
        appliance.start()
        try:
            done = run(name, seconds, seed, Doors(appliance))
        except BaseException:
            print(appliance.log_text()[-20_000:], file=sys.stderr)
            if appliance.daemon is not None and appliance.daemon.poll() is None:
                appliance.kill()
            raise
        appliance.end()
        return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *ON_THE_WIRE, *IN_PROCESS], metavar="NAME")
    parser.add_argument("--minutes", type=float, default=60, help="together")
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    names = asked.names or [*ON_THE_WIRE, *IN_PROCESS]
    for name in names:
        seconds = asked.minutes * 60 / len(names)
        work = with_daemon if name in ON_THE_WIRE else run
        print(work(name, seconds, asked.seed), flush=True)


if __name__ == "__main__":
    main()
