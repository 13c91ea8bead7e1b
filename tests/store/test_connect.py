from __future__ import annotations

import gc
import os
import re
import socket
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import psycopg
import pytest

from dorimportd.errors import StoreAway, StoreUnusable
from dorimportd.store import connect, imports, open_store
from dorimportd.store.postgresql import Postgresql
from dorimportd.words import Counts


def refused(url):
    with pytest.raises(StoreUnusable) as error:
        open_store(url)
    return str(error.value)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("", "A database URL begins with sqlite: or postgresql:, not with ''"),
        ("mysql://root@host/sales", "A database URL begins with sqlite: or postgresql:, not with 'mysql'"),
        (
            "sqlite://store.db",
            "The database URL 'sqlite://store.db' names no file; "
            "write it like sqlite:////var/lib/dorimportd/dorimportd.db",
        ),
        (
            "sqlite:///",
            "The database URL 'sqlite:///' names no file; "
            "write it like sqlite:////var/lib/dorimportd/dorimportd.db",
        ),
        (
            "sqlite:///:memory:",
            "A database in memory would be lost; "
            "write its URL like sqlite:////var/lib/dorimportd/dorimportd.db",
        ),
        (
            "sqlite:////does/not/exist/store.db",
            "The folder /does/not/exist of the database does not exist; make it first.",
        ),
        (
            "postgresql://ann:secret@host:notaport/sales",
            "The database URL cannot be read; write it like postgresql://USER:PASSWORD@HOST/DATABASE",
        ),
        (
            "postgresql://ann:secret@host/sales?pasword=secret",
            "The database URL cannot be read; write it like postgresql://USER:PASSWORD@HOST/DATABASE",
        ),
    ],
)
def test_a_url_that_cannot_be_one_is_refused_in_plain_words(url, text):
    assert refused(url) == text


def test_a_folder_is_not_a_database(tmp_path):
    assert refused(f"sqlite:///{tmp_path}") == (
        f"The database {tmp_path} is a folder; the URL must name a file in it."
    )


def test_a_file_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    # As seen by a user who may not; root may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    path = tmp_path / "store.db"
    assert (
        refused(f"sqlite:///{path}") == f"The database {path} and its folder must be writable for this user."
    )


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(b"Store;Receipt;Total\n" * 100)
    assert refused(f"sqlite:///{path}") == (
        f"The database sqlite:///{path} cannot be used: file is not a database"
    )
    assert path.read_bytes() == b"Store;Receipt;Total\n" * 100


def test_a_relative_path_is_one_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///my%20store.db")
    assert store.url_shown == f"sqlite:///{tmp_path}/my store.db"
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["my store.db"]


def test_sqlite_syncs_each_commit_and_lets_readers_be(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    pragmas = {name: store._database.pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    store.close()


def test_without_the_driver_postgresql_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert refused("postgresql://host/sales") == (
        "PostgreSQL needs a driver; install dorimportd[postgresql]."
    )


def test_the_password_is_never_shown():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        for url, shown in [
            ("postgresql://ann:s3cret@127.0.0.1:{}/sales", "postgresql://ann:***@127.0.0.1:{}/sales"),
            ("postgres://ann:s3cret@127.0.0.1:{}/sales", "postgresql://ann:***@127.0.0.1:{}/sales"),
            (
                "postgresql://ann@127.0.0.1:{}/sales?password=s3cret&sslmode=disable",
                "postgresql://ann@127.0.0.1:{}/sales?password=***&sslmode=disable",
            ),
        ]:
            with pytest.raises(StoreAway) as error:
                open_store(url.format(port))
            assert str(error.value).startswith(f"The database {shown.format(port)} cannot be used: ")
            assert "Connection refused" in str(error.value)
            assert "s3cret" not in str(error.value)


def test_a_database_that_cannot_hold_our_text_is_refused(postgresql_url):
    url = postgresql_url("ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0")
    assert refused(url).endswith("has encoding SQL_ASCII; make one with UTF8.")


def test_sessions_are_told_apart_by_their_name(postgresql_url):
    url = postgresql_url()
    store = open_store(url)
    assert sessions(url) == ["dorimportd"]
    store.close()
    assert sessions(url) == []


def sessions(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT application_name FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [name for (name,) in rows]


def test_each_thread_has_a_connection_and_all_are_closed_with_the_store(postgresql_url):
    url = postgresql_url()
    store = open_store(url)
    asked, go = Event(), Event()

    def ask():
        store.queue()
        asked.set()
        go.wait(10)

    thread = Thread(target=ask)
    thread.start()
    asked.wait(10)
    assert sessions(url) == ["dorimportd", "dorimportd"]
    store.close()
    assert sessions(url) == []
    go.set()
    thread.join()


def test_the_connection_of_a_thread_goes_with_it(url):
    store = open_store(url)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(store.queue).result()
    gc.collect()
    assert len(store._database._live) == 1
    store.close()


def test_a_locked_sqlite_is_away_and_then_works_again(tmp_path, monkeypatch, sold, imported):
    monkeypatch.setattr(connect, "WAIT_SECONDS", 0.2)
    path = tmp_path / "store.db"
    store = open_store(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(
        StoreAway, match=f"^The database sqlite:///{path} cannot be used: database is locked$"
    ):
        imported(store, 1, [sold()])
    assert store.last_registered() == 0  # readers go on
    other.execute("ROLLBACK")
    assert imported(store, 1, [sold()]).outcome.counts == Counts(rows=1, imported=1)
    other.close()
    store.close()


def test_a_thread_that_waits_too_long_for_its_turn_is_told_so(tmp_path, monkeypatch, arrived):
    monkeypatch.setattr(connect, "WAIT_SECONDS", 0.2)
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    writing, go = Event(), Event()

    def long():
        with store._database.writing():
            writing.set()
            go.wait(10)

    thread = Thread(target=long)
    thread.start()
    writing.wait(10)
    with pytest.raises(StoreAway, match=r"is busy with another import\.$"):
        store.register([arrived(1)])
    go.set()
    thread.join()
    store.register([arrived(1)])
    assert store.last_registered() == 1
    store.close()


def test_a_full_sqlite_is_away_and_keeps_nothing_of_the_window(tmp_path, sold, imported, table):
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    imported(store, 1, [sold("a")])
    store._database.pragma("max_page_count", store._database.pragma("page_count") + 2)
    with pytest.raises(StoreAway, match=r"database or disk is full$"):
        imported(store, 2, [sold(f"{number:050}") for number in range(2000)])
    assert table(store) == [("a", "12.50", 1)]
    # The connection that failed was given up, and with it the limit.
    imported(store, 2, [sold("b")])
    assert table(store) == [("a", "12.50", 1), ("b", "12.50", 2)]
    store.close()


def end_sessions(url):
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_session_that_the_server_ended_between_two_calls_is_not_noticed(postgresql_url):
    url = postgresql_url()
    store = open_store(url)
    end_sessions(url)
    assert store.last_registered() == 0
    store.close()


def test_a_session_that_the_server_ends_in_the_middle_keeps_nothing(
    postgresql_url, monkeypatch, sold, imported, table
):
    url = postgresql_url()
    store = open_store(url)
    with monkeypatch.context() as patch:
        patch.setattr(imports, "add_rejects", lambda *_, **__: end_sessions(url))
        with pytest.raises(StoreAway, match=r"server closed the connection|terminating connection"):
            imported(store, 1, [sold()])
    assert table(store) == []
    assert imported(store, 1, [sold()]).outcome.counts == Counts(rows=1, imported=1)
    store.close()


def test_a_server_that_lets_nobody_in_is_away_and_then_works_again(
    postgresql_url, postgresql_server, sold, imported
):
    url = postgresql_url()
    store = open_store(url)
    name = re.search("test_[0-9]+", url)[0]
    with psycopg.connect(postgresql_server.get_uri(), autocommit=True) as connection:
        end_sessions(url)
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        for question in (store.last_registered, lambda: list(store.transactions("acme"))):
            with pytest.raises(StoreAway, match="is not currently accepting connections"):
                question()
        with pytest.raises(StoreAway, match="is not currently accepting connections"):
            open_store(url)
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert imported(store, 1, [sold()]).outcome.counts == Counts(rows=1, imported=1)
    store.close()


def test_a_read_only_server_is_away(postgresql_url, postgresql_server, arrived):
    url = postgresql_url()
    store = open_store(url)
    name = re.search("test_[0-9]+", url)[0]
    with psycopg.connect(postgresql_server.get_uri(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        end_sessions(url)
        with pytest.raises(StoreAway, match="read-only transaction"):
            store.register([arrived(1)])
        connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    end_sessions(url)
    store.register([arrived(1)])
    assert store.last_registered() == 1
    store.close()


def test_a_login_without_permission_is_for_a_person_to_mend(postgresql_url):
    url = postgresql_url()
    open_store(url).close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS nobody")
        connection.execute("CREATE ROLE nobody LOGIN")
    assert "permission denied" in refused(url.replace("postgres:@", "nobody@"))


def test_a_fault_in_a_database_transaction_is_told_as_what_it_is(store):
    with pytest.raises(Exception, match="nowhere"), store._database.writing(), store._database.using():
        store._database.sql("SELECT * FROM nowhere")
    assert store.last_registered() == 0


@pytest.mark.parametrize("few", [True, False])
def test_a_fault_in_a_database_transaction_keeps_nothing_and_the_connection_goes_on(store, few):
    database = store._database
    (before,) = database.sql("SELECT COUNT(*) FROM customer").fetchone()
    connection = database.connection()
    with pytest.raises(ZeroDivisionError), database.writing(few=few):
        database.sql("INSERT INTO customer (name, transactions) VALUES ('acme', 0)")
        raise ZeroDivisionError
    assert database.sql("SELECT COUNT(*) FROM customer").fetchone() == (before,) == (0,)
    assert database.connection() is connection
    with database.writing(few=few):
        database.sql("INSERT INTO customer (name, transactions) VALUES ('acme', 0)")
    assert database.sql("SELECT COUNT(*) FROM customer").fetchone() == (1,)


@pytest.mark.parametrize("few", [True, False])
def test_a_statement_that_fails_takes_those_before_and_after_it_with_it(store, few):
    """Also where nobody looks at its answer, and the next ones are sent before it has come."""
    database = store._database
    with pytest.raises(Exception, match="nowhere"), database.writing(few=few):
        database.sql("INSERT INTO customer (name, transactions) VALUES ('acme', 0)")
        database.sql("DELETE FROM nowhere")
        database.sql("INSERT INTO customer (name, transactions) VALUES ('bravo', 0)")
    assert store.transaction_counts() == {}
    with database.writing(few=few):
        database.sql("INSERT INTO customer (name, transactions) VALUES ('acme', 0)")
    assert store.transaction_counts() == {"acme": 0}


def test_a_small_file_asks_postgresql_nothing_twice(postgresql_url, monkeypatch, sold, arrived):
    """Each answer that is waited for is a millisecond, and several beside other threads that compute."""
    store = open_store(postgresql_url())
    store.register([arrived(1), arrived(2)])
    store.importing(1, "format@1").finish([sold("a")], [], 1)
    statements = []
    sql = Postgresql.sql

    def told(self, statement, params=None):
        statements.append(" ".join(statement.replace('"', "").split()[:3]))
        return sql(self, statement, params)

    monkeypatch.setattr(Postgresql, "sql", told)
    run = store.importing(2, "format@1", row=store.delivery(2))
    assert run.finish([sold("b"), sold("c")], [], 2).outcome.counts == Counts(rows=2, imported=2)
    assert statements == [
        "SELECT t1.sequence, t1.customer,",
        "SELECT t1.sequence FROM",
        "SELECT t1.id FROM",
        "SET LOCAL enable_seqscan",
        "SELECT 1 FROM",
        "INSERT INTO sale",
        "UPDATE customer SET",
        "UPDATE delivery SET",
    ]
    store.close()
