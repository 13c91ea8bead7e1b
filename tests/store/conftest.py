from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from dorimportd.store import open_store
from dorimportd.words import Channel, Delivery, Envelope, State, Transaction

SOLD = Transaction(
    transaction_id="0042",
    location="7",
    units=1250,
    scale=2,
    currency="EUR",
    occurred_at=1_784_000_000_000_000,  # 2026-07-14T03:33:20Z
    utc_offset=7200,
    line=2,
)
ARRIVED = Envelope(
    customer="acme",
    channel=Channel.SFTP,
    name="sales.csv",
    size=1000,
    sha256="0" * 64,
    peer="192.0.2.7",
    received_at=datetime(2026, 7, 14, 18, 0, 0, 250_000, tzinfo=UTC),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return request.getfixturevalue("emptied")()


@pytest.fixture(scope="session")
def emptied(postgresql_url):
    """One database that is emptied for each test; to make one takes longer than most tests."""
    url = postgresql_url()

    def empty():
        with psycopg.connect(url) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return url

    return empty


@pytest.fixture
def store(url):
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture(scope="session")
def sold():
    """A transaction, with other fields than the usual."""

    def make(transaction_id="0042", **fields):
        return SOLD._replace(transaction_id=transaction_id, **fields)

    return make


@pytest.fixture(scope="session")
def arrived():
    """A delivery, with other fields of its envelope than the usual."""

    def make(sequence, **fields):
        usual = {name: getattr(ARRIVED, name) for name in ARRIVED.__slots__}
        return Delivery(sequence, Envelope(**(usual | fields)))

    return make


@pytest.fixture(scope="session")
def imported(arrived):
    """Imports transactions, in windows where there are several lists; what became of the delivery."""

    def run(store, sequence, *windows, rejects=(), customer="acme", duplicate_of=None, whole_days=False):
        store.register([arrived(sequence, customer=customer)])
        if store.delivery(sequence).outcome.state.final:
            store.set_state(sequence, State.RECEIVED)
        run = store.importing(sequence, "format@1", whole_days=whole_days)
        *most, last = windows
        for window in most:
            run.write(window, [], len(window))
        return run.finish(last, rejects, len(last) + len(rejects), lambda: duplicate_of)

    return run


@pytest.fixture(scope="session")
def table():
    """What the table says: ID, total and delivery."""

    def read(store, customer="acme"):
        rows = store.transactions(customer)
        return sorted((row.transaction_id, row.total, row.delivery) for row in rows)

    return read
