"""Uploads that were broken off are listed under their names, and real clients go on with them."""

from __future__ import annotations

import ftplib
import io
import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from appliance import PASSWORD, Appliance, need, run_client

SIZE = 1_000_000
CONTENT = random.Random(7).randbytes(SIZE // 2).hex().encode()  # no file that a format knows: it is held
RATE = 20_000  # bytes a second
NO_KEY = "-oUserKnownHostsFile=/dev/null -oStrictHostKeyChecking=no -oPreferredAuthentications=password"


@dataclass(frozen=True)
class Client:
    """Commands of a client; {host}, {port}, {key} and {file} are filled in."""

    channel: str
    begin: Callable[[Place], list[str]]  # so slowly that it can be killed
    resume: Callable[[Place], list[str]]
    stdin: str = ""  # of what resumes
    slow_stdin: str = ""


@dataclass(frozen=True)
class Place:
    """Where a client sends what."""

    port: int
    fingerprint: str
    file: Path

    def url(self, scheme: str) -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{self.file.name}"


def openssh(place: Place, *options: str) -> list[str]:
    words = [need("sftp"), "-q", *NO_KEY.split(), "-oNumberOfPasswordPrompts=1", "-P", str(place.port)]
    return [*words, *options, "acme@127.0.0.1"]


def curl(place: Place, scheme: str, *options: str) -> list[str]:
    words = [need("curl"), "-sS", "-u", f"acme:{PASSWORD}", "-T", str(place.file), *options]
    return [*words, "--insecure", place.url(scheme)]


def lftp(place: Place, scheme: str, *commands: str) -> list[str]:
    settings = [
        "set net:max-retries 1; set net:timeout 60; set cmd:fail-exit yes; set ftp:ssl-allow no",
        f"set sftp:auto-confirm yes; set sftp:connect-program 'ssh -a -x {NO_KEY}'",
        f"open -u acme,'{PASSWORD}' {scheme}://127.0.0.1:{place.port}",
    ]
    return [need("lftp"), "-c", "; ".join([*settings, *commands, "bye"])]


def psftp(place: Place) -> list[str]:
    words = [need("psftp"), "-batch", "-P", str(place.port), "-hostkey", place.fingerprint, "-pw", PASSWORD]
    return [*words, "acme@127.0.0.1", "-b", "/dev/stdin"]


def ncftp(place: Place) -> list[str]:
    words = [need("ncftpput"), "-z", "-P", str(place.port), "-u", "acme", "-p", PASSWORD]
    return [*words, "127.0.0.1", "/", str(place.file)]


def slow_openssh(place: Place) -> list[str]:
    return openssh(place, "-l", str(RATE * 8 // 1000))


def slow_curl(place: Place) -> list[str]:
    return curl(place, "ftp", "--limit-rate", str(RATE))


def slow_lftp(place: Place, scheme: str) -> list[str]:
    return lftp(place, scheme, f"set net:limit-rate {RATE}", f"put {place.file}")


# psftp and ncftpput cannot be slowed down: they go on with what another client has begun.
CLIENTS = {
    "sftp-reput": Client("sftp", slow_openssh, openssh, "reput {file}\n", "put {file}\n"),
    "sftp-put-a": Client("sftp", slow_openssh, openssh, "put -a {file}\n", "put {file}\n"),
    "lftp-sftp": Client(
        "sftp", lambda to: slow_lftp(to, "sftp"), lambda to: lftp(to, "sftp", f"put -c {to.file}")
    ),
    "lftp-ftp": Client(
        "ftp", lambda to: slow_lftp(to, "ftp"), lambda to: lftp(to, "ftp", f"put -c {to.file}")
    ),
    "psftp": Client("sftp", slow_openssh, psftp, "reput {file}\n", "put {file}\n"),
    "curl-ftp": Client("ftp", slow_curl, lambda to: curl(to, "ftp", "-C", "-")),
    "ncftpput": Client("ftp", slow_curl, ncftp),
}


class Scene:
    """A daemon, and clients that send to it."""

    def __init__(self, folder: Path) -> None:
        self.appliance = Appliance(folder / "house")
        self.folder = folder
        script = folder / "askpass"
        script.write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
        script.chmod(0o700)
        self.env = {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
        self.env["HOME"] = str(folder)
        self.begun: dict[str, subprocess.Popen[bytes]] = {}
        self.start()

    def start(self) -> None:
        self.appliance.start()
        status = self.appliance.ctl("status")
        self.ports = {each["channel"]: each["port"] for each in status["listeners"]}
        (self.key,) = [each["fingerprint"] for each in status["host_keys"] if "ed25519" in each["type"]]

    def place(self, name: str) -> Place:
        file = self.folder / f"{name}.csv"
        file.write_bytes(name.encode() + CONTENT)
        return Place(self.ports[CLIENTS[name].channel], self.key, file)

    def begin(self, name: str) -> None:
        """Let it send slowly."""
        client, place = CLIENTS[name], self.place(name)
        given = subprocess.Popen(
            client.begin(place),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.env},
            start_new_session=True,
        )
        given.stdin.write(client.slow_stdin.format(file=place.file).encode())
        given.stdin.flush()  # and stays open: a client that lives on would else end by itself
        self.begun[name] = given

    def await_bytes(self, least: int = 1) -> None:
        """Until of each some bytes are here."""
        deadline = time.monotonic() + 90
        wanted = {f"{name}.csv" for name in self.begun}
        while not wanted <= {name for name, size in self.sizes().items() if size >= least}:
            assert time.monotonic() < deadline, (self.sizes(), self.appliance.log_text())
            time.sleep(0.1)

    def sizes(self) -> dict[str, int]:
        """What is on the disk of each name that is no delivery."""
        found = {}
        for folder in (self.appliance.folder / "state" / "spool" / "incoming" / "acme").glob("*"):
            try:
                note = json.loads((folder / "upload").read_text())
                found[note["name"]] = (folder / "data").stat().st_size
            except (OSError, ValueError):
                continue  # it begins, or has become a delivery
        return found

    def kill_clients(self) -> None:
        for given in self.begun.values():
            if given.poll() is None:
                os.killpg(given.pid, signal.SIGKILL)
            given.communicate()

    def listed(self) -> list[dict[str, Any]]:
        shown = self.appliance.ctl("customer", "show", "acme")
        return list(shown["unfinished"])

    def seen(self) -> dict[str, int]:
        """Names and sizes, as a client lists them."""
        with ftplib.FTP() as session:
            session.connect("127.0.0.1", self.ports["ftp"], timeout=60)
            session.login("acme", PASSWORD)
            return {name: int(facts["size"]) for name, facts in session.mlsd() if facts["type"] == "file"}

    def resume(self, name: str) -> None:
        client, place = CLIENTS[name], self.place(name)
        stdin = client.stdin.format(file=place.file).encode()
        done = run_client(*client.resume(place), stdin=stdin, env=self.env, seconds=100)
        assert done.returncode == 0, (name, done.stdout, done.stderr)

    def delivered(self) -> dict[str, bytes]:
        """The bytes of each delivery, by its name."""
        found = re.findall(r"delivery (\d+) accepted: '([^']+)'", self.appliance.log_text())
        folder = self.appliance.folder / "state" / "spool" / "accepted" / "000000"
        return {name: (folder / f"{int(number):012}" / "data").read_bytes() for number, name in found}


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    yield scene
    scene.kill_clients()
    scene.appliance.end()


def there(names: list[str]) -> list[str]:
    """Those whose programs are installed."""
    found = []
    for name in names:
        try:
            for words in (CLIENTS[name].begin, CLIENTS[name].resume):
                words(Place(0, "", Path("x")))
            found.append(name)
        except pytest.skip.Exception:
            continue
    return found


@pytest.mark.parametrize("end", ["kill the clients", "kill the daemon", "stop the daemon"])
def test_clients_go_on_where_they_were_broken_off(scene, end):
    names = there(list(CLIENTS))
    if not names:
        pytest.skip("no client is installed")
    for name in names:
        scene.begin(name)
    scene.await_bytes()
    if end == "kill the clients":
        scene.kill_clients()
        for name in names:
            scene.appliance.await_line(rf"broken off at \d+ bytes: '{name}\.csv'", seconds=60)
    else:
        {"kill the daemon": scene.appliance.kill, "stop the daemon": scene.appliance.stop}[end]()
        scene.kill_clients()
        scene.start()
    sizes = scene.sizes()
    assert sorted(sizes) == sorted(f"{name}.csv" for name in names)
    assert all(0 < size < SIZE for size in sizes.values())
    listed = scene.listed()
    assert [(each["name"], each["size"], each["channel"], each["peer"]) for each in listed] == [
        (name, sizes[name], CLIENTS[name.removesuffix(".csv")].channel, "127.0.0.1") for name in sorted(sizes)
    ]
    assert all(each["began_at"] <= each["last_byte_at"] for each in listed)
    assert scene.seen() == {name: size - 1 for name, size in sizes.items()}  # the last byte is sent again
    assert scene.delivered() == {}
    for name in names:
        scene.resume(name)
    assert scene.delivered() == {f"{name}.csv": name.encode() + CONTENT for name in names}
    assert (scene.listed(), scene.sizes()) == ([], {})


@pytest.mark.parametrize("verb", ["REST", "APPE"])
def test_ftplib_goes_on_after_a_restart(scene, verb):
    session = ftplib.FTP()
    session.connect("127.0.0.1", scene.ports["ftp"], timeout=60)
    session.login("acme", PASSWORD)
    with session.transfercmd("STOR lib.csv") as data:
        data.sendall(CONTENT[:300_000])
        deadline = time.monotonic() + 60
        while scene.sizes().get("lib.csv") != 300_000 and time.monotonic() < deadline:
            time.sleep(0.05)
        scene.appliance.kill()
    session.close()
    scene.start()
    with ftplib.FTP() as session:
        session.connect("127.0.0.1", scene.ports["ftp"], timeout=60)
        session.login("acme", PASSWORD)
        session.voidcmd("TYPE I")
        here = session.size("lib.csv")
        assert here == 299_999
        rest = io.BytesIO(CONTENT[here:])
        if verb == "REST":
            session.storbinary("STOR lib.csv", rest, rest=here)
        else:
            session.storbinary("APPE lib.csv", rest)
    assert scene.delivered() == {"lib.csv": CONTENT}


def test_an_old_unfinished_upload_is_removed_with_a_line_of_its_own_and_a_young_one_stays(scene):
    with ftplib.FTP() as session:
        session.connect("127.0.0.1", scene.ports["ftp"], timeout=60)
        session.login("acme", PASSWORD)
        for name in ("old.csv.part", "young.csv.part"):
            session.storbinary(f"STOR {name}", io.BytesIO(b"12345"))
    shown = scene.appliance.run_ctl("customer", "show", "acme")
    assert re.findall(r"unfinished: +('.+': 5 bytes by ftp), last at 20\S+Z\n", shown) == [
        "'old.csv.part': 5 bytes by ftp",
        "'young.csv.part': 5 bytes by ftp",
    ]
    scene.appliance.stop()
    old = datetime.now(UTC).replace(microsecond=0) - timedelta(days=7, seconds=5)
    young = datetime.now(UTC) - timedelta(days=6, hours=23)
    for folder in (scene.appliance.folder / "state" / "spool" / "incoming" / "acme").iterdir():
        name = json.loads((folder / "upload").read_text())["name"]
        moment = (old if name == "old.csv.part" else young).timestamp()
        for each in (*folder.iterdir(), folder):
            os.utime(each, (moment, moment))
    scene.start()
    line = (
        "removed an unfinished upload of acme: 'old.csv.part', 5 bytes, the last of them at "
        f"{old.isoformat().replace('+00:00', 'Z')}, more than 7 days ago"
    )
    scene.appliance.await_line(re.escape(line))
    assert [each["name"] for each in scene.listed()] == ["young.csv.part"]
    assert scene.seen() == {"young.csv.part": 5}
