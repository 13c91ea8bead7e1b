"""Many uploads over TLS by clients that never read their data connections: none is cut, none refused.

Of 1 byte to 1 MB, each length as likely as one ten times as long.  UPLOADS is how many each client sends.
"""

from __future__ import annotations

import ftplib
import os
import random
import ssl
from pathlib import Path

import pytest
from appliance import need, run_client

UPLOADS = int(os.environ.get("UPLOADS", "250"))
SECONDS = 280  # only a client that stands still takes so long


@pytest.fixture
def folder(tmp_path: Path, request) -> Path:
    """UPLOADS files, among them the shortest and the longest one."""
    folder = tmp_path / "folder"
    folder.mkdir()
    chance = random.Random(request.node.name)
    sizes = [1, 1_000_000, *(int(10 ** chance.uniform(0, 6)) for _ in range(UPLOADS - 2))]
    for number, size in enumerate(sizes):
        name = f"many-{request.node.name.removeprefix('test_')}-{number:04}.csv"
        (folder / name).write_bytes(chance.randbytes(size))
    return folder


@pytest.fixture
def arrived(door, folder: Path):
    """Checks that each file is a delivery, once and whole, and that nothing went wrong before."""

    def check() -> None:
        sent = {path.name: path.read_bytes() for path in folder.iterdir()}
        found = [(name, content) for name, content in door.deliveries() if name in sent]
        assert len(found) == UPLOADS
        wrong = [name for name, content in found if content != sent[name]]
        assert (wrong, len(dict(found))) == ([], UPLOADS)
        trouble = ("UploadRefused", "UploadAbandoned", "RequestRefused")
        assert [each for each in door.events(next(iter(sent))[:-8]) if each[0] in trouble] == []

    return check


def client(tmp_path: Path, *words: object) -> str:
    done = run_client(*map(str, words), env={"HOME": str(tmp_path)}, seconds=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.decode()


def test_lftp(door, folder, arrived, tmp_path):
    commands = (
        "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; "
        f"set net:max-retries 1; set cmd:fail-exit yes; mirror -R {folder} .; bye"
    )
    client(tmp_path, need("lftp"), "-u", "acme,secret", "-p", door.port, "-e", commands, "127.0.0.1")
    arrived()


def test_rclone(door, folder, arrived, tmp_path):
    rclone = (need("rclone"), "--config", os.devnull)
    password = client(tmp_path, *rclone, "obscure", "secret").strip()
    remote = f":ftp,host=127.0.0.1,port={door.port},user=acme,pass='{password}'"
    words = ("copy", "--retries", "1", "--low-level-retries", "1", folder)
    client(tmp_path, *rclone, *words, f"{remote},explicit_tls=true,no_check_certificate=true:")
    arrived()


def test_curl(door, folder, arrived, tmp_path):
    files = ",".join(map(str, sorted(folder.iterdir())))
    words = ("-sS", "--ssl-reqd", "-k", "--user", "acme:secret", "-T", f"{{{files}}}")
    client(tmp_path, need("curl"), *words, f"ftp://127.0.0.1:{door.port}/")
    arrived()


def test_ftplib(door, folder, arrived):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with ftplib.FTP_TLS(context=context, timeout=SECONDS) as session:
        session.connect("127.0.0.1", door.port)
        session.login("acme", "secret")
        session.prot_p()
        for path in sorted(folder.iterdir()):
            with path.open("rb") as file:
                assert session.storbinary(f"STOR {path.name}", file).startswith("226 Stored as delivery ")
    arrived()
