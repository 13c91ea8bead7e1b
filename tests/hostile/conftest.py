"""One daemon for each theme, which must be as sound behind the last test as before the first."""

from __future__ import annotations

import pytest
from appliance import PASSWORD, Appliance
from hostile.doors import LIMITS, Doors


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    """The doors of a running daemon with the customers acme and beta; no test stops it."""
    appliance = Appliance(tmp_path_factory.mktemp("appliance"))
    text = appliance.config.read_text()
    appliance.config.write_text(text.replace('free_space = "1 MiB"\n', LIMITS))
    appliance.run_ctl(
        *("customer", "add", "beta", "--timezone", "Europe/Berlin", "--currency", "EUR"),
        *("--format", "plain", "--password-file", "-"),
        stdin=PASSWORD + "\n",
    )
    appliance.start()
    yield Doors(appliance)
    appliance.end()


@pytest.fixture(autouse=True)
def sound(request):
    """After each test with a daemon another client is served, nothing was a defect, memory is bounded."""
    yield
    if "doors" in request.fixturenames:
        doors = request.getfixturevalue("doors")
        assert doors.is_served()
        doors.check_sound()
