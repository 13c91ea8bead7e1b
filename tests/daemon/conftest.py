from __future__ import annotations

import pytest
from appliance import Appliance


@pytest.fixture
def appliance(tmp_path):
    """A daemon that is not started yet."""
    appliance = Appliance(tmp_path / "appliance")
    yield appliance
    appliance.end()


@pytest.fixture
def running(appliance):
    appliance.start()
    return appliance
