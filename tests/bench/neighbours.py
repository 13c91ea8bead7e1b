"""How long the tiny files of one customer wait beside a large one of another: run by hand.

    python tests/bench/neighbours.py                           five million rows, a thousand tiny files
    python tests/bench/neighbours.py --rows 300000 --files 200 --sessions 8
    python tests/bench/neighbours.py --database postgresql     on a server of its own, by pgserver

The real daemon takes the large file by FTP; as soon as it is acknowledged the tiny files come by several
sessions, each as fast as it is answered, and one of a third customer.  For each it prints the seconds from
the acknowledgement to the outcome; all are to be below two.  At the end it says how late the event loop was.
The load average is told, too: beside other work the figures mean little.
"""

from __future__ import annotations

import argparse
import ftplib
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))

from appliance import PASSWORD, Appliance
from layouts import LAYOUTS
from servers import database

LAYOUT: Final = LAYOUTS["everyday"]
TINY_ROWS: Final = 3
PIECE_BYTES: Final = 1 << 18
LOOK_SECONDS: Final = 0.02
LONGEST_SECONDS: Final = 1800
TOLD: Final = re.compile(r"delivery \d+ (?:imported|held|is a duplicate): '([^']+)'")


def main() -> None:
    said = arguments()
    print(f"load before: {load()}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, database(said.database) as url:
        appliance = furnished(Path(folder), url)
        large = Path(folder) / "large.csv"
        LAYOUT.write(large, said.rows)
        appliance.start()
        try:
            measure(appliance, large, said.files, said.sessions)
        finally:
            appliance.end()
    print(f"load after:  {load()}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How long tiny files wait beside a large one.")
    parser.add_argument("--rows", type=int, default=5_000_000, help="of the large file")
    parser.add_argument("--files", type=int, default=1000, help="tiny ones")
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    return parser.parse_args()


def load() -> str:
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


def furnished(folder: Path, url: str) -> Appliance:
    appliance = Appliance(folder / "appliance", url)
    (appliance.folder / "formats.d" / "plain.toml").write_text(LAYOUT.format)
    for name in ("tiny", "third"):
        words = ("--timezone", "Europe/Berlin", "--currency", "EUR", "--format", "plain")
        appliance.run_ctl("customer", "add", name, *words, "--password-file", "-", stdin=PASSWORD + "\n")
    return appliance


def measure(appliance: Appliance, large: Path, files: int, sessions: int) -> None:
    port = appliance.port("ftp")
    acknowledged: dict[str, float] = {}

    def send(login: str, contents: Iterator[tuple[str, bytes]]) -> None:
        with ftplib.FTP() as session:
            session.connect("127.0.0.1", port, timeout=600)
            session.login(login, PASSWORD)
            for name, content in contents:
                session.storbinary(f"STOR {name}", io.BytesIO(content), PIECE_BYTES)
                acknowledged[name] = time.monotonic()

    send("acme", iter([(large.name, large.read_bytes())]))
    with ThreadPoolExecutor(sessions + 2) as pool:
        outcomes = pool.submit(watch, appliance, files + 2)
        for first in range(sessions):
            pool.submit(send, "tiny", (tiny(number) for number in range(first, files, sessions)))
        pool.submit(send, "third", iter([("third.csv", tiny(files)[1])]))
    ended = outcomes.result()
    delays = {name: ended[name] - moment for name, moment in acknowledged.items()}
    print(f"the large file: {delays.pop(large.name):.1f} s")
    print(f"the third customer's: {delays.pop('third.csv'):.2f} s")
    tell(sorted(delays.values()))
    print(f"event loop: {appliance.ctl('status')['event_loop']}")


def tiny(number: int) -> tuple[str, bytes]:
    rows = [LAYOUT.row(100_000_000 + number * TINY_ROWS + each) for each in range(TINY_ROWS)]
    return f"tiny-{number}.csv", "\n".join([LAYOUT.header, *rows, ""]).encode()


def watch(appliance: Appliance, files: int) -> dict[str, float]:
    """When the log had the outcome of each."""
    ended: dict[str, float] = {}
    deadline = time.monotonic() + LONGEST_SECONDS
    with appliance.log.open() as log:
        while len(ended) < files and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            for name in TOLD.findall(log.read()):
                ended.setdefault(name, time.monotonic())
    return ended


def tell(delays: list[float]) -> None:
    count = len(delays)
    ranks = {percent: delays[count * percent // 100] for percent in (50, 90, 99)}
    shares = ", ".join(f"{percent} of 100 in {delay:.2f}" for percent, delay in ranks.items())
    print(f"{count} tiny files: {shares}, all in {delays[-1]:.2f} s")


if __name__ == "__main__":
    main()
