"""SQLite: one file, out of the box.

Write-ahead log, so that readers and the one writer do not wait for each other; synchronous=FULL, so that
what is committed survives a power cut.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, Final
from urllib.parse import unquote

from peewee import SqliteDatabase

from dorimportd.errors import StoreAway, StoreUnusable
from dorimportd.store import connect
from dorimportd.store.connect import Connected

PRAGMAS: Final = {
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "cache_size": -16 * 1024,  # KiB, for each connection
    "journal_size_limit": 64 * 2**20,  # bytes kept of a log that one long listing made grow
}
EXAMPLE: Final = "sqlite:////var/lib/dorimportd/dorimportd.db"

# Rows in one statement.  250 to 500 are as good; a statement of one row takes twice as long for each.
BATCH: Final = 400

Row = Sequence[Any]


class Connection(sqlite3.Connection):
    """The driver's own cannot be held weakly."""


class Sqlite(Connected, SqliteDatabase):
    dialect = "sqlite"
    driver_fault = sqlite3.Error

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url_shown = f"sqlite:///{path}"
        self._turn = Lock()
        self._log = path.with_name(f"{path.name}-wal")
        self._opened: tuple[int, int] | None = None  # which file it is, by device and number
        self._log_opened: tuple[int, int] | None = None  # the same of the log that belongs to it
        super().__init__(
            str(path),
            pragmas=PRAGMAS,
            # A writer takes its lock at once: one that begins as a reader may not wait for it later.
            lock_type="IMMEDIATE",
            timeout=connect.WAIT_SECONDS,
            factory=Connection,
            # A listing may be read, and all are closed, by other threads than their own.
            check_same_thread=False,
        )

    @contextmanager
    def using(self) -> Iterator[None]:
        if self._opened is not None and (self._opened != file_at(self.path) or self._log_is_lost()):
            # SQLite would go on in a file that nobody else sees.
            raise StoreAway(
                f"The database {self.path} or its log was removed or replaced while it was in use; what is "
                "there now is opened, and what it lacks is imported again from the spool."
            )
        with super().using():
            yield

    def _connect(self) -> Any:
        connection = super()._connect()
        self._log_opened = None  # the first of all connections makes a new one
        return connection

    def _log_is_lost(self) -> bool:
        there = file_at(self._log)
        if self.is_closed() or self._log_opened is None:
            self._log_opened = there
        return there != self._log_opened

    def let_go(self) -> None:
        # SQLite would take what it finds in the log for the other file's, but for one that is empty.
        replaced = file_at(self.path) not in (None, self._opened) and self.path.stat().st_size > 0
        if replaced and self._log_opened is not None and file_at(self._log) == self._log_opened:
            raise StoreUnusable(
                f"The database {self.path} was replaced while it was in use, and {self._log.name} beside it "
                "belongs to the one before; move that file away."
            )
        super().let_go()

    @contextmanager
    def turn(self) -> Iterator[None]:
        # SQLite lets those who wait for its lock sleep up to 100 ms each time they find it taken; a
        # small file would seldom get its turn beside a large one.
        if not self._turn.acquire(timeout=connect.WAIT_SECONDS):
            raise StoreAway(f"The database {self.url_shown} is busy with another import.")
        try:
            yield
        finally:
            self._turn.release()

    def rollback(self) -> None:
        # After a full disk SQLite has rolled back itself, and a second one would be the error that is told.
        if self.connection().in_transaction:  # type: ignore[no-untyped-call]
            super().rollback()

    def use_write_ahead_log(self) -> None:
        """Mark the file so, for good.

        Two processes that make the same new file meet at a lock for which SQLite does not wait.
        """
        deadline = time.monotonic() + connect.WAIT_SECONDS
        while True:
            try:
                with self.using():
                    mode = self.pragma("journal_mode", "WAL")
                break
            except StoreAway:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self._opened = file_at(self.path)
        if mode != "wal":
            raise StoreUnusable(f"{self.path} is on a file system without locks; put it on a local disk.")

    def load(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {marks(len(batch), len(columns))}"
            self.sql(statement, list(chain.from_iterable(batch)))

    def lock_schema(self) -> None:
        """Nothing to do: a database transaction that writes is the only one."""

    def back_up(self, name: str) -> None:
        """Keep a copy beside the file; one of that name is replaced.

        Raises StoreUnusable when it cannot be written.
        """
        copy = self.path.with_name(f"{self.path.name}.{name}")
        unfinished = self.path.with_name(f"{copy.name}.{os.getpid()}.part")
        try:
            unfinished.unlink(missing_ok=True)
            self.copy_to(unfinished)
            unfinished.replace(copy)
            sync(copy.parent)
        except (OSError, StoreAway) as fault:
            raise StoreUnusable(
                f"The database {self.url_shown} is as it was, since it could not be copied to {copy} "
                f"before its schema changes: {fault}. Make room there, then start again."
            ) from fault
        finally:
            unfinished.unlink(missing_ok=True)

    def copy_to(self, path: Path) -> bool:
        with self.using():
            self.sql("VACUUM INTO ?", [str(path)])
        sync(path)
        return True

    def is_passing(self, fault: Exception) -> bool:
        # Locked, disk full, I/O error, too many open files; but SQLITE_ERROR is about our SQL.
        return isinstance(fault, sqlite3.OperationalError) and code_of(fault) != sqlite3.SQLITE_ERROR

    def is_permanent(self, fault: Exception) -> bool:
        return code_of(fault) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

    def _rows(self, connection: Any, statement: str, params: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        yield from connection.execute(statement, params)


def sync(path: Path) -> None:
    """Have a file, or the entries of a folder, on the disk on return."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_at(path: Path) -> tuple[int, int] | None:
    """Which file *path* is now, by device and number; None when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def code_of(fault: Exception) -> int:
    """SQLite's result code without the details in its higher bytes."""
    return getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


@cache
def marks(rows: int, columns: int) -> str:
    """The place holders of *rows* rows: "(?, ?), (?, ?)"."""
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


def open_sqlite(url: str) -> Sqlite:
    """The database of *url*, whose file is made when it is not there.

    Raises StoreUnusable for a URL or path that cannot be one, StoreAway when the file is locked.
    """
    database = Sqlite(read_path(url))
    database.use_write_ahead_log()
    return database


def read_path(url: str) -> Path:
    """The file of *url*: three slashes and a relative path, or three and an absolute one."""
    name = unquote(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///") or not name or "?" in name or "\0" in name:
        raise StoreUnusable(f"The database URL {url!r} names no file; write it like {EXAMPLE}")
    if name.startswith(":"):
        raise StoreUnusable(f"A database in memory would be lost; write its URL like {EXAMPLE}")
    path = Path(name).absolute()
    if path.is_dir():
        raise StoreUnusable(f"The database {path} is a folder; the URL must name a file in it.")
    if not path.parent.is_dir():
        raise StoreUnusable(f"The folder {path.parent} of the database does not exist; make it first.")
    if not all(os.access(each, os.W_OK) for each in (path, path.parent) if each.exists()):
        raise StoreUnusable(f"The database {path} and its folder must be writable for this user.")
    return path
