"""What the tests of several rooms need: a real PostgreSQL."""

from __future__ import annotations

import itertools
import signal
import time

import psutil
import psycopg
import pytest
from servers import postgresql


@pytest.fixture(scope="session")
def postgresql_server():
    """A server of this run's own, on a socket in a folder of its own."""
    with postgresql() as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # No test cuts the power; a hundred databases would be synced at the end.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server
        # At once, since nobody wants what would be written first.
        process = server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        await_end(process)


def await_end(process):
    """In a container nobody may ask for what a daemon left; then it stays, as a zombie."""
    deadline = time.monotonic() + 30
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, process
        time.sleep(0.02)


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server):
    """Each call makes an empty database; its URL."""
    numbers = itertools.count(1)

    def fresh(options=""):
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgresql_server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} {options}")
        return postgresql_server.get_uri(name)

    return fresh
