"""A backup of a running daemon, and what is restored from it."""

from __future__ import annotations

import ftplib
import io
import re
import shutil
import smtplib
import subprocess
import threading
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from appliance import BIN, FORMAT, PASSWORD, SALES, SOLD, Appliance

from dorimportd.ctl.main import main
from dorimportd.store.store import Store

MANY = 30  # files that come in while the backup is made


class Restored(Appliance):
    """A second machine: the configuration of a backup, and what was restored by it."""

    def __init__(self, folder, backup):
        self.folder = folder
        self.config = folder / "dorimportd.toml"
        self.log = folder / "log"
        self.command = [BIN / "dorimportd"]
        self.daemon = None
        shutil.copytree(backup / "configuration", folder)


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    """A running daemon that has imported one file and holds another."""
    appliance = Appliance(tmp_path_factory.mktemp("backup") / "house")
    appliance.start()
    send(appliance, [("sales.csv", SALES), ("other.csv", b"Store;Receipt;Gross;Time\n1;2;3;4\n")])
    appliance.settle(2)
    yield appliance
    appliance.end()


def send(appliance, files):
    with ftplib.FTP() as session:
        session.connect("127.0.0.1", appliance.port("ftp"), timeout=30)
        session.login("acme", PASSWORD)
        for name, content in files:
            session.storbinary(f"STOR {name}", io.BytesIO(content))


def more(number):
    return (f"more-{number}.csv", SALES + f"0012;M-{number};1.00;2026-07-14 11:00:00\n".encode())


def test_a_backup_while_files_come_in_restores_to_the_same_export(appliance, tmp_path):
    sender = threading.Thread(target=send, args=(appliance, [more(number) for number in range(MANY)]))
    sender.start()
    told = appliance.ctl("backup", tmp_path / "backup")
    sender.join()
    appliance.settle(2 + MANY)
    rows = appliance.ctl("transactions", "--customer", "acme")
    last = told["last_delivery"]
    assert told == {
        "directory": str(tmp_path / "backup"),
        "deliveries": last,
        "last_delivery": last,
        "database": "sqlite",
        "problems": [],
    }
    subprocess.run(
        ["sha256sum", "--check", "--quiet", "--strict", "manifest"], cwd=tmp_path / "backup", check=True
    )

    restored = Restored(tmp_path / "other", tmp_path / "backup")
    assert restored.ctl("restore", tmp_path / "backup")["deliveries"] == last
    restored.start()
    deliveries = restored.settle(last)
    assert [each["state"] for each in deliveries][:2] == ["imported", "held"]
    expected = {row[1] for row in SOLD} | {f"M-{number}" for number in range(last - 2)}
    assert {row[1] for row in restored.transactions()} == expected
    kept = [row for row in rows if row["transaction_id"].startswith("M-") and row["delivery"] <= last]
    now = restored.ctl("transactions", "--customer", "acme")
    assert [row for row in now if row["transaction_id"].startswith("M-")] == kept
    assert restored.ctl("verify")["findings"] == []
    with ftplib.FTP() as session:
        session.connect("127.0.0.1", restored.port("ftp"), timeout=30)
        session.login("acme", PASSWORD)
        assert len(session.nlst()) == last
    assert restored.ctl("status")["host_keys"] == appliance.ctl("status")["host_keys"]
    restored.end()


def test_mails_and_the_marks_of_those_to_the_archive_are_in_a_backup_and_restored(appliance, tmp_path):
    message = EmailMessage()
    message["Message-ID"], message["To"] = "<1@shop.example>", "acme@sales.example"
    message.add_attachment(SALES, maintype="text", subtype="csv", filename="mailed.csv")
    with smtplib.SMTP("127.0.0.1", appliance.port("smtp"), timeout=60) as session:
        session.sendmail("till@shop.example", ["acme@sales.example"], message.as_bytes(policy=SMTP))
    mails = appliance.folder / "state" / "spool" / "mail"
    mark = mails / "alone" / ("0" * 64)
    mark.touch()  # as if one had just come
    try:
        before = contents(mails)
        assert sorted(each.suffix for each in before) == ["", ".eml", ".json"]
        appliance.run_ctl("backup", tmp_path / "backup")
    finally:
        mark.unlink()
    assert contents(tmp_path / "backup" / "spool" / "mail") == before
    restored = Restored(tmp_path / "other", tmp_path / "backup")
    restored.run_ctl("restore", tmp_path / "backup")
    assert contents(restored.folder / "state" / "spool" / "mail") == before


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_imported_meanwhile_is_no_false_alarm(appliance):
    """Files with the same IDs, each with another total, and retries of what is there."""
    before = len(appliance.deliveries())
    changed = [SALES.replace(b"12.50", b"%d.50" % number) for number in range(40)]
    stopped = threading.Event()

    def go_on():
        for number, content in enumerate(changed):
            if not stopped.is_set():
                send(appliance, [(f"changed-{number}.csv", content)])
            if number % 10 == 9:
                appliance.run_ctl("delivery", "retry", "1")

    sender = threading.Thread(target=go_on)
    sender.start()
    try:
        told = [appliance.ctl("verify") for _ in range(2)]
    finally:
        stopped.set()
        sender.join()
    for each in told:
        assert each["findings"] == []
        assert [each[kind]["count"] for kind in ("unexplained", "missing", "different")] == [0, 0, 0]
    assert before < len(appliance.deliveries())


def test_a_delivery_that_is_retried_meanwhile_is_in_the_backup_as_it_is_after_that(tmp_path, monkeypatch):
    appliance = Appliance(tmp_path / "house")
    appliance.start()
    send(appliance, [("sales.csv", SALES)])
    appliance.settle(1)
    copy_to = Store.copy_to

    def then_retried(store, path):
        copied = copy_to(store, path)
        (appliance.folder / "formats.d" / "plain.toml").write_text(
            FORMAT.replace('"Receipt"', '["Store", "Receipt"]')
        )
        appliance.run_ctl("reload")
        appliance.run_ctl("delivery", "retry", "1")
        appliance.settle(1)
        return copied

    monkeypatch.setattr(Store, "copy_to", then_retried)
    assert main(["--config", str(appliance.config), "backup", str(tmp_path / "backup")]) == 0
    known = appliance.run_ctl("transactions", "--customer", "acme", "--csv")
    assert known.count("0007/A-1") == 1
    appliance.end()

    restored = Restored(tmp_path / "other", tmp_path / "backup")
    restored.run_ctl("restore", tmp_path / "backup")
    restored.start()
    restored.settle(1)
    assert restored.run_ctl("transactions", "--customer", "acme", "--csv") == known
    restored.end()


def test_a_backup_of_a_server_s_database_has_all_but_that(tmp_path, postgresql_url):
    appliance = Appliance(tmp_path / "house", postgresql_url())
    appliance.start()
    send(appliance, [("sales.csv", SALES)])
    appliance.settle(1)
    told = appliance.run_ctl("backup", tmp_path / "backup")
    assert told.splitlines() == [
        f"{tmp_path / 'backup'} is a backup of everything up to delivery 1.",
        "The database is not in it: back up the PostgreSQL server by its own means.",
    ]
    appliance.end()

    restored = Restored(tmp_path / "other", tmp_path / "backup")
    url = postgresql_url()
    restored.config.write_text(re.sub(r"(?m)^url = .*$", f'url = "{url}"', restored.config.read_text()))
    told = restored.run_ctl("restore", tmp_path / "backup")
    assert "an empty one fills itself from the spool" in told
    restored.start()
    restored.settle(1)
    assert restored.transactions() == SOLD
    restored.end()


def test_an_earlier_backup_is_added_to_and_its_bytes_are_not_copied_again(appliance, tmp_path):
    appliance.run_ctl("backup", tmp_path / "backup")
    data = tmp_path / "backup" / "spool" / "accepted" / "000000" / "000000000001" / "data"
    there = data.stat()
    count = len(appliance.deliveries()) + 1
    send(appliance, [more("late")])
    appliance.settle(count)
    assert appliance.ctl("backup", tmp_path / "backup")["deliveries"] == count
    assert (data.stat().st_ino, data.stat().st_mtime_ns) == (there.st_ino, there.st_mtime_ns)
    assert f"{count:012}/data" in (tmp_path / "backup" / "manifest").read_text()


def test_secrets_in_a_backup_are_for_their_owner_alone(appliance, tmp_path):
    appliance.run_ctl("backup", tmp_path / "backup")
    for each in ("configuration/customers.d/acme.toml", "keys/ssh_host_ed25519_key"):
        assert (tmp_path / "backup" / each).stat().st_mode & 0o077 == 0, each
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0


def test_a_damaged_or_unfinished_backup_is_not_restored(appliance, tmp_path):
    backup = tmp_path / "backup"
    appliance.run_ctl("backup", backup)
    restored = Restored(tmp_path / "other", backup)
    data = backup / "spool" / "accepted" / "000000" / "000000000001" / "data"
    data.write_bytes(data.read_bytes().replace(b"12.50", b"13.50"))
    assert restored.run_ctl("restore", backup, status=1).splitlines() == [
        "spool/accepted/000000/000000000001/data has other bytes than were backed up",
        "Nothing was restored.",
    ]
    (backup / "manifest").unlink()
    assert restored.run_ctl("restore", backup, status=1).splitlines() == [
        f"{backup} has no whole backup: it was not finished.",
        "Nothing was restored.",
    ]
    assert not (tmp_path / "other" / "state").exists()


def test_a_state_directory_in_use_is_not_restored_into(appliance, tmp_path):
    appliance.run_ctl("backup", tmp_path / "backup")
    state = appliance.folder / "state"
    assert appliance.run_ctl("restore", tmp_path / "backup", status=1).splitlines() == [
        f"{state} is not empty: stop the daemon, and move what is there away.",
        "Nothing was restored.",
    ]


def test_a_folder_with_something_else_is_no_place_for_a_backup(appliance, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "note.txt").write_text("keep me")
    told = appliance.run_ctl("backup", tmp_path / "letters", status=1)
    assert told == f"{tmp_path / 'letters'} is not empty and no backup of dorimportd.\n"
    assert [each.name for each in (tmp_path / "letters").iterdir()] == ["note.txt"]


def test_without_a_configuration_it_is_told_where_that_is(appliance, tmp_path):
    appliance.run_ctl("backup", tmp_path / "backup")
    restored = Restored(tmp_path / "other", tmp_path / "backup")
    restored.config.unlink()
    place = tmp_path / "backup" / "configuration"
    assert restored.run_ctl("restore", tmp_path / "backup", status=1).splitlines() == [
        f"{restored.config}: cannot be read: No such file or directory",
        f"The configuration of the backup is in {place}; put it in place first.",
    ]
