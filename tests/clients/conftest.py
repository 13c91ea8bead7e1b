from __future__ import annotations

import subprocess

import pytest
from appliance import PASSWORD, Appliance, need


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def appliance(request, tmp_path_factory):
    """One daemon for a module: each test sends files under names of its own."""
    folder = tmp_path_factory.mktemp("appliance")
    database = "sqlite:///dorimportd.db"
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql_url")()
    appliance = Appliance(folder, database)
    appliance.start()
    yield appliance
    appliance.end()


@pytest.fixture
def sent(appliance, tmp_path):
    """Writes a file with IDs of its own; what becomes of it in the table."""
    return Sent(appliance, tmp_path)


class Sent:
    """A file to send, and what must come of it."""

    def __init__(self, appliance, folder):
        self.appliance = appliance
        self.folder = folder
        self.before = len(appliance.deliveries())

    def file(self, name, rows=3):
        path = self.folder / name
        body = "".join(f"0007;{name}-{number:05};{number}.50;2026-07-14 09:02:11\n" for number in range(rows))
        path.write_text(f"Store;Receipt;Total;Time\n{body}")
        return path

    def imported(self, path, channel):
        """The delivery of *path*, the only one since this test began, imported whole."""
        (*_, delivery) = self.appliance.settle(self.before + 1)
        rows = path.read_text().count("\n") - 1
        told = {key: delivery[key] for key in ("name", "channel", "customer", "size", "state", "imported")}
        assert told == {
            "name": path.name,
            "channel": channel,
            "customer": "acme",
            "size": path.stat().st_size,
            "state": "imported",
            "imported": rows,
        }
        ours = [each for each in self.appliance.transactions() if each[1].startswith(f"{path.name}-")]
        assert ours == [
            ("0007", f"{path.name}-{number:05}", f"{number}.50", "2026-07-14T07:02:11Z")
            for number in range(rows)
        ]
        return delivery

    def nothing(self):
        """No delivery came of this test."""
        assert len(self.appliance.deliveries()) == self.before


@pytest.fixture(scope="module")
def keys(appliance, tmp_path_factory):
    """Key pairs of the customer, by type."""
    folder = tmp_path_factory.mktemp("keys")
    found = {}
    for kind, options in (("ed25519", []), ("rsa", ["-b", "3072"])):
        found[kind] = folder / kind
        command = [need("ssh-keygen"), "-q", "-t", kind, *options, "-N", "", "-C", kind, "-f", found[kind]]
        subprocess.run(command, check=True)
        appliance.run_ctl("customer", "key", "add", "acme", found[kind].with_suffix(".pub"))
    return found


@pytest.fixture
def askpass(tmp_path):
    """The environment by which OpenSSH gets the password."""
    script = tmp_path / "askpass"
    script.write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
    script.chmod(0o700)
    return {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
