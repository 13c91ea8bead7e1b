"""What ssh-audit says of the door: red is bad, yellow is weak."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def audit(door):
    """What ssh-audit marks yellow and red: sets of names."""
    program = shutil.which("ssh-audit") or shutil.which("ssh-audit", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("ssh-audit is not installed")
    command = [program, "--json", "--skip-rate-test", "-p", str(door.port), "127.0.0.1"]
    found = json.loads(subprocess.run(command, capture_output=True, timeout=60, check=False).stdout)
    algorithms = [each for kind in ("kex", "key", "enc", "mac") for each in found[kind]]
    assert len(algorithms) > 10
    assert (found["compression"], found["cves"]) == (["none"], [])
    return tuple(
        {each["algorithm"] for each in algorithms if color in each["notes"]} for color in ("warn", "fail")
    )


def test_by_default_yellow_is_only_what_clients_of_today_need(door_with):
    weak, bad = audit(door_with())
    assert bad == set()
    assert weak == {
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "hmac-sha2-256",
        "hmac-sha2-512",
    }


def test_all_is_green_where_only_what_is_modern_is_wanted(door_with):
    assert audit(door_with("modern_only = true")) == (set(), set())
