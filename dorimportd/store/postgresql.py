"""PostgreSQL: for those who outgrow one file, by changing one URL.

Through psycopg 3, which is an extra and is imported when a URL asks for it.  Tried with PostgreSQL 15
and 16.
"""

from __future__ import annotations

import logging
import select
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from peewee import PeeweeException, PostgresqlDatabase

from dorimportd.errors import StoreUnusable
from dorimportd.store import connect
from dorimportd.store.connect import Connected
from dorimportd.store.patience import NoAnswer, patient

UNREADABLE: Final = "The database URL cannot be read; write it like postgresql://USER:PASSWORD@HOST/DATABASE"

# What the URL does not say itself.  A server that vanishes without a word is noticed after half a minute.
PARAMS: Final = {
    "application_name": "dorimportd",
    "connect_timeout": connect.CONNECT_SECONDS,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}

# Compiling a query takes longer than any of ours runs, and the planner's penalties in upsert.py set it off.
SESSION: Final = (
    f"SET jit = off; SET statement_timeout = '15min'; SET lock_timeout = '{connect.WAIT_SECONDS}s'; "
    "SET client_min_messages = warning"
)

# SQLSTATE of what only a person can mend: no permission, no such table, no schema to put one in.
PERMANENT: Final = frozenset({"42501", "42P01", "3F000"})

BATCH: Final = 100  # rows in one statement, where they cannot be copied

# Any number, so long as all of ours take the same: "dori" in ASCII.
SCHEMA_LOCK: Final = 0x646F7269


class Postgresql(Connected, PostgresqlDatabase):
    dialect = "postgresql"

    def __init__(self, url: str) -> None:
        self._psycopg = psycopg = imported()
        self.driver_fault = psycopg.Error
        said = read(psycopg, url)
        self.url_shown = without_password(url)
        params = {name: value for name, value in PARAMS.items() if name not in said}
        super().__init__(url, prefer_psycopg3=True, client_encoding="UTF8", **params)

    def _connect(self) -> Any:
        connection = super()._connect()
        wait = connection.wait
        connection.wait = lambda work, *args, **more: self._wait(connection, wait, work, *args, **more)
        # A plan that was made while the table was small would be kept when it is large.
        connection.prepare_threshold = None
        connection.execute(SESSION)
        return connection

    def _wait(self, connection: Any, wait: Callable[..., Any], work: Any, *args: Any, **more: Any) -> Any:
        """What psycopg calls to wait for the server, with an end to the patience."""
        if self._is_in_pipeline(connection):
            work = at_once(work, self._psycopg.waiting)
        try:
            return wait(patient(work, lambda: self._is_there(connection)), *args, **more)
        except NoAnswer as fault:
            connection.close()  # nothing more is asked of it, nor is it rolled back
            raise self._psycopg.OperationalError(str(fault)) from fault

    def _is_there(self, connection: Any) -> bool:
        """Whether the server of *connection* answers another one, if only by a refusal."""
        server = {name: getattr(connection.info, name) for name in ("host", "hostaddr", "port")}
        told = {name: value for name, value in server.items() if value}
        told |= {"connect_timeout": connect.CONNECT_SECONDS}
        try:
            self._psycopg.connect(self.database, **(self.connect_params | told)).close()
        except self._psycopg.errors.ConnectionTimeout:
            return False
        except self._psycopg.Error:
            return True
        return True

    def is_connection_usable(self) -> bool:
        """Asks the server only when it has said something unasked, as when it ends the session."""
        connection = self.connection()  # type: ignore[no-untyped-call]
        if connection.closed:
            return False
        said = select.poll()
        said.register(connection.fileno(), select.POLLIN)
        if not said.poll(0):
            return True
        try:
            self.sql("SELECT 1")
        except PeeweeException:
            return False
        return True

    def rollback(self) -> None:
        # Of a connection that was lost nothing is kept; a fault here would hide why it was lost.
        # A pipeline in which something failed takes no statement any more: it is done after it.
        if not self.connection().closed and not self._in_pipeline:  # type: ignore[no-untyped-call]
            super().rollback()

    def check_encoding(self) -> None:
        with self.using():
            (encoding,) = self.sql("SHOW server_encoding").fetchone()
        if encoding != "UTF8":
            raise StoreUnusable(f"The database {self.url_shown} has encoding {encoding}; make one with UTF8.")

    def together(self) -> AbstractContextManager[object]:
        return self._pipeline() if self._psycopg.Pipeline.is_supported() else nullcontext()

    @contextmanager
    def _pipeline(self) -> Iterator[None]:
        connection = self.connection()  # type: ignore[no-untyped-call]
        try:
            with connection.pipeline():
                yield
        finally:
            if not connection.closed and connection.info.transaction_status:
                super().rollback()

    @property
    def _in_pipeline(self) -> bool:
        return self._is_in_pipeline(self.connection())  # type: ignore[no-untyped-call]

    def _is_in_pipeline(self, connection: Any) -> bool:
        return bool(self._psycopg.Pipeline.is_supported() and connection.info.pipeline_status)

    def rows_affected(self, cursor: Any) -> int:
        if self._in_pipeline:
            with self.connection().pipeline():  # type: ignore[no-untyped-call]
                pass  # at its end all answers are there
        return int(cursor.rowcount)

    def load(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        if self._in_pipeline:  # which has no COPY
            self._insert(table, tuple(columns), rows)
            return
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        connection = self.connection()  # type: ignore[no-untyped-call]
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def _insert(self, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
        """As text, as by COPY: the table knows the types."""
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            self.sql(insert(table, columns, len(batch)), [str(value) for row in batch for value in row])

    def lock_schema(self) -> None:
        self.sql("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])

    def back_up(self, name: str) -> None:
        """Nothing: a server is backed up by those who run it."""

    def copy_to(self, path: Path) -> bool:
        return False

    def is_passing(self, fault: Exception) -> bool:
        # Gone, shutting down, too many connections, disk full (OperationalError); read-only
        # (InternalError); a row that another process put in at the same instant (UniqueViolation).
        driver = self._psycopg
        passing = (driver.OperationalError, driver.InterfaceError, driver.InternalError)
        return isinstance(fault, (*passing, driver.errors.UniqueViolation))

    def is_permanent(self, fault: Exception) -> bool:
        return getattr(fault, "sqlstate", None) in PERMANENT

    def _rows(self, connection: Any, statement: str, params: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        # Only a cursor with a name leaves the rows on the server, and only in a database transaction.
        with connection.transaction(), connection.cursor(name="listing") as cursor:
            connection.execute("SET LOCAL statement_timeout = 0")
            cursor.itersize = 5_000
            cursor.execute(statement, params)
            yield from cursor


def at_once(work: Generator[Any, Any, Any], waiting: Any) -> Generator[Any, Any, Any]:
    """*work*, one of psycopg's, but that statements of a pipeline go to the socket without a question first.

    While it is asked whether it takes them another thread gets the interpreter, for a millisecond or more.
    """
    try:
        wish = next(work)
        for _ in range(2):  # to take the statement, and to send it
            if wish == waiting.Wait.RW:
                wish = work.send(waiting.Ready.W)
        while True:
            wish = work.send((yield wish))
    except StopIteration as end:
        return end.value


@cache
def insert(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join(['%s'] * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"


def imported() -> Any:
    """The driver.  Raises StoreUnusable where it is not installed."""
    try:
        import psycopg
    except ImportError:
        raise StoreUnusable("PostgreSQL needs a driver; install dorimportd[postgresql].") from None
    # It warns of what comes after a fault, which it raises.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    return psycopg


def read(psycopg: Any, url: str) -> dict[str, Any]:
    """What *url* says, by libpq's names.  Raises StoreUnusable, and does not quote a password."""
    try:
        said: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise StoreUnusable(UNREADABLE) from None  # the driver's own words may quote a password
    ports = str(said.get("port", "")).split(",")  # one for each host
    if not all(port.isdecimal() for port in ports if port):
        raise StoreUnusable(UNREADABLE)
    return said


def without_password(url: str) -> str:
    """*url* as it may be shown."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    name, _, password = login.partition(":")
    query = [(key, "***" if "password" in key else value) for key, value in parse_qsl(parts.query)]
    netloc = f"{name}{password and ':***'}{at}{host}"
    return parts._replace(netloc=netloc, query=urlencode(query, safe="/*", quote_via=quote)).geturl()


def open_postgresql(url: str) -> Postgresql:
    """The database of *url*, reached.

    Raises StoreUnusable for a URL that cannot be one and a database that cannot hold our text,
    StoreAway when the server is not there or does not let us in.
    """
    # libpq takes both spellings, Peewee one.
    database = Postgresql("postgresql://" + url.partition("://")[2])
    database.check_encoding()
    return database
