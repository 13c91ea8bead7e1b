"""A PostgreSQL server that a test may stop, freeze, cut off and replace; its binaries are pgserver's."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

SECONDS = 60  # for whatever it does, which only a failure reaches
SETTINGS = (
    *("-c", "fsync=off", "-c", "max_connections=14", "-c", "superuser_reserved_connections=4"),
    *("-c", "autovacuum=off", "-c", "wal_level=replica", "-c", "hot_standby=on"),
)
HOSTS = "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


def binary(name: str) -> str:
    from pgserver._commands import POSTGRES_BIN_PATH

    return str(POSTGRES_BIN_PATH / name)


def free_port() -> int:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return int(reserved.getsockname()[1])


class Server:
    """A server on *port* of the loopback, and for the test on a socket in *folder*.

    The role `dori` has a password; the test is the superuser.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self._user = "pgserver" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    # Making.

    def make(self) -> None:
        self._own(self.folder)
        words = ["--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres"]
        self._run("initdb", "-D", self.folder / "data", *words)
        (self.folder / "data" / "pg_hba.conf").write_text(HOSTS)
        self.start()
        self.execute("CREATE ROLE dori LOGIN PASSWORD 'one'")
        self.execute("CREATE DATABASE sales OWNER dori")

    def make_standby_of(self, primary: Server) -> None:
        self._own(self.folder)
        words = ["-h", primary.folder, "-p", str(primary.port), "-U", "postgres", "-c", "fast", "-R", "-N"]
        self._run("pg_basebackup", "-D", self.folder / "data", *words)

    def _own(self, folder: Path) -> None:
        folder.mkdir()
        if self._user is not None:
            from pgserver.utils import ensure_user_exists

            ensure_user_exists(self._user)
            shutil.chown(folder, self._user, self._user)

    def _run(self, program: str, *words: str | Path) -> None:
        command = [binary(program), *map(str, words)]
        subprocess.run(command, user=self._user, cwd="/", check=True, capture_output=True, timeout=SECONDS)

    # Life.

    def start(self) -> None:
        """Returns when it answers."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                self._begin()
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def _begin(self) -> None:
        with (self.folder / "log").open("ab") as log:
            words = ["-D", self.folder / "data", "-h", "127.0.0.1", "-p", str(self.port), "-k", self.folder]
            self._process = subprocess.Popen(
                [binary("postgres"), *words, *SETTINGS],
                **{"user": self._user, "cwd": "/", "stdin": subprocess.DEVNULL},
                **{"stdout": log, "stderr": log},
            )

    def stop(self, how: signal.Signals) -> None:
        """SIGINT is a fast shutdown, SIGQUIT an immediate one, SIGKILL none at all."""
        if self._process is None:
            return
        children = self._children()
        self._process.send_signal(how)
        self._process.wait(SECONDS)
        psutil.wait_procs(children, SECONDS)
        self._process = None

    def _children(self) -> list[psutil.Process]:
        assert self._process is not None
        return psutil.Process(self._process.pid).children()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        assert self._process is not None
        pids = [self._process.pid, *(each.pid for each in self._children())]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):  # one that was about to end
                    os.kill(pid, signal.SIGCONT)

    def promote(self) -> None:
        self.execute("SELECT pg_promote()")

    # What the superuser does.

    def url(self, password: str = "one") -> str:
        return f"postgresql://dori:{password}@127.0.0.1:{self.port}/sales"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True
        )

    def execute(self, *statements: str, database: str = "postgres") -> int:
        """The first column of the last row, where there is one."""
        with self.connect(database) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchone()[0] if cursor.description else 0

    def cut(self) -> None:
        """End all sessions of the daemon."""
        daemons = "FROM pg_stat_activity WHERE application_name = 'dorimportd'"
        self.execute(f"SELECT count(pg_terminate_backend(pid)) {daemons}")

    @contextmanager
    def import_held_up(self) -> Iterator[None]:
        """Whoever writes a sale waits; `someone_waits` says that one does."""
        with self.connect("sales") as connection:
            connection.autocommit = False
            connection.execute("LOCK TABLE sale IN EXCLUSIVE MODE")
            try:
                yield
            finally:
                connection.close()

    def await_someone_waiting(self) -> None:
        waiting = "FROM pg_stat_activity WHERE application_name = 'dorimportd' AND wait_event_type = 'Lock'"
        deadline = time.monotonic() + SECONDS
        while not self.execute(f"SELECT count(*) {waiting}"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
