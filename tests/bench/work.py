"""What is measured: parsing, an import as the daemon does it, and the same by others."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from layouts import LAYOUTS, Layout

from dorimportd.parse.batch import Defaults
from dorimportd.parse.convert import Converter
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.pipeline.importer import Importer, Plan
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.store.store import open_store
from dorimportd.words import Channel, State

DEFAULTS: Final = Defaults("Europe/Berlin", "EUR")
PIECE_BYTES: Final = 2**20
BATCH: Final = 10_000  # rows

Work = Callable[[], object]

TABLE: Final = """
    CREATE TABLE sale (
        transaction_id TEXT PRIMARY KEY, location TEXT, total TEXT, occurred_at TEXT, line INTEGER
    ) WITHOUT ROWID
"""
UPSERT: Final = """
    ON CONFLICT (transaction_id) DO UPDATE SET
        location = excluded.location, total = excluded.total,
        occurred_at = excluded.occurred_at, line = excluded.line
"""


def parsing(layout: Layout, file: Path, folder: Path, url: str) -> Work:
    """Read *file*, and keep nothing of it."""

    def work() -> None:
        with file.open("rb") as stream:
            for _ in read(stream, parse_format(layout.format, "bench.toml"), DEFAULTS, file.name):
                pass

    return work


def parsing_row_by_row(layout: Layout, file: Path, folder: Path, url: str) -> Work:
    """The same by the reference lane alone."""
    Converter.is_quick = False  # type: ignore[assignment, method-assign]
    return parsing(layout, file, folder, url)


def importing(layout: Layout, file: Path, folder: Path, url: str) -> Work:
    """Import *file* from a spool in *folder* into the store at *url*, or one in *folder*."""
    spool = Spool(folder / "spool", room=Room(1 << 40, 0))
    store = open_store(url or f"sqlite:///{folder}/dorimportd.db")
    format = parse_format(layout.format, "bench.toml")
    importer = Importer(spool, store, lambda envelope: Plan("bench@0", format, DEFAULTS))
    upload = spool.begin("bench", file.name, channel=Channel.LOCAL, peer="")
    with file.open("rb") as stream:
        offset = 0
        while piece := stream.read(PIECE_BYTES):
            upload.write(offset, piece)
            offset += len(piece)
    delivery = spool.accept(upload)
    store.register([delivery])

    def work() -> None:
        _, outcome = importer.import_delivery(delivery.sequence)
        if outcome.state != State.IMPORTED or outcome.counts.rejected:
            raise RuntimeError(f"the file did not import: {outcome}")

    return work


def plain_sqlite(layout: Layout, file: Path, folder: Path, url: str) -> Work:
    """The csv module and executemany: texts as they are, nothing checked."""

    def rows(reader: Iterator[list[str]]) -> Iterator[Sequence[object]]:
        for line, row in enumerate(reader, 2):
            yield row[1], row[0], row[2], row[3], line

    def work() -> None:
        database = sqlite3.connect(folder / "peer.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(TABLE)
        with file.open(encoding="utf-8", newline="") as text:
            reader = csv.reader(text)
            next(reader)
            found = rows(reader)
            database.execute("BEGIN")
            while batch := list(islice(found, BATCH)):
                database.executemany(f"INSERT INTO sale VALUES (?, ?, ?, ?, ?) {UPSERT}", batch)
            database.execute("COMMIT")
        database.close()

    return work


def sqlite_shell(layout: Layout, file: Path, folder: Path, url: str) -> Work:
    """sqlite3's own .import into a table of texts, and one statement from there."""
    script = f"""
PRAGMA journal_mode = WAL;
{TABLE};
CREATE TEMPORARY TABLE came ({", ".join(f'"{name}" TEXT' for name in layout.header.split(","))});
.mode csv
.import --skip 1 --schema temp {file} came
INSERT INTO sale SELECT "No", "Store", "Total", "Time", rowid + 1 FROM came WHERE 1 {UPSERT};
"""

    def work() -> None:
        command = ["sqlite3", "-bail", str(folder / "peer.db")]
        subprocess.run(command, input=script.encode(), check=True, stdout=subprocess.DEVNULL)

    return work


WORKS: Final[dict[str, Callable[[Layout, Path, Path, str], Work]]] = {
    "parse": parsing,
    "parse by rows": parsing_row_by_row,
    "SQLite": importing,
    "PostgreSQL": importing,
    "csv+sqlite3": plain_sqlite,
    "sqlite3 shell": sqlite_shell,
}


def work_of(kind: str, layout: str, file: Path, folder: Path, url: str) -> Work:
    """All that is to be measured is done when the result is called, and not before."""
    return WORKS[kind](LAYOUTS[layout], file, folder, url)


def has_shell() -> bool:
    return shutil.which("sqlite3") is not None
