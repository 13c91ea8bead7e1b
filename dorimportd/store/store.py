"""The store as the other rooms see it.

Every method blocks and may be called from any thread.  All of them raise StoreAway when the database
cannot be used now, and StoreUnusable when a person must change something; the latter comes as a rule
from `open_store` already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dorimportd.errors import StoreUnusable
from dorimportd.instants import reach
from dorimportd.store import deliveries, imports, sales, samples, transfer
from dorimportd.store.connect import Connected
from dorimportd.store.deliveries import DeliveryRow, Waiting
from dorimportd.store.imports import Run
from dorimportd.store.migrations import migrate, table_names
from dorimportd.store.postgresql import open_postgresql, without_password
from dorimportd.store.sales import SalesRow, ToldRow
from dorimportd.store.samples import Sample
from dorimportd.store.sqlite import open_sqlite
from dorimportd.store.transfer import Taken
from dorimportd.words import Delivery, Reject, State


def open_store(url: str) -> Store:
    """The store at *url*, reached and brought to the newest schema.

    `sqlite:////path/to/file` or `postgresql://user:password@host/database`.  On SQLite there is a backup
    beside the file if the schema had to change.

    Raises StoreUnusable for a URL or a schema that is not ours, StoreAway when the database is away.
    """
    database = connected(url)
    try:
        migrate(database)
    except BaseException:
        database.close_all()
        raise
    return Store(database)


def open_new_store(url: str) -> Store:
    """The store at *url*, in a database that was empty until now.

    Raises StoreUnusable when it is not, and what `open_store` raises.
    """
    database = connected(url)
    try:
        if table_names(database):
            raise StoreUnusable(f"The database {database.url_shown} is not empty; give an empty one.")
        migrate(database)
    except BaseException:
        database.close_all()
        raise
    return Store(database)


def url_shown(url: str) -> str:
    """*url* without its password."""
    return url if url.startswith("sqlite:") else without_password(url)


def connected(url: str) -> Connected:
    scheme = url.partition(":")[0].lower()
    if scheme == "sqlite":
        return open_sqlite(url)
    if scheme in ("postgresql", "postgres"):
        return open_postgresql(url)
    raise StoreUnusable(f"A database URL begins with sqlite: or postgresql:, not with {scheme!r}")


class Store:
    """The table of transactions, and what became of each delivery."""

    def __init__(self, database: Connected) -> None:
        self._database = database

    @property
    def url_shown(self) -> str:
        """Where the database is, without the password."""
        return self._database.url_shown

    def close(self) -> None:
        """Close the connections of all threads.  The caller has seen to it that none is at work."""
        self._database.close_all()

    def let_go(self) -> None:
        """Close it as `close` does, so that what is at its URL now may be opened.

        Raises StoreUnusable when that would do harm; then it is not closed.
        """
        self._database.let_go()

    def register(self, accepted: Iterable[Delivery]) -> None:
        """Enter deliveries as received; all or none.  Those that are known already stay as they are."""
        deliveries.register(self._database, accepted)

    def last_registered(self) -> int:
        """The highest sequence, 0 when there is none."""
        with self._database.using():
            return deliveries.last_registered(self._database)

    def registered(self, first: int, last: int) -> set[int]:
        """Those of the sequences from *first* to *last* that are there."""
        with self._database.using():
            return deliveries.registered(self._database, first, last)

    def waiting(self) -> list[Waiting]:
        """The deliveries that are received or failed, in order of sequence."""
        with self._database.using():
            return deliveries.waiting(self._database)

    def delivery(self, sequence: int) -> DeliveryRow | None:
        with self._database.using():
            return deliveries.find(self._database, sequence)

    def deliveries(
        self,
        customer: str | None = None,
        state: State | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[DeliveryRow]:
        """Those accepted *since* then, newest last; with *limit* the newest ones."""
        with self._database.using():
            return deliveries.listing(self._database, customer, state, since, limit)

    def some_deliveries(self, sequences: Sequence[int]) -> dict[int, DeliveryRow]:
        """Those of these few that there are."""
        with self._database.using():
            return deliveries.some(self._database, sequences)

    def latest(self) -> dict[str, DeliveryRow]:
        """The newest delivery of each customer who ever sent one."""
        with self._database.using():
            return deliveries.latest(self._database)

    def rejects(self, sequence: int) -> Iterator[Reject]:
        """The rejected rows of a delivery, in the order of the file; in bounded memory."""
        return deliveries.rejects(self._database, sequence)

    def set_state(self, sequence: int, state: State, reason: str | None = None) -> None:
        """Say what became of a delivery outside an import.

        FAILED counts a try more and keeps the progress; HELD waits for a person; RECEIVED is a retry:
        reason, tries, progress, counts and rejects are forgotten, what is in the table stays.

        Raises LookupError when there is no such delivery, NotWaiting when it has its outcome and this is
        no retry, ValueError for what only an import says.
        """
        deliveries.set_state(self._database, sequence, state, reason)

    def release(self, sequence: int) -> None:
        """Retry a held delivery whatever speaks against it; its row says `released` until another retry.

        Raises LookupError when there is no such delivery, NotWaiting when it is not held.
        """
        deliveries.release(self._database, sequence)

    def earlier_same_bytes(self, customer: str, sha256: str, before: int) -> int | None:
        """The newest delivery of *customer* before that one that has the same bytes."""
        with self._database.using():
            return deliveries.earlier_same_bytes(self._database, customer, sha256, before)

    def queue(self) -> dict[State, int]:
        """How many deliveries are in each state."""
        with self._database.using():
            return deliveries.queue(self._database)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep all that this thread does meanwhile at once, durably, or nothing if anything was raised.

        It is for small deliveries: whoever reads sees nothing of it, and whoever writes may wait for it.
        Raises StoreAway and StoreUnusable, also at its end.
        """
        with self._database.writing(few=True):
            yield
        reach("import.together_committed")

    def importing(
        self,
        sequence: int,
        format: str,
        *,
        whole_days: bool = False,
        resume: bool = True,
        row: DeliveryRow | None = None,
    ) -> Run:
        """An attempt to import a waiting delivery by *format*, NAME@DIGEST.

        *whole_days* says that it tells all sales of each location and day of which it tells any; its
        outcome then has those of older deliveries that it does not tell.  Unless it may *resume* it begins
        anew, also where an earlier attempt by this format was not ended.  *row* is what `delivery` told of it
        a moment ago; if something else is true by now, the first window of the run is not kept.
        Raises LookupError when there is no such delivery, NotWaiting when it has its outcome.
        """
        with self._database.using():
            return imports.begin(
                self._database, sequence, format, row=row, whole_days=whole_days, resume=resume
            )

    def states(self, first: int, last: int) -> dict[int, State]:
        """What became of the deliveries from *first* to *last*, by their sequence."""
        with self._database.using():
            return deliveries.states(self._database, first, last)

    def drop_samples(self, sequences: Sequence[int]) -> None:
        """Forget what these deliveries, not more than a thousand, were like."""
        with self._database.writing():
            samples.drop_all(self._database, sequences)

    def take_over(self, other: Store, sequences: Set[int]) -> Taken:
        """Enter these deliveries as *other* has them, with their rejects and the transactions that they won.

        All or nothing.  This store has none of them yet, and no transaction.  What *other* does not know
        stays out.
        """
        return transfer.take_over(self._database, other._database, sequences)

    def samples(self, customer: str, format: str, before: int) -> list[Sample]:
        """What the last files of *customer* in *format*, a name without digest, were like; newest first.

        Of those with a lower sequence than *before*, from the last one on that was let in though it differed.
        """
        with self._database.using():
            return samples.before(self._database, before, customer, format)

    def known(self, customer: str, transaction_ids: Sequence[str], before: int) -> int:
        """How many of these few transactions a delivery *before* that one has told."""
        with self._database.using():
            return sales.known(self._database, customer, transaction_ids, before)

    def transactions(
        self, customer: str, start: datetime | None = None, end: datetime | None = None
    ) -> Iterator[SalesRow]:
        """Those that occurred from *start* until before *end*, by time, then by ID.

        As at one instant and in bounded memory, however slowly they are read.
        """
        return sales.transactions(self._database, customer, start, end)

    def transaction(self, customer: str, transaction_id: str) -> tuple[SalesRow, int] | None:
        """One transaction, and the line of its delivery that told it."""
        with self._database.using():
            return sales.transaction(self._database, customer, transaction_id)

    def told_of(self, customer: str, transaction_id: str) -> ToldRow | None:
        """What is known of one transaction, also of one that is withdrawn."""
        with self._database.using():
            return sales.told_of(self._database, customer, transaction_id)

    def told(self, customer: str) -> Iterator[ToldRow]:
        """All that is known of the transactions of *customer*, by ID; those that are withdrawn, too.

        As at one instant and in bounded memory, however slowly they are read.
        """
        return sales.everything(self._database, customer)

    def copy_to(self, path: Path) -> bool:
        """Make *path* a copy of the whole database, as at one instant; on return it is on the disk.

        False, and nothing is made, where the database is a server's.  Raises StoreAway.
        """
        return self._database.copy_to(path)

    def transaction_counts(self) -> dict[str, int]:
        """How many transactions each customer has, without those withdrawn; nothing is counted for it."""
        with self._database.using():
            return sales.counts(self._database)
