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
