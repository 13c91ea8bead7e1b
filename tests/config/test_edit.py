from __future__ import annotations

import os
import threading
from dataclasses import replace

import pytest

from dorimportd.config import write
from dorimportd.config.edit import (
    CannotEdit,
    add_customer,
    add_key,
    remove_key,
    set_enabled,
    set_password_hash,
)
from dorimportd.config.read import read_settings
from dorimportd.config.settings import BadConfig

HASH = "$argon2id$v=19$m=19456,t=2,p=1$eHh4eHh4eHh4eHh4eHh4eA$87G/fHao92Muz2H2c5nIkpX3Yy/krdCGZj8hH/Hi+yM"
TILLS = 'location = "Store"\ntransaction_id = "Receipt"\ntotal = "Amount"\ntime = "Time"\n'
ACME = """\
# Acme, since 2024; ask Ann before changing anything.

timezone = "Europe/Berlin"  # head office
currency = "EUR"

# enabled = false

# two kinds of files
[[formats]]
files = "a*.csv"
format = "tills"  # the old ones
"""


@pytest.fixture
def acme(folder):
    folder.write("formats.d/tills.toml", TILLS)
    folder.write("customers.d/acme.toml", ACME)
    return folder


# --- customers -----------------------------------------------------------------------------------------


def test_a_customer_that_is_added_is_there(folder, pub):
    folder.write("formats.d/tills.toml", TILLS)
    settings = add_customer(
        folder.main,
        "acme",
        timezone="Europe/Berlin",
        currency="EUR",
        display_name='Acme "Stores"',
        contacts=["ann@acme.example", "bob@acme.example"],
        password_hash=HASH,
        keys=[pub("ed"), pub("rsa2048") + "\n"],
        mail_address="acme",
        format="tills",
    )
    assert settings == read_settings(folder.main)
    assert folder.read("customers.d/acme.toml") == (
        'display_name = "Acme \\"Stores\\""\n'
        'timezone = "Europe/Berlin"\n'
        'currency = "EUR"\n'
        'contacts = ["ann@acme.example", "bob@acme.example"]\n'
        f'password = "{HASH}"\n'
        'mail_address = "acme"\n'
        'format = "tills"\n'
    )
    assert folder.read("keys/acme") == f"{pub('ed')}\n{pub('rsa2048')}\n"


def test_the_least_customer_has_a_zone_and_a_currency(folder):
    add_customer(folder.main, "acme", timezone="Asia/Tokyo", currency="JPY")
    assert folder.read("customers.d/acme.toml") == 'timezone = "Asia/Tokyo"\ncurrency = "JPY"\n'
    assert not (folder.path / "keys").exists()


def test_a_new_file_is_for_the_group_of_its_folder_and_nobody_else(folder):
    add_customer(folder.main, "acme", timezone="Asia/Tokyo", currency="JPY")
    file, customers = folder.path / "customers.d" / "acme.toml", folder.path / "customers.d"
    assert file.stat().st_mode & 0o777 == 0o640
    assert customers.stat().st_mode & 0o777 == 0o750
    assert file.stat().st_gid == customers.stat().st_gid == folder.path.stat().st_gid


def test_the_daemon_can_read_what_root_has_written(folder):
    """As in /etc/dorimportd, which is root:dorimportd.  Who is not root has only his own group to give."""
    root = os.geteuid() == 0
    owner, group, other = (23456, 12345, 34567) if root else (os.getuid(), os.getgid(), os.getgid())
    beta = folder.write("customers.d/beta.toml", 'timezone = "UTC"\ncurrency = "EUR"\n', 0o600)
    os.chown(beta, owner, other)
    os.chown(folder.path / "customers.d", -1, group)
    os.chown(folder.path, -1, group)
    add_customer(folder.main, "acme", timezone="UTC", currency="EUR")
    set_enabled(folder.main, "beta", False)
    made, kept = (folder.path / "customers.d" / "acme.toml").stat(), beta.stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (os.geteuid(), group, 0o640)
    assert (kept.st_uid, kept.st_gid, kept.st_mode & 0o777) == (owner, other, 0o600)


def test_comments_and_everything_else_stay_when_a_value_changes(acme):
    set_enabled(acme.main, "acme", False)
    assert acme.read("customers.d/acme.toml") == ACME.replace(
        "# two kinds of files\n", "# two kinds of files\nenabled = false\n"
    )
    set_password_hash(acme.main, "acme", HASH)
    settings = set_enabled(acme.main, "acme", True)
    assert acme.read("customers.d/acme.toml") == ACME.replace(
        "# two kinds of files\n", f'# two kinds of files\nenabled = true\npassword = "{HASH}"\n'
    )
    customer = settings.customers["acme"]
    assert (customer.enabled, customer.password_hash) == (True, HASH)
    assert customer.format_for("a1.csv").name == "tills"


def test_the_line_ends_of_windows_stay(folder):
    folder.write("customers.d/acme.toml", 'timezone = "UTC"\r\ncurrency = "EUR"\r\nenabled = true # yes\r\n')
    set_enabled(folder.main, "acme", False)
    assert folder.read("customers.d/acme.toml") == (
        'timezone = "UTC"\r\ncurrency = "EUR"\r\nenabled = false # yes\r\n'
    )


def test_a_password_replaces_the_clear_one_that_is_a_mistake(folder):
    folder.write("customers.d/acme.toml", 'timezone = "UTC"\ncurrency = "EUR"\npassword = "open sesame"\n')
    assert set_password_hash(folder.main, "acme", HASH).customers["acme"].password_hash == HASH


# --- keys and formats -------------------------------------------------------------------------------------


def test_keys_come_and_go_and_comments_stay(acme, pub):
    acme.write("keys/acme", f"# the tills\n{pub('ed')}\n\n# the end")
    added = add_key(acme.main, "acme", pub("rsa2048") + "\n")
    assert (added.line, added.comment) == (5, "till server")
    assert acme.read("keys/acme") == f"# the tills\n{pub('ed')}\n\n# the end\n{pub('rsa2048')}\n"
    assert remove_key(acme.main, "acme", "ann@stores.example").type == "ssh-ed25519"
    assert remove_key(acme.main, "acme", added.fingerprint) == replace(added, line=4)
    assert acme.read("keys/acme") == "# the tills\n\n# the end\n"


def test_a_customer_comes_with_a_format_of_its_own(folder):
    where = {"timezone": "UTC", "currency": "EUR", "format": "tills"}
    settings = add_customer(folder.main, "acme", **where, format_text=TILLS)
    assert list(settings.formats) == ["tills"]
    assert settings.customers["acme"].format_for("x.csv").name == "tills"


# --- what is refused leaves everything as it was -----------------------------------------------------------


def refusal(folder, edit, *arguments, **more) -> str:
    before = folder.texts()
    with pytest.raises((CannotEdit, BadConfig)) as caught:
        edit(folder.main, *arguments, **more)
    assert folder.texts() == before
    return str(caught.value)


def test_edits_that_make_no_sense_are_refused(acme, pub):
    acme.write("keys/acme", f"{pub('ed')}\nrestrict {pub('rsa2048')}\nrestrict {pub('rsa2048')}\n")
    zone = {"timezone": "UTC", "currency": "EUR"}
    assert refusal(acme, add_customer, "acme", **zone) == "There is a customer 'acme' already."
    assert refusal(acme, add_customer, "../acme", **zone) == (
        "'../acme' cannot be a name: 1 to 32 of a-z, 0-9, _ and -, the first a letter or digit."
    )
    assert refusal(acme, set_enabled, "acne", False) == "There is no customer 'acne'. Did you mean 'acme'?"
    assert refusal(acme, add_key, "nobody", pub("ed")) == "There is no customer 'nobody'."
    assert refusal(acme, add_key, "acme", pub("ed")) == (
        "The key SHA256:9Dzy1eDC8ZSsrF13RpM7DE5gi12vb/sY4hVDUdLccpk is there already."
    )
    assert refusal(acme, add_key, "acme", pub("rsa1024")) == (
        "The public key is an RSA key of 1024 bits; 2048 to 16384 are taken."
    )
    assert refusal(acme, add_key, "acme", "") == "A public key is one line: that of the .pub file."
    assert refusal(acme, remove_key, "acme", "bob") == "Customer 'acme' has no key 'bob'."
    assert refusal(acme, remove_key, "acme", "till server") == (
        "2 keys of 'acme' are called 'till server': give the fingerprint of one."
    )
    tills = {"timezone": "UTC", "currency": "EUR", "format": "tills", "format_text": TILLS}
    assert refusal(acme, add_customer, "beta", **tills) == "There is a format 'tills' already."


def test_edits_that_would_be_mistakes_are_refused_with_their_line(acme):
    assert refusal(acme, add_customer, "beta", timezone="Berlin", currency="EUR", format="till") == (
        "customers.d/beta.toml:1:1: timezone: is not a time zone such as 'Europe/Berlin'; got 'Berlin'"
        " (did you mean 'Europe/Berlin'?)\n"
        "customers.d/beta.toml:3:1: format: is not the name of a format; got 'till'"
        " (did you mean 'tills'?)"
    )
    assert refusal(acme, set_password_hash, "acme", "open sesame") == (
        "customers.d/acme.toml:9:1: password: must be a hash, never the password: "
        "`dorimportctl customer password NAME` makes one"
    )
    web = {"timezone": "UTC", "currency": "EUR", "format": "web", "format_text": "totl = 1\n"}
    said = refusal(acme, add_customer, "beta", **web)
    assert said.startswith("formats.d/web.toml:1:1: location: is missing\n")


def test_a_file_that_is_no_toml_is_not_edited(acme):
    acme.write("customers.d/acme.toml", "timezone = \n")
    assert refusal(acme, set_enabled, "acme", False) == (
        'customers.d/acme.toml:1:12: is not a value: text stands in "quotes", a list in [ ]'
    )


def test_a_mistake_elsewhere_stops_the_edit_and_is_told(acme):
    acme.write("customers.d/beta.toml", 'timezone = "UTC"\ncurrency = "EURO"\n')
    assert refusal(acme, set_enabled, "acme", False) == (
        "customers.d/beta.toml:2:1: currency: is not the code of a currency such as 'EUR'; got 'EURO'"
    )


# --- on the disk -------------------------------------------------------------------------------------------


def test_when_the_disk_fails_the_old_file_stays_and_nothing_else(acme, monkeypatch):
    before = acme.texts()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        set_enabled(acme.main, "acme", False)
    assert acme.texts() == before


def test_what_a_crash_has_left_is_in_nobodys_way(acme):
    acme.write("customers.d/.acme.toml.new", "half a fi")
    assert not set_enabled(acme.main, "acme", False).customers["acme"].enabled
    assert sorted(acme.texts()) == ["customers.d/acme.toml", "dorimportd.toml", "formats.d/tills.toml"]


def test_a_link_into_a_repository_stays_a_link(acme):
    original = acme.write("repository/acme.toml", ACME)
    link = acme.path / "customers.d" / "acme.toml"
    link.unlink()
    link.symlink_to("../repository/acme.toml")
    set_enabled(acme.main, "acme", False)
    assert link.is_symlink()
    assert "enabled = false\n" in original.read_text()


def test_edits_at_one_time_wait_for_one_another(folder):
    names = [f"c{number}" for number in range(8)]

    refused: list[str] = []

    def attempt(name: str) -> None:
        try:
            add_customer(folder.main, name, timezone="UTC", currency="EUR", mail_address="shared")
        except BadConfig as error:
            refused.append(str(error))

    threads = [threading.Thread(target=attempt, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_settings(folder.main).customers) == 1
    assert len(refused) == 7
