"""The database goes away in every way it can: files are taken all the same, and imported once it is back."""

from __future__ import annotations

import re
import signal
import sqlite3
import tempfile
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from appliance import Appliance
from faults.doors import Doors
from faults.postgres import Server, free_port


@pytest.fixture(scope="module")
def folder():
    """In which every user may work: not pytest's own; and a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="away-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def server(folder):
    server = Server(folder / "pg", free_port())
    server.make()
    yield server
    server.stop(signal.SIGQUIT)


@pytest.fixture(scope="module")
def on_postgresql(folder, server):
    """A running daemon whose database is *server*'s."""
    appliance = Appliance(folder / "house", server.url())
    appliance.start()
    doors = Doors(appliance)
    doors.find_ports()
    yield doors
    appliance.run_ctl("verify")
    appliance.end()


@pytest.fixture
def on_sqlite(tmp_path):
    appliance = Appliance(tmp_path / "house")
    appliance.start()
    doors = Doors(appliance)
    doors.find_ports()
    yield doors
    appliance.run_ctl("verify")
    appliance.end()


class Watched:
    """What is seen of an outage from the beginning on."""

    def __init__(self, doors):
        self.appliance = doors.appliance
        self._begin = len(self.appliance.log.read_bytes())
        self._began_at = datetime.now(UTC)

    def log(self):
        return self.appliance.log.read_bytes()[self._begin :].decode()

    def pauses(self):
        found = re.findall(r"the database is away, imports wait (\d+) s: ", self.log())
        return [int(each) for each in found]

    def is_seen(self, reason):
        """The log says it, and so does status, to scripts and to people."""
        self.appliance.await_line(rf"the database is away, .*{reason}", self._begin, 100)
        status = self.appliance.ctl("status")
        said = status["database"]
        assert (said["state"], status["deliveries"], status["last_deliveries"]) == ("away", None, [])
        assert re.search(reason, said["reason"])
        assert self._began_at <= datetime.fromisoformat(said["since"]) <= datetime.now(UTC)
        assert 0 <= said["next_try_seconds"] <= 60

    def ends(self, seconds=100):
        """The database is back, and the pauses grew; the log told each once and nothing else."""
        self.appliance.await_line("the database is back, imports go on", self._begin, seconds)
        pauses = self.pauses()
        assert pauses == [min(60, 2**number) for number in range(len(pauses))]
        said = self.appliance.ctl("status")["database"]
        assert (said["state"], said["reason"], said["since"], said["next_try_seconds"]) == (
            *("ok", None, None, None),
        )


def commands_say(appliance, reason):
    """Each in one line; status, which needs no database, says since when and when it is tried again."""
    for words in (["deliveries"], ["transactions", "--customer", "acme"], ["delivery", "retry", "1"]):
        said = appliance.run_ctl(*words, status=1)
        assert re.fullmatch(rf"The database cannot be used: .*{reason}.*\n", said), (words, said)
    text = appliance.run_ctl("status")
    assert re.search(r"^database .*: away since \S+, next try in \d+ s: The database ", text, re.MULTILINE)


@contextmanager
def in_mid_import(doors, server):
    """An import waits in its database transaction when the outage begins."""
    with ExitStack() as held_up:
        held_up.enter_context(server.import_held_up())
        doors.send("ftp")
        server.await_someone_waiting()
        yield


# PostgreSQL.


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_a_server_that_stops_in_mid_import(on_postgresql, server, how):
    watched = Watched(on_postgresql)
    with in_mid_import(on_postgresql, server):
        server.stop(how)
    on_postgresql.send_by_all()
    watched.is_seen("refused")
    if how is signal.SIGINT:
        commands_say(on_postgresql.appliance, "refused")
    server.start()
    watched.ends()
    on_postgresql.all_is_there_once()


def test_a_connection_that_is_cut_in_mid_import(on_postgresql, server):
    watched = Watched(on_postgresql)
    with in_mid_import(on_postgresql, server):
        server.cut()
        on_postgresql.send_by_all()
        watched.appliance.await_line("the database is away", watched._begin)
    watched.ends()
    on_postgresql.all_is_there_once()


def test_a_server_that_stands_still(on_postgresql, server):
    """Nothing is refused and nothing ends: what waits for it must."""
    watched = Watched(on_postgresql)
    with server.import_held_up():
        on_postgresql.send("ftp")
        server.await_someone_waiting()
        with server.frozen():
            on_postgresql.send_by_all()
            began = time.monotonic()
            on_postgresql.appliance.run_ctl("status")
            assert time.monotonic() - began < 30, "a person who asks does not wait for it"
            watched.is_seen("does not answer|timeout expired")
            on_postgresql.send_by_all()
    watched.ends()
    on_postgresql.all_is_there_once()


def test_a_server_without_a_connection_left(on_postgresql, server):
    watched = Watched(on_postgresql)
    with ExitStack() as others:
        server.cut()
        with pytest.raises(psycopg.OperationalError, match="slots are reserved"):
            while True:
                others.enter_context(psycopg.connect(server.url()))
        on_postgresql.send_by_all()
        watched.is_seen("slots are reserved")
    watched.ends()
    on_postgresql.all_is_there_once()


def test_a_database_that_may_only_be_read(on_postgresql, server):
    watched = Watched(on_postgresql)
    server.execute("ALTER ROLE dori SET default_transaction_read_only = on")
    server.cut()
    on_postgresql.send_by_all()
    watched.is_seen("read-only transaction")
    assert len(on_postgresql.appliance.deliveries()) == len(on_postgresql.sold), "it can still be read"
    server.execute("ALTER ROLE dori RESET default_transaction_read_only")
    server.cut()
    watched.ends()
    on_postgresql.all_is_there_once()


def test_a_password_that_is_changed_and_changed_back(on_postgresql, server):
    watched = Watched(on_postgresql)
    server.execute("ALTER ROLE dori PASSWORD 'two'")
    server.cut()
    on_postgresql.send_by_all()
    watched.is_seen("password authentication failed")
    server.execute("ALTER ROLE dori PASSWORD 'one'")
    watched.ends()
    on_postgresql.all_is_there_once()


def test_a_password_that_is_changed_in_the_configuration_too(on_postgresql, server):
    watched = Watched(on_postgresql)
    server.execute("ALTER ROLE dori PASSWORD 'three'")
    server.cut()
    on_postgresql.send_by_all()
    watched.is_seen("password authentication failed")
    config = on_postgresql.appliance.config
    config.write_text(config.read_text().replace(server.url(), server.url("three")))
    on_postgresql.appliance.run_ctl("reload")
    watched.ends()
    server.execute("ALTER ROLE dori PASSWORD 'one'")
    config.write_text(config.read_text().replace(server.url("three"), server.url()))
    on_postgresql.all_is_there_once()


def test_tables_that_are_dropped_are_made_and_filled_again(on_postgresql, server):
    watched = Watched(on_postgresql)
    server.execute(
        *("DROP SCHEMA public CASCADE", "CREATE SCHEMA public AUTHORIZATION dori"), database="sales"
    )
    on_postgresql.send_by_all()
    watched.ends()
    on_postgresql.all_is_there_once()


def test_a_standby_takes_over_and_is_promoted_later(on_postgresql, server, folder):
    standby = Server(folder / "standby", server.port)
    standby.make_standby_of(server)
    watched = Watched(on_postgresql)
    with in_mid_import(on_postgresql, server):
        server.stop(signal.SIGQUIT)
    standby.start()
    on_postgresql.send_by_all()
    watched.is_seen("read-only transaction|recovery")
    standby.promote()
    try:
        watched.ends()
        on_postgresql.all_is_there_once()
    finally:
        standby.stop(signal.SIGQUIT)
        server.start()


# SQLite.


def database_of(doors):
    return doors.appliance.folder / "state" / "dorimportd.db"


def test_somebody_elses_long_transaction(on_sqlite):
    """Longer than the 20 seconds for which a statement waits."""
    watched = Watched(on_sqlite)
    other = sqlite3.connect(database_of(on_sqlite), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    on_sqlite.send_by_all()
    began = time.monotonic()
    watched.is_seen("is locked")
    assert time.monotonic() - began > 15
    on_sqlite.send_by_all()
    assert len(on_sqlite.appliance.deliveries()) == 6, "it can still be read"
    other.close()
    watched.ends()
    on_sqlite.all_is_there_once()


@pytest.mark.parametrize("what", ["all", "all but its log", "only its log"])
def test_a_file_that_is_removed_is_made_and_filled_again(on_sqlite, what):
    on_sqlite.send_by_all()
    on_sqlite.all_is_there_once()
    watched = Watched(on_sqlite)
    endings = {"all": ["", "-wal", "-shm"], "all but its log": [""], "only its log": ["-wal"]}[what]
    for ending in endings:
        Path(f"{database_of(on_sqlite)}{ending}").unlink()
    on_sqlite.send_by_all()
    watched.ends()
    on_sqlite.all_is_there_once()


def test_a_file_in_whose_place_is_an_older_one(on_sqlite):
    """Whoever puts a copy in its place leaves the log there, which is not the copy's."""
    on_sqlite.send_by_all()
    on_sqlite.all_is_there_once()
    path = database_of(on_sqlite)
    with sqlite3.connect(path) as database:
        database.execute("VACUUM INTO ?", [f"{path}.copy"])
    database.close()
    on_sqlite.send_by_all()
    on_sqlite.appliance.settle(6)
    watched = Watched(on_sqlite)
    path.with_name(f"{path.name}.copy").rename(path)
    on_sqlite.send_by_all()
    watched.is_seen("dorimportd.db-wal beside it belongs to the one before; move that file away")
    path.with_name(f"{path.name}-wal").rename(path.with_name("old-log"))
    watched.ends()
    on_sqlite.all_is_there_once()
