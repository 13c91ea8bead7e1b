"""Old deliveries by the real daemon and the real commands: compressed, then removed."""

from __future__ import annotations

import ftplib
import io
import os
import re
import smtplib
import sqlite3
import subprocess
import time
from contextlib import closing

import paramiko
import psycopg
import pytest
from appliance import FORMAT, PASSWORD, SALES, Appliance

pytestmark = pytest.mark.timeout(600)
DAY = 86_400
BIG = b"Store;Receipt;Total;Time\n" + b"".join(
    b"0012;C-%d;1.%02d;2026-07-15 10:00:00\n" % (number, number % 100) for number in range(2000)
)
OTHER = SALES.replace(b"12.50", b"99.00")
BAD = SALES.replace(b"A-", b"D-") + b"0012;D-3;12,5x;2026-07-14 10:31:00\n"
VOID = b"Store;Receipt;Total;Time\n0012;B-1;void;\n0007;V-1;1.00;2026-07-15 10:00:00\n"
EXPORT = """\
customer,location,transaction_id,total,currency,occurred_at,local_time,delivery
acme,0007,A-1,99.00,EUR,2026-07-14T07:02:11Z,2026-07-14T09:02:11,3
acme,0007,D-1,12.50,EUR,2026-07-14T07:02:11Z,2026-07-14T09:02:11,4
acme,0007,A-2,-2.50,EUR,2026-07-14T07:05:43Z,2026-07-14T09:05:43,3
acme,0007,D-2,-2.50,EUR,2026-07-14T07:05:43Z,2026-07-14T09:05:43,4
acme,0007,V-1,1.00,EUR,2026-07-15T08:00:00Z,2026-07-15T10:00:00,5
"""
MAIL = (
    b"""\
From: till@shop.example
To: acme@sales.example
Message-ID: <1@shop.example>
Content-Type: text/csv; name="mailed.csv"
Content-Disposition: attachment; filename="mailed.csv"

Store;Receipt;Total;Time
0007;M-1;1.00;2026-07-13 10:00:00
0007;M-2;2.00;2026-07-13 10:00:01
"""
    + b"\n" * 300
)


class House(Appliance):
    """It has files of all kinds, which become older when a test says so."""

    def write_days(self, compress=None, remove=None):
        text = self.config.read_text().partition("\n[retention]")[0]
        days = {"compress_after_days": compress, "remove_after_days": remove}
        lines = [f"{key} = {value}\n" for key, value in days.items() if value is not None]
        self.config.write_text(f"{text}\n[retention]\n{''.join(lines)}")

    def folder_of(self, sequence):
        return self.folder / "state" / "spool" / "accepted" / "000000" / f"{sequence:012}"

    def make_older(self, days, *sequences):
        for each in sequences:
            moment = time.time() - days * DAY
            os.utime(self.folder_of(each) / "outcome", (moment, moment))

    def next_round(self):
        """There is one at each start."""
        self.stop()
        note = self.folder_of(1).parent / "retention"
        note.unlink(missing_ok=True)  # of times that we have changed since
        begin = self.log.stat().st_size
        self.start()
        return self.await_line(r"retention: .*", begin)[0]

    def send(self, *files):
        with ftplib.FTP() as session:
            session.connect("127.0.0.1", self.port("ftp"), timeout=60)
            session.login("acme", PASSWORD)
            for name, content in files:
                session.storbinary(f"STOR {name}", io.BytesIO(content))

    def export(self):
        return self.run_ctl("transactions", "--customer", "acme", "--csv")


both_databases = pytest.mark.parametrize("house", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def house(request, tmp_path):
    database = "sqlite:///dorimportd.db"
    if getattr(request, "param", "sqlite") == "postgresql":
        database = request.getfixturevalue("postgresql_url")()
    house = House(tmp_path / "house", database)
    (house.folder / "formats.d" / "plain.toml").write_text(FORMAT + 'withdraw = { Total = "void" }\n')
    house.start()
    yield house
    house.end()


def test_compressed_deliveries_do_all_that_others_do(house, tmp_path):
    house.send(("sales.csv", SALES), ("big.csv", BIG), ("bad.csv", BAD), ("other.csv", b"Store;No\n1;2\n"))
    states = house.settle(4)
    assert [each["state"] for each in states] == ["imported", "imported", "imported", "held"]
    before, listed = house.export(), listing(house)
    house.write_days(compress=5)
    house.make_older(6, 1, 2, 3, 4)
    assert re.fullmatch(
        r"retention: 3 files compressed, \d+ bytes fewer; the bytes of 0 deliveries removed, 0 bytes",
        house.next_round(),
    )
    kept = [each.name for sequence in (1, 2, 3, 4) for each in house.folder_of(sequence).glob("data*")]
    assert kept == ["data.gz", "data.gz", "data.gz", "data"]  # the last one is too small for it
    assert listing(house) == listed
    with ftplib.FTP() as session:
        session.connect("127.0.0.1", house.port("ftp"), timeout=60)
        session.login("acme", PASSWORD)
        got: list[bytes] = []
        session.retrbinary("RETR big.csv", got.append, rest=50_000)
        assert b"".join(got) == BIG[50_000:]
    read_by_sftp(house)
    assert house.ctl("verify")["findings"] == []
    assert (
        house.run_ctl("delivery", "rejects", "3", "--csv")
        .splitlines()[1]
        .endswith("D-3;12,5x;2026-07-14 10:31:00")
    )
    assert [each["delivery"] for each in house.ctl("why", "--customer", "acme", "A-1")["said"]] == [1]
    house.run_ctl("delivery", "retry", "1")
    assert [each["state"] for each in house.settle(4)] == ["imported", "imported", "imported", "held"]
    url = f"sqlite:///{tmp_path}/other.db"
    assert house.ctl("rebuild", "--into", url)["lost"] == []
    assert house.run_ctl(
        "format", "diff", "--customer", "acme", "--format", house.folder / "formats.d/plain.toml"
    )
    assert house.export() == before
    # Its sender goes on with what is compressed here.
    with ftplib.FTP() as session:
        session.connect("127.0.0.1", house.port("ftp"), timeout=60)
        session.login("acme", PASSWORD)
        session.storbinary("APPE sales.csv", io.BytesIO(b"0007;A-9;9.00;2026-07-14 09:05:43\n"))
    assert house.settle(5)[-1]["imported"] == 1
    damage(house.folder_of(2) / "data.gz")
    assert house.ctl("verify", status=1)["findings"] == [
        {"delivery": 2, "problem": "has bytes that cannot be read: The compressed bytes are damaged"}
    ]


def listing(house):
    with ftplib.FTP() as session:
        session.connect("127.0.0.1", house.port("ftp"), timeout=60)
        session.login("acme", PASSWORD)
        return [(name, facts["size"], facts["modify"]) for name, facts in session.mlsd()]


def read_by_sftp(house):
    transport = paramiko.Transport(("127.0.0.1", house.port("sftp")))
    try:
        transport.connect(username="acme", password=PASSWORD)
        session = paramiko.SFTPClient.from_transport(transport)
        with session.open("big.csv") as file:
            assert file.stat().st_size == len(BIG)
            for offset in (70_000, 10, 40_000, len(BIG) - 5, 0):
                file.seek(offset)
                assert file.read(1000) == BIG[offset : offset + 1000]
    finally:
        transport.close()


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@both_databases
def test_removed_deliveries_leave_their_transactions(house, tmp_path):
    house.send(("a.csv", SALES), ("b.csv", SALES), ("c.csv", OTHER), ("d.csv", BAD), ("e.csv", VOID))
    states = [each["state"] for each in house.settle(5)]
    assert states == ["imported", "duplicate", "imported", "imported", "imported"]
    assert house.export() == EXPORT
    house.write_days(remove=100)
    house.make_older(101, 1, 3, 4)
    assert re.fullmatch(
        r"retention: 0 files compressed, 0 bytes fewer; the bytes of 3 deliveries removed, \d+ bytes",
        house.next_round(),
    )
    day = (house.folder_of(3) / "removed").read_text()[:10]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day)
    assert [name for name, _, _ in listing(house)] == ["b.csv", "e.csv"]
    assert house.export() == EXPORT
    assert f"bytes:       removed on {day}\n" in house.run_ctl("delivery", "show", "3")
    for how in ("retry", "release"):
        assert house.run_ctl("delivery", how, "3", status=1).splitlines() == [
            f"The bytes of delivery 3 were removed on {day}, as retention.remove_after_days says: "
            "it cannot be imported again.",
            "What it told stays in the database. For the rest, let acme send the file again.",
        ]
    assert f"The bytes of delivery 4 were removed on {day}." in house.run_ctl(
        "delivery", "rejects", "4", "--csv", status=1
    )
    assert [each["column"] for each in house.ctl("delivery", "rejects", "4")] == ["Total"]
    why = house.run_ctl("why", "--customer", "acme", "A-1")
    assert "Delivery 3 line 2 counts." in why
    assert "Of deliveries whose bytes were removed is only known what still counts: 3." in why

    checked = house.ctl("verify")
    assert (checked["findings"], checked["removed"], checked["unchecked"]) == ([], 3, 4)
    told = house.run_ctl("verify")
    assert (
        "Deliveries whose bytes were removed: 3. Transactions that they told, which cannot be checked: 4."
        in told
    )
    assert told.endswith("Nothing is wrong.\n")
    rebuilt = house.ctl("rebuild", "--into", f"sqlite:///{tmp_path}/other.db")
    assert (rebuilt["removed"], rebuilt["lost"]) == (3, [])
    config, text = house.config, house.config.read_text()
    other = re.sub(r"(?m)^url = .*$", f'url = "sqlite:///{tmp_path}/other.db"', text)
    house.config = config.with_name("other.toml")
    house.config.write_text(other)
    assert house.export() == EXPORT
    assert [each["column"] for each in house.ctl("delivery", "rejects", "4")] == ["Total"]
    assert house.ctl("verify")["findings"] == []
    house.config.write_text(other.replace("other.db", "missing.db"))
    without = house.run_ctl("rebuild", "--into", f"sqlite:///{tmp_path}/third.db", status=1)
    reason = f"Its bytes were removed on {day}, and the database in use does not know what it told."
    assert without.splitlines()[-3:] == [f"Delivery {each} is lost: {reason}" for each in (1, 3, 4)]
    assert not (tmp_path / "missing.db").exists()
    house.config = config
    told = house.ctl("backup", tmp_path / "backup")
    assert (told["deliveries"], told["problems"]) == (5, [])


@both_databases
def test_rows_that_no_delivery_explains_are_found_beside_removed_ones(house):
    house.send(("a.csv", SALES), ("b.csv", SALES.replace(b"A-1", b"N-1")))
    house.settle(2)
    house.write_days(remove=100)
    house.make_older(101, 1)
    house.next_round()
    sql(house, "UPDATE sale SET units = 7 WHERE transaction_id = 'A-1'")  # of the removed one
    assert house.ctl("verify")["unchecked"] == 1
    sql(house, "UPDATE sale SET units = 7 WHERE transaction_id = 'N-1'")
    sql(house, "UPDATE sale SET sequence = 1, units = 7 WHERE transaction_id = 'A-2'")
    found = house.ctl("verify", status=1)
    assert found["different"]["count"] == 2
    assert [each["transaction_id"] for each in found["different"]["first"]] == ["A-2", "N-1"]


def sql(house, statement):
    url = re.search(r'(?m)^url = "(.*)"$', house.config.read_text())[1]
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(house.folder / "state" / "dorimportd.db")) as connection, connection:
            assert connection.execute(statement).rowcount == 1
    else:
        with psycopg.connect(url) as connection:
            assert connection.execute(statement).rowcount == 1


def test_a_backup_has_each_delivery_as_it_is_now(house, tmp_path):
    backup = tmp_path / "backup"
    house.send(("a.csv", BIG), ("b.csv", BIG.replace(b"C-", b"E-")), ("c.csv", SALES))
    house.settle(3)
    house.run_ctl("backup", backup)
    house.write_days(compress=5, remove=100)
    house.make_older(6, 1)
    house.make_older(101, 2)
    house.next_round()
    assert house.ctl("backup", backup)["problems"] == []
    folders = [backup / "spool" / "accepted" / "000000" / f"{number:012}" for number in (1, 2, 3)]
    there = [sorted(each.name for each in folder.iterdir()) for folder in folders]
    rest = ["envelope", "outcome"]
    assert there == [["data.gz", *rest, "upload"], [*rest, "removed", "upload"], ["data", *rest, "upload"]]
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "manifest"], cwd=backup, check=True)
    exported = house.export()
    house.stop()
    state = house.folder / "state"
    state.rename(house.folder / "old-state")
    house.run_ctl("restore", backup)
    house.start()
    assert [name for name, _, _ in listing(house)] == ["a.csv", "c.csv"]
    assert house.export() == exported
    assert house.ctl("verify")["findings"] == []


def test_mails_are_compressed_and_go_with_their_delivery(house):
    with smtplib.SMTP("127.0.0.1", house.port("smtp"), timeout=60) as session:
        session.sendmail("till@shop.example", ["acme@sales.example"], MAIL.replace(b"\n", b"\r\n"))
    house.settle(1)
    mails = house.folder / "state" / "spool" / "mail"
    (mail,) = mails.glob("*/*/*.eml")
    old = time.time() - 40 * DAY
    os.utime(mail, (old, old))
    assert "retention: 1 files compressed" in house.next_round()
    assert sorted(each.name for each in mails.glob("*/*/*")) == [f"{mail.name}.gz", f"{mail.stem}.json"]
    house.write_days(remove=50)
    house.make_older(51, 1)
    assert "the bytes of 1 deliveries removed" in house.next_round()
    assert list(mails.glob("*/*/*")) == []
    assert "the mails were removed, too" in house.run_ctl("delivery", "show", "1")
