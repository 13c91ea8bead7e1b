"""The archive by the command line: why, verify and rebuild, beside a running daemon, on both databases."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, contextmanager, nullcontext

import psycopg
import pytest
from appliance import FORMAT, SALES, Appliance

HEADER = "Store;Receipt;Total;Time\n"
VOID = 'withdraw = { Total = "void" }\n'
BY_STORE = FORMAT.replace('"Receipt"', '["Store", "Receipt"]') + VOID
VIEW = (
    "SELECT customer, location, transaction_id, CAST(total AS TEXT), currency, delivery"
    " FROM sales ORDER BY 1, 3"
)


class Archive:
    """A running daemon with a history, and other databases to build it in."""

    def __init__(self, appliance, database):
        self.appliance = appliance
        self.url = database.replace("sqlite:///", f"sqlite:///{appliance.folder}/state/")
        self.sent = 0

    def write_format(self, text):
        (self.appliance.folder / "formats.d" / "plain.toml").write_text(text)
        self.appliance.run_ctl("reload")

    def send(self, text, name="sales.csv"):
        path = self.appliance.folder / name
        path.write_bytes(text if isinstance(text, bytes) else (HEADER + text).encode())
        self.appliance.run_ctl("import", path, "--customer", "acme")
        self.sent += 1
        return self.settle()[-1]

    def settle(self):
        return self.appliance.settle(self.sent)

    def again(self, how, sequence):
        self.appliance.run_ctl("delivery", how, str(sequence))
        return self.settle()[sequence - 1]

    @contextmanager
    def using(self, url):
        """Commands work with another database."""
        config = self.appliance.config
        self.appliance.config = config.with_name("other.toml")
        text = re.sub(r"(?m)^url = .*$", f'url = "{url}"', config.read_text())
        self.appliance.config.write_text(text)
        yield
        self.appliance.config = config

    def export(self, url=None):
        """The transactions as CSV, from the database in use or another one."""
        with self.using(url) if url else nullcontext():
            return self.appliance.run_ctl("transactions", "--customer", "acme", "--csv")


def sql(url, statement):
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            assert connection.execute(statement).rowcount == 1
    else:
        with psycopg.connect(url) as connection:
            assert connection.execute(statement).rowcount == 1


def view(url):
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return connection.execute(VIEW).fetchall()
    with psycopg.connect(url) as connection:
        return connection.execute(VIEW).fetchall()


def make_history(archive):
    """Overlaps, duplicates, a withdrawal, changed formats, retries, held and released deliveries."""
    archive.write_format(FORMAT + VOID)
    archive.send(SALES)  # 1
    archive.send("0007;A-1;99.00;2026-07-14 09:02:11\n0007;A-3;3.00;2026-07-14 12:00:00\n")  # 2
    archive.send(SALES)  # 3: A-1 is 12.50 again
    assert archive.send(SALES)["state"] == "duplicate"  # 4
    archive.send("0012;B-1;void;\n0012;B-2;7.00;2026-07-15 10:00:00\n")  # 5
    lines = "".join(f"0012;C-{number};1.0{number};2026-07-15 10:00:00\n" for number in range(5))
    bad = "".join(f"0012;D-{number};one;2026-07-15 10:00:00\n" for number in range(3))
    assert archive.send(lines + bad)["state"] == "held"  # 6
    assert archive.again("release", 6)["imported"] == 5
    assert archive.send(b"Shop;No\n1;2\n")["state"] == "held"  # 7
    archive.write_format(BY_STORE)
    assert archive.again("retry", 2)["imported"] == 2  # what it told by the other format stays
    archive.send("0012;E-1;5.00;2026-07-16 10:00:00\n")  # 8
    archive.write_format(FORMAT.replace('"Total"', '"Amount"'))
    assert archive.again("retry", 8)["state"] == "held"  # and its rows stay


EXPORT = """\
customer,location,transaction_id,total,currency,occurred_at,local_time,delivery
acme,0007,0007/A-1,99.00,EUR,2026-07-14T07:02:11Z,2026-07-14T09:02:11,2
acme,0007,A-1,12.50,EUR,2026-07-14T07:02:11Z,2026-07-14T09:02:11,4
acme,0007,A-2,-2.50,EUR,2026-07-14T07:05:43Z,2026-07-14T09:05:43,4
acme,0007,0007/A-3,3.00,EUR,2026-07-14T10:00:00Z,2026-07-14T12:00:00,2
acme,0007,A-3,3.00,EUR,2026-07-14T10:00:00Z,2026-07-14T12:00:00,2
acme,0012,B-2,7.00,EUR,2026-07-15T08:00:00Z,2026-07-15T10:00:00,5
acme,0012,C-0,1.00,EUR,2026-07-15T08:00:00Z,2026-07-15T10:00:00,6
acme,0012,C-1,1.01,EUR,2026-07-15T08:00:00Z,2026-07-15T10:00:00,6
acme,0012,C-2,1.02,EUR,2026-07-15T08:00:00Z,2026-07-15T10:00:00,6
acme,0012,C-3,1.03,EUR,2026-07-15T08:00:00Z,2026-07-15T10:00:00,6
acme,0012,C-4,1.04,EUR,2026-07-15T08:00:00Z,2026-07-15T10:00:00,6
acme,0012,0012/E-1,5.00,EUR,2026-07-16T08:00:00Z,2026-07-16T10:00:00,8
"""


SUMS = {"imported": 5, "held": 2, "duplicate": 1}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def archive(request, tmp_path_factory):
    """With its history; a test leaves it as it was."""
    database = "sqlite:///dorimportd.db"
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql_url")()
    appliance = Appliance(tmp_path_factory.mktemp("archive") / "house", database)
    appliance.start()
    archive = Archive(appliance, database)
    make_history(archive)
    yield archive
    appliance.end()


def test_the_history_is_as_it_should_be(archive):
    assert archive.export() == EXPORT


def test_a_rebuilt_database_has_the_same_export(archive, postgresql_url, tmp_path):
    for url in (f"sqlite:///{tmp_path}/other.db", postgresql_url()):
        told = archive.appliance.ctl("rebuild", "--into", url)
        assert told == {"deliveries": SUMS, "removed": 0, "unknown": 0, "lost": []}
        assert archive.export(url) == EXPORT
        assert view(url) == view(archive.url)


def test_a_held_delivery_is_held_with_its_reason_in_a_rebuilt_database(archive, tmp_path):
    url = f"sqlite:///{tmp_path}/other.db"
    archive.appliance.run_ctl("rebuild", "--into", url)
    with archive.using(url):
        rebuilt = archive.appliance.deliveries()
    known = archive.appliance.deliveries()
    assert [(each["state"], each["reason"]) for each in rebuilt] == [
        (each["state"], each["reason"]) for each in known
    ]


def test_an_empty_database_fills_itself_as_the_deliveries_were_read(archive, tmp_path):
    config = archive.appliance.config
    text = config.read_text()
    assert archive.appliance.stop() == 0
    config.write_text(re.sub(r"(?m)^url = .*$", f'url = "sqlite:///{tmp_path}/other.db"', text))
    archive.appliance.start()
    archive.appliance.settle(8)
    assert archive.export() == EXPORT
    archive.appliance.stop()
    config.write_text(text)
    archive.appliance.start()
    assert archive.appliance.ctl("verify")["findings"] == []


def test_a_database_that_is_not_empty_is_not_rebuilt(archive, tmp_path):
    other = f"sqlite:///{tmp_path}/other.db"
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    told = archive.appliance.run_ctl("rebuild", "--into", other, status=1)
    assert told == f"The database {other} is not empty; give an empty one.\n"
    used = archive.appliance.run_ctl("rebuild", "--into", archive.url, status=1)
    assert used == "This is the database in use; give an empty one.\n"


def test_nothing_is_wrong_with_a_sound_archive(archive):
    none = {"count": 0, "first": []}
    assert archive.appliance.ctl("verify") == {
        "deliveries": 8,
        "unknown": 0,
        "removed": 0,
        "unchecked": 0,
        "transactions": 13,  # with the one that is withdrawn
        "findings": [],
        "unexplained": none,
        "missing": none,
        "different": none,
    }
    assert not list((archive.appliance.folder / "state").glob("verify-*"))


def test_a_changed_byte_and_a_missing_file_are_found(archive):
    spool = archive.appliance.folder / "state" / "spool" / "accepted" / "000000"
    data, envelope = spool / "000000000007" / "data", spool / "000000000004" / "envelope"
    there = data.read_bytes()
    data.write_bytes(there.replace(b"1;2", b"1;3"))
    envelope.rename(envelope.with_name("away"))
    try:
        told = archive.appliance.ctl("verify", status=1)
    finally:
        data.write_bytes(there)
        envelope.with_name("away").rename(envelope)
    assert told["findings"] == [
        {"delivery": 4, "problem": "has an envelope that cannot be read: No such file or directory"},
        {"delivery": 7, "problem": "has other bytes than were sent"},
    ]
    assert [each["transaction_id"] for each in told["different"]["first"]] == ["A-1", "A-2"]


def test_a_delivery_whose_folder_is_gone_is_found(archive):
    spool = archive.appliance.folder / "state" / "spool" / "accepted" / "000000"
    (spool / "000000000007").rename(spool / "away")
    try:
        told = archive.appliance.ctl("verify", status=1)
    finally:
        (spool / "away").rename(spool / "000000000007")
    assert told["findings"] == [
        {"delivery": 7, "problem": "is in the database, and its folder is gone"},
    ]


def test_a_changed_an_added_and_a_removed_row_are_found(archive):
    sql(archive.url, "UPDATE sale SET units = 301 WHERE transaction_id = 'A-3'")
    sql(archive.url, "UPDATE sale SET transaction_id = 'X' WHERE transaction_id = 'A-2'")
    try:
        told = archive.appliance.ctl("verify", status=1)
        text = archive.appliance.run_ctl("verify", status=1)
    finally:
        sql(archive.url, "UPDATE sale SET units = 300 WHERE transaction_id = 'A-3'")
        sql(archive.url, "UPDATE sale SET transaction_id = 'A-2' WHERE transaction_id = 'X'")
    assert [row(each) for each in told["different"]["first"]] == [("A-3", 2, 3, "3.01", "3.00")]
    assert [row(each) for each in told["unexplained"]["first"]] == [("X", 4, 3, "-2.50", None)]
    assert [row(each) for each in told["missing"]["first"]] == [("A-2", 4, 3, None, "-2.50")]
    assert text.splitlines() == [
        "Deliveries read: 8. Transactions compared: 14.",
        "transactions of the database that no delivery explains: 1",
        "    acme X: delivery 4 line 3",
        "transactions that are missing in the database: 1",
        "    acme A-2: delivery 4 line 3",
        "transactions that differ in the database: 1",
        "    acme A-3: delivery 2 line 3: 0007 3.01 EUR 2026-07-14T10:00:00Z (delivery 2 line 3),"
        " and by the archive 0007 3.00 EUR 2026-07-14T10:00:00Z (delivery 2 line 3)",
    ]


def row(wrong):
    totals = [wrong[side] and wrong[side]["total"] for side in ("database", "archive")]
    return (wrong["transaction_id"], wrong["delivery"], wrong["line"], *totals)


def test_the_lineage_of_a_transaction_has_the_newest_first(archive):
    told = archive.appliance.ctl("why", "--customer", "acme", "A-1")
    lines = [(each["delivery"], each["line"], each["total"], each["counts"]) for each in told["said"]]
    assert lines == [
        (4, 2, "12.50", True),
        (3, 2, "12.50", False),
        (2, 2, "99.00", False),
        (1, 2, "12.50", False),
    ]
    assert told["said"][0] == {
        "customer": "acme",
        "location": "0007",
        "transaction_id": "A-1",
        "total": "12.50",
        "currency": "EUR",
        "occurred_at": "2026-07-14T07:02:11Z",
        "local_time": "2026-07-14T09:02:11",
        "delivery": 4,
        "line": 2,
        "withdrawn": False,
        "name": "sales.csv",
        "received_at": told["said"][0]["received_at"],
        "format": told["said"][0]["format"],
        "counts": True,
    }


def test_the_lineage_has_what_is_withdrawn_and_what_another_format_told(archive):
    told = archive.appliance.ctl("why", "--customer", "acme", "B-1")["said"]
    assert [(each["delivery"], each["withdrawn"], each["total"]) for each in told] == [
        (5, True, None),
        (4, False, "1249.00"),
        (3, False, "1249.00"),
        (1, False, "1249.00"),
    ]
    (by_store,) = archive.appliance.ctl("why", "--customer", "acme", "0007/A-3")["said"]
    assert (by_store["delivery"], by_store["line"]) == (2, 3)
    text = archive.appliance.run_ctl("why", "--customer", "acme", "B-1")
    assert text.endswith("Delivery 5 line 2 counts: the transaction is withdrawn.\n")
    unknown = archive.appliance.run_ctl("why", "--customer", "acme", "nothing", status=1)
    assert unknown == "No delivery of this customer says anything about 'nothing'.\n"
