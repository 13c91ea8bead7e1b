from __future__ import annotations

import fcntl
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from appliance import BIN, need

README = (Path(__file__).parent.parent.parent / "README.md").read_text()


class Quickstart:
    """A running quickstart and what it has printed."""

    def __init__(self, folder):
        self.folder = folder
        self.printed = ""
        self.process = subprocess.Popen(
            [BIN / "dorimportd", "quickstart", "--directory", folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def await_line(self, pattern, seconds=120):
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.printed)):
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, left))
            more = self.process.stdout.read1() if ready else b""
            assert more, f"no {pattern!r} in:\n{self.printed}"
            self.printed += more.decode()
        return found

    def lines(self):
        """What it says to paste, by its first word."""
        pasted = re.findall(r"^  (echo .*|curl .*|\S*dorimportctl .*)$", self.printed, re.MULTILINE)
        assert len(pasted) == 5
        return pasted

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.printed += self.process.communicate(timeout=120)[0].decode()
        assert "Traceback" not in self.printed
        return self.process.returncode


@pytest.fixture(autouse=True)
def alone(tmp_path_factory):
    """Free ports are looked for from the same ones on: two tests at once would find the same."""
    parent = tmp_path_factory.getbasetemp().parent
    with (parent / "quickstart.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def quickstart(tmp_path):
    running = []

    def start(folder=tmp_path / "demo folder"):
        running.append(Quickstart(folder))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.stop()


def paste(line):
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


ROWS = r"0012 +0012-004502 +23\.40 +EUR +2026-07-14T10:44:27 +1\n"


def test_the_first_start_imports_its_sample_and_each_line_works_as_it_is_printed(quickstart):
    need("sftp"), need("curl")
    demo = quickstart()
    demo.await_line(ROWS)
    assert "delivery 1 accepted: 'sales-2026-07-14.csv' from demo by ftp, 280 bytes\n" in demo.printed
    by_sftp, by_ftp, by_mail, deliveries, transactions = demo.lines()
    for number, line in enumerate((by_sftp, by_ftp, by_mail), 2):
        paste(line)
        demo.await_line(rf"delivery {number} is a duplicate: .*\n")
    assert [row.split()[3] for row in paste(deliveries).splitlines()[2:]] == ["ftp", "sftp", "ftp", "smtp"]
    assert len(paste(transactions).splitlines()) == 2 + 5
    assert demo.stop() == 0


def test_a_second_start_goes_on_where_it_was(quickstart):
    demo = quickstart()
    demo.await_line(ROWS)
    first = demo.lines()
    demo.stop()
    again = quickstart()
    again.await_line("Ctrl-C ends it")
    assert again.lines() == first
    assert len(paste(first[-1]).splitlines()) == 2 + 5
    again.stop()
    assert "Sending the sample" not in again.printed


def test_the_next_free_port_is_taken(quickstart):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 2121))
            other.listen()
        except OSError:
            pass  # somebody has it already, which is as good
        demo = quickstart()
        demo.await_line(ROWS)
        port = int(demo.await_line(r"ftp          127\.0\.0\.1 port (\d+)")[1])
    assert port > 2121


def test_its_configuration_is_an_ordinary_one(quickstart, tmp_path):
    demo = quickstart()
    demo.await_line(ROWS)
    demo.stop()
    config = tmp_path / "demo folder" / "dorimportd.toml"
    daemon = subprocess.Popen(
        [BIN / "dorimportd", "run", "--config", config], stderr=subprocess.PIPE, text=True
    )
    said = [daemon.stderr.readline() for _ in range(4)]
    daemon.terminate()
    daemon.communicate(timeout=120)
    assert "is ready" in said[-1], said


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    command = [BIN / "dorimportd", "quickstart", "--directory", tmp_path / "file" / "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("quickstart: ")
    assert "Traceback" not in done.stderr


def test_the_transcript_in_the_readme_is_what_it_prints(quickstart, tmp_path):
    folder = tmp_path / "dorimportd-demo"
    demo = quickstart(folder)
    demo.await_line(ROWS)
    password = (folder / "demo-password").read_text().strip()
    ports = re.findall(r"tcp:(\d+):", (folder / "dorimportd.toml").read_text())
    printed = demo.printed.replace(str(folder), "/home/ada/dorimportd/dorimportd-demo")
    printed = printed.replace(str(BIN), "/home/ada/dorimportd/.venv/bin").replace(password, "PASSWORD")
    for port, default in zip(ports, ("2022", "2121", "2525"), strict=True):
        printed = re.sub(rf"\b{port}\b", default, printed)
    (transcript,) = re.findall(r"```text\n(Made .*?)\n```", README, re.DOTALL)
    (its_password,) = re.findall(r"password (\S+),", transcript)
    assert printed.rstrip() == transcript.replace(its_password, "PASSWORD")
