"""A PostgreSQL server of one's own (pgserver), in a folder that is gone afterwards."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SQLITE = "sqlite:///dorimportd.db"


@contextmanager
def postgresql() -> Iterator[Any]:
    """The server, on a socket, until the end of the block; ImportError where pgserver is not installed."""
    # Not in the caller's folder: a socket's path may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        with warnings.catch_warnings():
            # It asks for XDG_RUNTIME_DIR, which a machine without a session does not have.
            warnings.simplefilter("ignore")
            import pgserver

            server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server
        finally:
            server.cleanup()


@contextmanager
def database(asked: str) -> Iterator[str]:
    """The URL of an empty database: *asked*, or with `postgresql` one on a server of its own."""
    if asked != "postgresql":
        yield SQLITE if asked == "sqlite" else asked
        return
    with postgresql() as server:
        yield server.get_uri()
