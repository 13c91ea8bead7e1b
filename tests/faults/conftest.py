from __future__ import annotations

import shutil
import subprocess
import warnings

import pytest
from appliance import Appliance
from faults.clients import Senders

# What a container may forbid even to root, and the tests that are nothing without it.
NEEDED = {
    "test_small_disk.py": ("unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"),
    "test_sync_order.py": ("strace", "-f", "-D", "-o", "/dev/null", "true"),
}


def is_forbidden(command):
    """Whether *command* is there and fails."""
    there = shutil.which(command[0]) is not None
    return there and subprocess.run(command, capture_output=True, check=False).returncode != 0


collect_ignore = [name for name, command in NEEDED.items() if is_forbidden(command)]
for name in collect_ignore:
    warnings.warn(f"{name} is left out: {' '.join(NEEDED[name])} is forbidden here", stacklevel=1)


@pytest.fixture
def appliance(tmp_path):
    """A daemon that is not started yet."""
    appliance = Appliance(tmp_path / "appliance")
    yield appliance
    appliance.end()


@pytest.fixture
def senders(appliance):
    return Senders(appliance)
