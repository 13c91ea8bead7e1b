from __future__ import annotations

import pytest
from appliance import Appliance
from faults.clients import Senders


@pytest.fixture
def appliance(tmp_path):
    """A daemon that is not started yet."""
    appliance = Appliance(tmp_path / "appliance")
    yield appliance
    appliance.end()


@pytest.fixture
def senders(appliance):
    return Senders(appliance)
