from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import peewee
import psycopg
import pytest

from dorimportd.errors import StoreUnusable
from dorimportd.store import migrations, models, open_store
from dorimportd.store.migrations.version import Version
from dorimportd.store.store import connected
from dorimportd.words import Absent, Counts, Outcome, State, withdrawal

NEWEST = len(migrations.VERSIONS)
NEXT = Version(
    both=["ALTER TABLE delivery ADD COLUMN mood {text}", "UPDATE delivery SET mood = 'good'"],
    sqlite=["CREATE TABLE only_sqlite (n INTEGER)"],
    postgresql=["CREATE TABLE only_postgresql (n INTEGER)"],
)
BROKEN = Version(both=["CREATE TABLE half (n INTEGER)", "ALTER TABLE nowhere ADD COLUMN n INTEGER"])


def schema(store):
    """Tables with their columns, and the version."""
    database = store._database
    tables = {
        table: [column.name for column in database.get_columns(table)] for table in database.get_tables()
    }
    (version,) = database.sql("SELECT version FROM schema_version").fetchone()
    return tables, version


def test_the_models_are_the_tables(store):
    tables, version = schema(store)
    assert version == NEWEST
    for model in (models.Customers, models.Deliveries, models.Rejects, models.Sales, models.Samples):
        assert set(tables.pop(model._meta.table_name)) == set(model._meta.columns), model
    assert tables == {"schema_version": ["version"]}


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_every_text_is_ordered_by_code_point_whatever_the_server_s_locale(store, url):
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT DISTINCT table_name, collation_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type = 'text' AND table_name <> 'sales'"
        ).fetchall()
    assert sorted(found) == [(name, "C") for name in ("customer", "delivery", "reject", "sale", "sample")]


def test_opening_again_changes_nothing(url, sold, imported, table):
    store = open_store(url)
    imported(store, 1, [sold()])
    before = schema(store), store.delivery(1), table(store)
    store.close()
    again = open_store(url)
    assert (schema(again), again.delivery(1), table(again)) == before
    again.close()


def test_a_store_grows_by_one_version_and_keeps_what_it_had(url, sold, imported, table):
    store = open_store(url)
    imported(store, 1, [sold()])
    versions = [*migrations.VERSIONS, NEXT]
    migrations.migrate(store._database, versions)
    migrations.migrate(store._database, versions)
    tables, version = schema(store)
    assert version == NEWEST + 1
    assert f"only_{store._database.dialect}" in tables
    assert store._database.sql("SELECT mood FROM delivery").fetchall() == [("good",)]
    assert table(store) == [("0042", "12.50", 1)]
    store.close()


def test_before_sqlite_changes_there_is_a_backup_beside_the_file(tmp_path, sold, imported, table):
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    imported(store, 1, [sold()])
    assert list(tmp_path.glob("store.db.*")) == []
    migrations.migrate(store._database, [*migrations.VERSIONS, NEXT])
    store.close()
    assert {path.name for path in tmp_path.iterdir()} == {"store.db", f"store.db.schema-{NEWEST}"}
    backup = open_store(f"sqlite:///{tmp_path / f'store.db.schema-{NEWEST}'}")
    assert schema(backup)[1] == NEWEST
    assert table(backup) == [("0042", "12.50", 1)]
    backup.close()


OLD_SALES = [
    "INSERT INTO customer (id, name, transactions) VALUES (1, 'acme', 2)",
    "INSERT INTO delivery VALUES (1, 'acme', 'sftp', 'sales.csv', 1000, 'x', '192.0.2.7', NULL, 0, "
    "'imported', NULL, 'format@1', 2, 2, 0, 0, 0, 0, 0, 0, FALSE)",
    "INSERT INTO sale VALUES (1250, 1784000000000000, 1, 2, 1, 7200, 2, '0042', '7', 'EUR')",
    "INSERT INTO sale VALUES (-99, 1784000000000000, 1, 3, 1, 7200, 2, '0043', '7', 'EUR')",
]


def test_what_the_first_version_had_is_shown_and_compared_as_before(url, sold, imported, table):
    database = connected(url)
    migrations.migrate(database, migrations.VERSIONS[:1])
    with database.writing():
        for statement in OLD_SALES:
            database.sql(statement)
    database.close_all()
    store = open_store(url)
    assert table(store) == [("0042", "12.50", 1), ("0043", "-0.99", 1)]
    view = "SELECT transaction_id, CAST(total AS TEXT), delivery FROM sales ORDER BY transaction_id"
    with store._database.using():
        assert store._database.sql(view).fetchall() == [("0042", "12.50", 1), ("0043", "-0.99", 1)]
    assert store.delivery(1).outcome == Outcome(State.IMPORTED, Counts(2, 2), None, "format@1", Absent())
    assert imported(store, 2, [sold(), withdrawal("0043", 3)]).outcome.counts == Counts(2, 1, 1, 1)
    assert (table(store), store.transaction_counts()) == ([("0042", "12.50", 2)], {"acme": 1})
    store.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_who_was_granted_the_view_of_the_first_version_keeps_it(url):
    database = connected(url)
    migrations.migrate(database, migrations.VERSIONS[:1])
    with psycopg.connect(url) as connection:
        connection.execute("CREATE VIEW days AS SELECT count(*) FROM sales")
        connection.execute("GRANT SELECT ON sales TO pg_monitor")
    migrations.migrate(database)
    database.close_all()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT * FROM days").fetchall() == [(0,)]
        asked = "SELECT has_table_privilege('pg_monitor', 'sales', 'SELECT')"
        assert connection.execute(asked).fetchall() == [(True,)]


def test_a_migration_that_fails_leaves_everything_as_it_was(url, sold, imported, table):
    store = open_store(url)
    imported(store, 1, [sold()])
    before = schema(store)
    with pytest.raises((peewee.OperationalError, StoreUnusable)):
        migrations.migrate(store._database, [*migrations.VERSIONS, NEXT, BROKEN])
    assert (schema(store), table(store)) == (before, [("0042", "12.50", 1)])
    store.close()


def test_a_newer_schema_is_refused_with_both_versions(url):
    store = open_store(url)
    shown = store.url_shown
    with store._database.writing():
        store._database.sql("UPDATE schema_version SET version = 99")
    store.close()
    with pytest.raises(StoreUnusable) as error:
        open_store(url)
    assert str(error.value) == (
        f"The database {shown} has schema 99, and this dorimportd knows up to {NEWEST}; "
        "install the newer dorimportd again, or restore a backup."
    )


def test_the_tables_of_another_program_are_left_alone(tmp_path):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customer (email TEXT)")
    connection.close()
    with pytest.raises(StoreUnusable) as error:
        open_store(f"sqlite:///{path}")
    assert str(error.value) == (
        f"The database sqlite:///{path} has tables of another program (customer); "
        "give dorimportd a database of its own."
    )


def test_threads_that_open_a_new_store_at_once_all_find_it_whole(url):
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(open_store, [url] * 6))
    assert [schema(store)[1] for store in stores] == [NEWEST] * 6
    assert stores[0]._database.sql("SELECT count(*) FROM schema_version").fetchone() == (1,)
    for store in stores:
        store.close()


def test_processes_that_open_a_new_store_at_once_all_find_it_whole(url):
    code = "import sys; from dorimportd.store import *; print(open_store(sys.argv[1]).last_registered())"
    command = [sys.executable, "-c", code, url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0] for process in processes] == ["0\n"] * 3
