"""The archive by the command line: why, verify and rebuild, beside a running daemon, on both databases."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

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

    def __init__(self, appliance):
        self.appliance = appliance
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

    def export(self, url=None):
        """The transactions as CSV, from the database in use or another one."""
        config = self.appliance.config
        if url is not None:
            text = re.sub(r"(?m)^url = .*$", f'url = "{url}"', config.read_text())
            self.appliance.config = config.with_name("other.toml")
            self.appliance.config.write_text(text)
        try:
            return self.appliance.run_ctl("transactions", "--customer", "acme", "--csv")
        finally:
            self.appliance.config = config

    def states(self):
        return [(each["state"], each["reason"]) for each in self.appliance.deliveries()]


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


@pytest.fixture(params=["sqlite", "postgresql"])
def archive(request, tmp_path):
    database = "sqlite:///dorimportd.db"
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql_url")()
    appliance = Appliance(tmp_path / "house", database)
    appliance.start()
    yield Archive(appliance)
    appliance.end()


def test_a_rebuilt_database_has_the_same_export(archive, postgresql_url, tmp_path):
    make_history(archive)
    assert archive.export() == EXPORT.replace("\n", "\r\n") or archive.export() == EXPORT
    for url in (f"sqlite:///{tmp_path}/other.db", postgresql_url()):
        told = archive.appliance.ctl("rebuild", "--into", url)
        assert told == {
            "deliveries": {"imported": 5, "held": 2, "duplicate": 1},
            "unknown": 0,
            "lost": [],
        }
        assert archive.export(url) == archive.export()
    used = archive.appliance.ctl("verify")
    assert used["findings"] == []
    assert view(url) == view(f"sqlite:///{tmp_path}/other.db")
