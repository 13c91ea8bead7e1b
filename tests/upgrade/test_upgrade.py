"""What an older dorimportd left is all there under this one; what a newer one left is not touched.

The files beside this one are of an older dorimportd; what was sent to it is told in what-was-sent.txt.
"""

from __future__ import annotations

import ftplib
import hashlib
import io
import os
import re
import resource
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from appliance import BIN, PASSWORD, Appliance

from dorimportd.store import migrations
from dorimportd.store.store import connected

pytestmark = pytest.mark.timeout(600)
HERE = Path(__file__).parent
NEWEST = len(migrations.VERSIONS)
EXPORT = """\
customer,location,transaction_id,total,currency,occurred_at,local_time,delivery
acme,0007,0007/A-1,12.50,EUR,2026-07-14T07:02:11Z,2026-07-14T09:02:11,1
acme,0007,A-1,12.50,EUR,2026-07-14T07:02:11Z,2026-07-14T09:02:11,1
acme,0007,0007/A-2,-2.50,EUR,2026-07-14T07:05:43Z,2026-07-14T09:05:43,1
acme,0007,A-2,-2.50,EUR,2026-07-14T07:05:43Z,2026-07-14T09:05:43,1
acme,0012,0012/B-1,1249.00,EUR,2026-07-14T08:31:00Z,2026-07-14T10:31:00,1
acme,0007,R-1,1.00,EUR,2026-07-15T07:00:00Z,2026-07-15T09:00:00,2
acme,0007,R-3,3.00,EUR,2026-07-15T07:00:02Z,2026-07-15T09:00:02,2
acme,0007,R-4,4.00,EUR,2026-07-15T07:00:03Z,2026-07-15T09:00:03,2
acme,0007,R-5,5.00,EUR,2026-07-15T07:00:04Z,2026-07-15T09:00:04,2
acme,0007,M-1,1.00,EUR,2026-07-16T08:00:00Z,2026-07-16T10:00:00,3
acme,0007,M-2,-2.00,EUR,2026-07-16T08:00:01Z,2026-07-16T10:00:01,3
acme,0012,B-2,7.00,EUR,2026-07-17T08:00:00Z,2026-07-17T10:00:00,5
acme,0012,0012/Z-1,8.00,EUR,2026-07-18T08:00:00Z,2026-07-18T10:00:00,6
"""
AFTER_THE_KILL = "acme,0012,0012/Z-2,9.00,EUR,2026-07-18T09:00:00Z,2026-07-18T11:00:00,7\n"
RESUMED = "acme,0012,0012/W-1,1.00,EUR,2026-07-19T08:00:00Z,2026-07-19T10:00:00,{}\n"
DELIVERIES = [
    ("sftp", "sales.csv", "imported"),
    ("ftp", "bad.csv", "imported"),
    ("smtp", "mailed.csv", "imported"),
    ("ftp", "other.csv", "held"),
    ("local", "void.csv", "imported"),
    ("local", "waits.csv", "imported"),
]
WAITS_2 = ("local", "waits2.csv", "imported")
HELD = (
    "The header in line 1 does not fit the format: column `Total` is gone. "
    "Its columns are `Store`, `Receipt`, `Gross`, `Time`."
)
FILES = [
    *(("bad.csv", 195), ("half.csv", 40), ("mailed.csv", 97), ("other.csv", 59)),
    *(("sales.csv", 132), ("void.csv", 74), ("waits.csv", 59)),
]


class Older(Appliance):
    """A state folder and configuration that an older dorimportd wrote."""

    def __init__(self, folder, archive):
        self.folder = folder
        self.config = folder / "dorimportd.toml"
        self.log = folder / "log"
        self.command = [BIN / "dorimportd"]
        self.daemon = None
        self.state = folder / "state"
        with tarfile.open(HERE / archive) as files:
            files.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        for each in (self.state / "spool" / "incoming").rglob("*"):
            os.utime(each)  # as if it had come lately

    def use(self, url):
        self.config.write_text(re.sub(r"(?m)^url = .*$", f'url = "{url}"', self.config.read_text()))

    def refused(self, **more):
        """What a start says that must fail."""
        words = [BIN / "dorimportd", "run", "--config", self.config]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, **more)
        assert done.returncode == 78, done.stderr
        return done.stderr

    def digests(self):
        files = sorted(each for each in self.state.rglob("*") if each.is_file())
        return {each: hashlib.sha256(each.read_bytes()).hexdigest() for each in files}

    def ftp(self):
        session = ftplib.FTP()
        session.connect("127.0.0.1", self.port("ftp"), timeout=60)
        session.login("acme", PASSWORD)
        return session


@pytest.fixture(params=["stopped", "killed", "postgresql"])
def older(request, tmp_path):
    archive = "killed" if request.param == "killed" else "stopped"
    older = Older(tmp_path / "house", f"{archive}.tar.gz")
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")()
        with psycopg.connect(url) as connection:
            connection.execute((HERE / "postgresql.sql").read_text())
        older.use(url)
    older.killed = archive == "killed"
    yield older
    older.end()


def test_all_that_an_older_dorimportd_had_is_there_and_goes_on(older):
    assert (older.state / "spool" / "version").read_text() == "1\n"
    expected = [*DELIVERIES, WAITS_2] if older.killed else DELIVERIES
    files = [*FILES, ("waits2.csv", 59)] if older.killed else FILES
    export = EXPORT + AFTER_THE_KILL * older.killed
    older.start()
    found = older.settle(len(expected))
    assert [(each["channel"], each["name"], each["state"]) for each in found] == expected
    assert (older.state / "spool" / "version").read_text() == "2\n"
    assert older.run_ctl("transactions", "--customer", "acme", "--csv") == export
    checked = older.ctl("verify")
    assert (checked["findings"], checked["deliveries"], checked["unknown"]) == ([], len(expected), 0)
    assert found[3]["reason"] == HELD
    (reject,) = older.ctl("delivery", "rejects", "2")
    told = [reject[key] for key in ("line", "column", "value", "raw")]
    assert told == [3, "Total", "1,5x", "0007;R-2;1,5x;2026-07-15 09:00:01"]
    shown = older.run_ctl("delivery", "show", "3")
    assert "message_id:  <1@shop.example>\n" in shown
    assert "archive:     a copy of the mail is kept\n" in shown
    assert len(list((older.state / "spool" / "mail").glob("*/*/*.eml"))) == 2
    with older.ftp() as session:
        listed = [(name, int(facts["size"])) for name, facts in session.mlsd()]
        assert listed == files
        session.storbinary("STOR half.csv", io.BytesIO(b"26-07-19 10:00:00\n"), rest=41)
    assert older.settle(len(expected) + 1)[-1]["imported"] == 1
    whole = older.run_ctl("transactions", "--customer", "acme", "--csv")
    assert whole == export + RESUMED.format(len(expected) + 1)


def test_a_newer_spool_is_refused_and_not_touched(tmp_path):
    older = Older(tmp_path / "house", "stopped.tar.gz")
    (older.state / "spool" / "version").write_text("3\n")
    before = older.digests()
    sentence = (
        f"The spool {older.state / 'spool'} has layout 3, and this dorimportd knows up to 2; "
        "install the newer dorimportd again, or restore a backup."
    )
    assert older.refused() == f"dorimportd does not start: {sentence}\n"
    assert older.run_ctl("verify", status=1) == f"The spool cannot be used: {sentence}\n"
    assert older.digests() == before


def test_a_newer_database_is_refused_and_nothing_is_touched(tmp_path):
    older = Older(tmp_path / "house", "stopped.tar.gz")
    database = older.state / "dorimportd.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 99")
    before = older.digests()
    sentence = (
        f"The database sqlite:///{database} has schema 99, and this dorimportd knows up to {NEWEST}; "
        "install the newer dorimportd again, or restore a backup."
    )
    assert older.refused() == f"dorimportd does not start: {sentence}\n"
    assert older.digests() == before
    assert older.run_ctl("deliveries", status=1) == f"The database cannot be used: {sentence}\n"
    assert older.digests() == before


@pytest.fixture
def of_schema_2(tmp_path):
    """A state folder with a database before the last change of the schema."""
    older = Older(tmp_path / "house", "stopped.tar.gz")
    path = older.state / "dorimportd.db"
    path.unlink()
    database = connected(f"sqlite:///{path}")
    migrations.migrate(database, migrations.VERSIONS[:2])
    with database.writing():
        database.sql("INSERT INTO customer (id, name, transactions) VALUES (1, 'acme', 1)")
        for number in range(500):
            database.sql(
                "INSERT INTO sale VALUES (700, 1784275200000000, 5, 2, 1, 7200, 2, ?, '0012', 'EUR', FALSE)",
                [f"old-{number}"],
            )
    database.close_all()
    yield older
    older.end()


def test_before_the_schema_changes_there_is_a_copy_that_opens(of_schema_2):
    of_schema_2.start()
    of_schema_2.settle(6)
    copy = of_schema_2.state / "dorimportd.db.schema-2"
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(2,)]
        summed = "SELECT count(*), min(total), max(total) FROM sales"
        assert connection.execute(summed).fetchall() == [(500, "7.00", "7.00")]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(sqlite3.connect(of_schema_2.state / "dorimportd.db")) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(NEWEST,)]


def test_without_room_for_the_copy_it_does_not_start_and_all_is_as_it_was(of_schema_2):
    before = of_schema_2.digests()
    limit = 40 * 1024  # less than the database has, and more than SQLite's shared memory

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    assert (of_schema_2.state / "dorimportd.db").stat().st_size > limit
    said = of_schema_2.refused(preexec_fn=no_room)
    assert re.fullmatch(
        r"dorimportd does not start: The database sqlite:///\S+ is as it was, since it could not be copied to"
        r" \S+\.schema-2 before its schema changes: .+\. Make room there, then start again\.\n",
        said,
    )
    assert of_schema_2.digests() == before
    of_schema_2.start()
    of_schema_2.settle(6)
