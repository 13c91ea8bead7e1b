"""The clients that people have, as far as they are installed here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONTENT = b"".join(b"%d;2,50\r\n" % number for number in range(20_000))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def run(tmp_path: Path):
    """Run a client that is installed, in a home of its own; what it printed."""

    def call(client: str, *arguments: object, status: int = 0) -> str:
        places = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        program = shutil.which(client, path=places)
        if program is None:
            pytest.skip(f"{client} is not installed")
        done = subprocess.run(
            [program, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=30,
            env={"HOME": str(tmp_path), "PATH": places},
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return call


def address(door, name: str = "") -> str:
    return f"ftp://acme:secret@127.0.0.1:{door.port}/{name}"


CURL = ("curl", "-sS")
CURL_TLS = (*CURL, "--ssl-reqd", "-k")


@pytest.mark.parametrize("curl", [CURL, CURL_TLS, (*CURL, "-P", "-")], ids=["plain", "tls", "active"])
def test_curl_uploads_and_downloads(door, run, file, curl, request):
    name = f"curl-{request.node.callspec.id}.csv"
    run(*curl, "-T", file, address(door, name))
    assert door.delivered(name) == [CONTENT]
    run(*curl, "-o", file.with_name("back"), address(door, name))
    assert file.with_name("back").read_bytes() == CONTENT


@pytest.mark.parametrize("curl", [CURL, CURL_TLS], ids=["plain", "tls"])
def test_curl_resumes(door, run, file, curl, talk, request):
    name = f"curl-resumes-{request.node.callspec.id}.csv"
    data = talk.begin(f"STOR {name}")
    data.sendall(CONTENT[:1000])
    talk.moved(1000)
    talk.close()
    data.close()
    door.wait_for("UploadAbandoned", name)
    run(*curl, "-C", "-", "-T", file, address(door, name))
    assert door.delivered(name) == [CONTENT]


def test_curl_tells_why_a_folder_is_refused(door, run, file):
    said = run(*CURL, "-v", "--ftp-create-dirs", "-T", file, address(door, "in/a.csv"), status=9)
    assert "550 Folders cannot be made or removed here. Put the file into the root folder." in said


LFTP_TLS = "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes"


@pytest.mark.parametrize("setup", ["set ftp:ssl-allow no", LFTP_TLS], ids=["plain", "tls"])
def test_lftp_uploads_resumes_and_mirrors(door, run, file, setup, talk, request):
    kind = request.node.callspec.id
    data = talk.begin(f"STOR lftp-part-{kind}.csv")
    data.sendall(CONTENT[:1000])
    talk.moved(1000)
    talk.close()
    data.close()
    door.wait_for("UploadAbandoned", f"lftp-part-{kind}.csv")
    folder = file.with_name("folder")
    folder.mkdir()
    for number in range(3):
        (folder / f"mirror-{kind}-{number}.csv").write_bytes(b"%d" % number)
    commands = (
        f"{setup}; set net:max-retries 1; set cmd:fail-exit yes; put {file} -o lftp-{kind}.csv; "
        f"put -c {file} -o lftp-part-{kind}.csv; mirror -R {folder} .; "
        f"get lftp-{kind}.csv -o {file.with_name('back')}; cls"
    )
    run("lftp", "-u", "acme,secret", "-p", door.port, "-e", f"{commands}; bye", "127.0.0.1")
    assert (door.delivered(f"lftp-{kind}.csv"), door.delivered(f"lftp-part-{kind}.csv")) == (
        [CONTENT],
        [CONTENT],
    )
    assert [door.delivered(f"mirror-{kind}-{number}.csv") for number in range(3)] == [[b"0"], [b"1"], [b"2"]]
    assert file.with_name("back").read_bytes() == CONTENT


def test_lftp_with_temporary_names(door, run, file):
    commands = f"set ftp:ssl-allow no; set xfer:use-temp-file yes; put {file} -o lftp-temp.csv; bye"
    run("lftp", "-u", "acme,secret", "-p", door.port, "-e", commands, "127.0.0.1")
    assert door.delivered("lftp-temp.csv") == [CONTENT]
    assert door.kept(".in.lftp-temp.csv") is None


def test_ncftpput_uploads(door, run, file):
    run("ncftpput", "-V", "-u", "acme", "-p", "secret", "-P", door.port, "127.0.0.1", "/", file)
    assert door.delivered("sales.csv") == [CONTENT]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_rclone_copies_and_copies_no_file_twice(door, run, file, tls, request):
    folder = file.with_name("folder")
    folder.mkdir()
    name = f"rclone-{request.node.callspec.id}.csv"
    (folder / name).write_bytes(CONTENT)
    rclone = ("rclone", "--config", os.devnull)
    password = run(*rclone, "obscure", "secret").strip().splitlines()[-1]
    remote = f":ftp,host=127.0.0.1,port={door.port},user=acme,pass='{password}'"
    secure = ",explicit_tls=true,no_check_certificate=true" if tls else ""
    for _ in range(2):
        run(*rclone, "copy", "--retries", "1", folder, f"{remote}{secure}:")
        assert door.delivered(name) == [CONTENT]
    (folder / name).write_bytes(b"changed")
    run(*rclone, "copy", "--retries", "1", folder, f"{remote}{secure}:")
    assert door.delivered(name) == [CONTENT, b"changed"]
