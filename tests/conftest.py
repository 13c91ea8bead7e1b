"""What the tests of several rooms need: a real PostgreSQL."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
import warnings
from pathlib import Path

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgresql_server():
    """A server of this run's own, on a socket in a folder of its own."""
    with warnings.catch_warnings():
        # It asks for XDG_RUNTIME_DIR, which a machine without a session does not have.
        warnings.simplefilter("ignore")
        import pgserver

        # Not in pytest's folder: a socket's path may have 107 bytes.
        with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
            server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                # No test cuts the power; a hundred databases would be synced at the end.
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
            yield server
            # At once, since nobody wants what would be written first.
            os.kill(server.get_pid(), signal.SIGQUIT)
            server.get_postmaster_info().process.wait(30)
            server.cleanup()


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
