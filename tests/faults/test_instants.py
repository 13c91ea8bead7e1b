"""The table of instants against the code, and what the variable does to the daemon."""

from __future__ import annotations

import ast
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from appliance import BIN, Appliance

from dorimportd import instants

HOUSE = Path(instants.__file__).parent


def reached() -> list[str]:
    """The first argument of each call of `reach`, as it is written."""
    return [
        ast.unparse(node.args[0])
        for path in HOUSE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reach"
    ]


def test_the_table_has_every_instant_that_the_code_reaches_and_no_other():
    assert set(reached()) == {repr(name) for name in instants.INSTANTS}


def test_without_the_variable_nothing_happens():
    assert instants.faults_of({}) == ({}, None)
    assert instants.faults_of({"DORIMPORTD_FAULT": ""}) == ({}, None)
    for name in instants.INSTANTS:
        instants.reach(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accept.rename:kill", "there is no instant 'accept.rename'"),
        ("accept.renamed:explode", "'explode' is not kill, segv, memory or the name of an error as ENOSPC"),
        ("accept.renamed", "'accept.renamed' is not NAME[@FILENAME]:ACTION[:COUNT]"),
        ("accept.renamed:kill:0", "'accept.renamed:kill:0' is not NAME[@FILENAME]:ACTION[:COUNT]"),
        ("upload.synced:EIO,accept.renamed:", "'accept.renamed:' is not NAME[@FILENAME]:ACTION[:COUNT]"),
    ],
)
def test_a_variable_that_means_nothing_is_told(text, said):
    with pytest.raises(ValueError, match="^" + said.replace("[", r"\[")):
        instants.read_faults(text)


def passes(monkeypatch, text, *details):
    """What comes of reaching upload.written with each of *details*: numbers of errors, None for nothing."""
    monkeypatch.setattr(instants, "FAULTS", instants.read_faults(text))
    found = []
    for detail in details:
        try:
            instants.reach("upload.written", detail)
        except OSError as error:
            found.append(error.errno)
        except MemoryError:
            found.append("memory")
        else:
            found.append(None)
    return found


def test_without_a_count_it_fails_each_time_and_with_one_only_that_time(monkeypatch):
    assert passes(monkeypatch, "upload.written:ENOSPC", "", "", "") == [errno.ENOSPC] * 3
    assert passes(monkeypatch, "upload.written:EIO:2", "", "", "") == [None, errno.EIO, None]
    assert passes(monkeypatch, "upload.written:memory:1", "", "") == ["memory", None]
    assert passes(monkeypatch, "upload.synced:EIO", "") == [None]


def test_a_file_name_is_the_only_one_that_fails_and_that_counts(monkeypatch):
    names = ("b.csv", "a.csv", "b.csv", "a.csv")
    assert passes(monkeypatch, "upload.written@b.csv:EIO", *names) == [errno.EIO, None, errno.EIO, None]
    assert passes(monkeypatch, "upload.written@a.csv:EIO:2", *names) == [None, None, None, errno.EIO]
    both = "upload.written@a.csv:EIO:2,upload.written@b.csv:ENOSPC:1"
    assert passes(monkeypatch, both, *names) == [errno.ENOSPC, None, None, errno.EIO]


@pytest.mark.parametrize(("action", "number"), [("kill", signal.SIGKILL), ("segv", signal.SIGSEGV)])
def test_the_process_ends_at_the_instant(action, number):
    program = "from dorimportd.instants import reach; reach('import.read'); print('on', flush=True); "
    program += "reach('import.read'); print('further')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DORIMPORTD_FAULT": f"import.read:{action}:2"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (-number, b"on\n")


@pytest.mark.parametrize(("program", "status"), [("dorimportd", 78), ("dorimportctl", 1)])
def test_a_wrong_variable_refuses_the_start(tmp_path, monkeypatch, program, status):
    monkeypatch.setenv("DORIMPORTD_FAULT", "accept.rename:kill")
    verb = ["run", "--config", tmp_path] if program == "dorimportd" else ["format", "list"]
    done = subprocess.run([BIN / program, *verb], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "DORIMPORTD_FAULT: there is no instant 'accept.rename'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_daemon_that_is_made_to_fail_says_so_in_its_log(tmp_path, monkeypatch):
    appliance = Appliance(tmp_path / "appliance")
    monkeypatch.setenv("DORIMPORTD_FAULT", "accept.renamed:kill:7")
    appliance.start()
    appliance.end()
    said = "it is made to fail by the environment variable DORIMPORTD_FAULT, which only tests set: "
    assert f"{said}'accept.renamed:kill:7'" in appliance.log_text()
