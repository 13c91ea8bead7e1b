"""Connections: one for each thread, and one more for each listing that is being read.

What SQLite and PostgreSQL have in common is here; where they differ is in sqlite.py and postgresql.py.
Whatever goes wrong with the database leaves this room as StoreAway or StoreUnusable, and the connection
on which it went wrong is not used again.  A fault of our own SQL is neither, and is not disguised.

Everything here blocks.  It knows no tables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Final
from weakref import WeakSet

from peewee import Database, PeeweeException, Query

from dorimportd.errors import StoreAway, StoreUnusable

# How long a statement waits for another one's lock, and a connection for its server.
WAIT_SECONDS: Final = 20
CONNECT_SECONDS: Final = 5


class Connected(Database, ABC):
    """A database of Peewee's that knows its connections, and tells its faults in our words."""

    dialect: ClassVar[str]
    driver_fault: type[Exception]  # what the driver raises when Peewee does not stand between
    url_shown: str  # without the password

    def __init__(self, database: str, **params: Any) -> None:
        self._live: WeakSet[Any] = WeakSet()
        self._live_lock = Lock()
        super().__init__(database, **params)

    def _connect(self) -> Any:
        connection = super()._connect()  # type: ignore[misc]  # Peewee's stubs leave it out
        with self._live_lock:
            self._live.add(connection)
        return connection

    def close_all(self) -> None:
        """Close the connections of all threads.  The caller has seen to it that none is at work."""
        with self._live_lock:
            for connection in list(self._live):
                connection.close()
        self.dispose()

    def let_go(self) -> None:
        """Close all, so that what is at the URL now may be opened.  The caller as in `close_all`.

        Raises StoreUnusable when that would do harm.
        """
        self.close_all()

    @contextmanager
    def using(self) -> Iterator[None]:
        """Work with this thread's connection, made anew if it was lost meanwhile.

        Raises StoreAway or StoreUnusable for what is the database's fault.
        """
        if self.in_transaction():
            yield  # whoever began it sees to the rest
            return
        with self._faults_told():
            try:
                if not self.is_closed() and not self.is_connection_usable():
                    self.close()
                yield
            except (PeeweeException, self.driver_fault):
                self.close()
                raise

    @contextmanager
    def writing(self, *, few: bool = False) -> Iterator[None]:
        """Work in one database transaction: all of it is kept, durably, or nothing.

        Within another one it is a part of that, which must not go on after a fault.
        With *few* rows statements may go to the server together, see `together`.
        """
        if self.in_transaction():
            yield
            return
        with self.turn(), self.using(), self.together() if few else nullcontext(), self.atomic():
            yield

    def turn(self) -> AbstractContextManager[object]:
        """Wait until no other thread of ours writes, where the database does not see to that well.

        Raises StoreAway when it takes too long.
        """
        return nullcontext()

    def together(self) -> AbstractContextManager[object]:
        """Do not wait for the answers that nobody looks at, where that saves time.

        A fault of a statement may be told at a later one, or at the end.
        """
        return nullcontext()

    def sql(self, statement: str, params: Sequence[Any] | None = None) -> Any:
        """Execute what Peewee's queries cannot say; returns the driver's cursor."""
        return self.execute_sql(statement, params)  # type: ignore[no-untyped-call]

    def stream(self, query: Query) -> Iterator[tuple[Any, ...]]:
        """The rows of *query* as at one instant, in bounded memory.

        By a connection of its own: whoever reads may be slow and change threads, and the store goes on.
        """
        statement, params = self.get_sql_context().sql(query).query()  # type: ignore[no-untyped-call]
        with self._faults_told(), closing(self._connect()) as connection:
            yield from self._rows(connection, statement, params)

    @contextmanager
    def _faults_told(self) -> Iterator[None]:
        try:
            yield
        except (PeeweeException, self.driver_fault) as fault:
            cause = unwrapped(fault)
            text = f"The database {self.url_shown} cannot be used: {' '.join(str(cause).split())[:300]}"
            if self.is_permanent(cause):
                raise StoreUnusable(text) from fault
            if self.is_passing(cause):
                raise StoreAway(text) from fault
            raise

    @abstractmethod
    def is_passing(self, fault: Exception) -> bool:
        """Whether the same may work later."""

    @abstractmethod
    def is_permanent(self, fault: Exception) -> bool:
        """Whether a person must change something first."""

    @abstractmethod
    def load(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Put *rows* into *table* as fast as this database can; they meet no row of theirs there."""

    @abstractmethod
    def lock_schema(self) -> None:
        """Be the only one to change the schema until the database transaction ends."""

    @abstractmethod
    def back_up(self, name: str) -> None:
        """Keep a copy of the whole database that *name* tells from others, where that is ours to do."""

    @abstractmethod
    def copy_to(self, path: Path) -> bool:
        """Make *path* a copy of the whole database, durably, where that is ours to do; whether it is."""

    @abstractmethod
    def _rows(self, connection: Any, statement: str, params: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of *statement*, fetched bit by bit."""


def unwrapped(fault: Exception) -> Exception:
    """The driver's own exception, which Peewee may have wrapped more than once."""
    while isinstance(inner := getattr(fault, "orig", None), Exception):
        fault = inner
    return fault
