"""How fast files become transactions, and what that costs others: run by hand.

    python tests/bench/imports.py                              everything; some twenty minutes
    python tests/bench/imports.py --rows 100000 everyday "line items"
    python tests/bench/imports.py --only parse --best-of 5 zones

For each layout it makes a file and measures, each in a process of its own: parsing by both lanes, the whole
import into SQLite and, where pgserver is installed, PostgreSQL, and two peers that check nothing: Python's
csv module with sqlite3, and the command sqlite3 where it is installed.  Of several runs the fastest counts.

    rows/s    rows of the file in a second; the peers read line items too, though they add nothing up
    cpu       microseconds of a processor for each row: of all figures the one that other work disturbs least
    peak      MiB that the process had at most, all of Python and Arrow among them
    after     MiB that it still has
    p50 p99 max    ms by which another thread, which wakes each millisecond, woke late

The load average is told at the begin and the end: beside other work the figures mean little.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))

from layouts import LAYOUTS, Layout
from servers import postgresql
from watch import MEBIBYTE, Cost, cost
from work import WORKS, has_shell, work_of

HEADS: Final = ("layout", "what", "rows/s", "cpu", "peak", "after", "p50", "p99", "max")
WIDTHS: Final = (14, 14, 10, 6, 6, 6, 7, 7, 7)


def main() -> None:
    said = arguments()
    print(f"load before: {load()}")
    print(line_of(HEADS))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, server(said.only) as url:
        for name in said.layouts or LAYOUTS:
            layout = LAYOUTS[name]
            file = Path(folder) / "sales.csv"
            layout.write(file, said.rows)
            for kind in kinds(said.only, url):
                print(measured(layout, kind, file, said.rows, said.best_of, url), flush=True)
    print(f"load after:  {load()}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How fast files become transactions.")
    parser.add_argument("layouts", nargs="*", metavar="LAYOUT", help=", ".join(LAYOUTS))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--best-of", type=int, default=1)
    parser.add_argument("--only", action="append", choices=WORKS)
    said = parser.parse_args()
    if unknown := set(said.layouts) - LAYOUTS.keys():
        parser.error(f"no such layout: {', '.join(sorted(unknown))}; there are {', '.join(LAYOUTS)}")
    return said


def kinds(only: list[str] | None, url: str | None) -> list[str]:
    """What is to be measured and can be here."""
    missing = {"PostgreSQL": url is None, "sqlite3 shell": not has_shell()}
    return [kind for kind in only or WORKS if not missing.get(kind)]


def measured(layout: Layout, kind: str, file: Path, rows: int, times: int, url: str | None) -> str:
    """A line of the table."""
    costs = [in_a_process(layout.name, kind, file, url) for _ in range(times)]
    best = min(costs, key=lambda each: each.seconds)
    speed = f"{layout.rows(rows) / best.seconds:,.0f}"
    processor = f"{best.processor / layout.rows(rows) * 1e6:.1f}"
    memory = (f"{size // MEBIBYTE}" for size in (best.peak, best.after))
    stalls = (f"{delay * 1000:.1f}" for delay in best.stalls)
    return line_of((layout.name, kind, speed, processor, *memory, *stalls))


def in_a_process(layout: str, kind: str, file: Path, url: str | None) -> Cost:
    """By a process that did nothing else, in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        database = fresh(url) if kind == "PostgreSQL" and url else ""
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(cost_of, (kind, layout, file, Path(folder), database))


def cost_of(kind: str, layout: str, file: Path, folder: Path, url: str) -> Cost:
    return cost(work_of(kind, layout, file, folder, url))


@contextmanager
def server(only: list[str] | None) -> Iterator[str | None]:
    """The URL of a PostgreSQL server of this run's own; None where it is not installed or not wanted."""
    wanted = not only or "PostgreSQL" in only
    if not wanted or find_spec("pgserver") is None:
        yield None
        return
    with postgresql() as own:
        yield own.get_uri()


def fresh(url: str) -> str:
    """An empty database on the server at *url*."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        connection.execute("CREATE DATABASE bench")
    return url.replace("/postgres?", "/bench?")


def load() -> str:
    """Of the last one, five and fifteen minutes."""
    return " ".join(f"{average:.1f}" for average in os.getloadavg()) + f" on {os.cpu_count()} processors"


def line_of(cells: tuple[str, ...]) -> str:
    texts, numbers = cells[:2], cells[2:]
    left = [text.ljust(width) for text, width in zip(texts, WIDTHS, strict=False)]
    right = [text.rjust(width) for text, width in zip(numbers, WIDTHS[2:], strict=True)]
    return " ".join([*left, *right])


if __name__ == "__main__":
    main()
