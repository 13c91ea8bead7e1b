"""How late the event loop is while a large file is imported and a hundred clients upload: run by hand.

    python tests/bench/event_loop.py
    python tests/bench/event_loop.py --rows 5000000 --clients 200 --seconds 120
    python tests/bench/event_loop.py --database postgresql     on a server of its own, by pgserver

The real daemon imports the large file; meanwhile each client sends one small file after the other by FTP,
with a pause between them, until the import has ended or the seconds are over.  What `dorimportctl status`
then says is printed; p99 is to be below 50 ms.  Beside other work the figures mean little.
"""

from __future__ import annotations

import argparse
import ftplib
import io
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))

from appliance import PASSWORD, Appliance
from layouts import LAYOUTS
from neighbours import furnished, load, tiny
from servers import database

PAUSE_SECONDS: Final = 2.0  # of a client between two files
NUMBERS: Final = 1_000_000  # of the files of one client


def main() -> None:
    said = arguments()
    print(f"load before: {load()}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, database(said.database) as url:
        appliance = furnished(Path(folder), url)
        with appliance.config.open("a") as config:
            config.write(f"sessions_per_address = {said.clients + 10}\n")
            config.write(f"sessions_per_customer = {said.clients + 10}\n")
        large = Path(folder) / "large.csv"
        LAYOUTS["everyday"].write(large, said.rows)
        appliance.start()
        try:
            measure(appliance, large, said.clients, said.seconds)
        finally:
            appliance.end()
    print(f"load after:  {load()}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How late the event loop is under load.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the large file")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=240, help="at most; the figures are of five minutes")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    return parser.parse_args()


def measure(appliance: Appliance, large: Path, clients: int, seconds: float) -> None:
    port = appliance.port("ftp")
    appliance.run_ctl("import", large, "--customer", "acme")
    deadline = time.monotonic() + seconds

    def goes_on() -> bool:
        return time.monotonic() < deadline and "imported: 'large.csv'" not in appliance.log_text()

    def send(client: int) -> int:
        with ftplib.FTP() as session:
            session.connect("127.0.0.1", port, timeout=600)
            session.login("tiny", PASSWORD)
            sent = 0
            while goes_on():
                name, content = tiny(client * NUMBERS + sent)
                session.storbinary(f"STOR {name}", io.BytesIO(content))
                sent += 1
                time.sleep(PAUSE_SECONDS)
            return sent

    with ThreadPoolExecutor(clients) as pool:
        sent = sum(pool.map(send, range(clients)))
    status = appliance.ctl("status")
    print(f"{clients} clients sent {sent} files; waiting: {status['queue']['waiting']}")
    print(f"event loop: {status['event_loop']}")


if __name__ == "__main__":
    main()
