from __future__ import annotations

import pytest
from appliance import Appliance, need
from faults.clients import Senders
from faults.mortal import Mortal
from servers import SQLITE


@pytest.fixture
def appliance(tmp_path):
    """A daemon that is not started yet."""
    appliance = Appliance(tmp_path / "appliance")
    yield appliance
    appliance.end()


@pytest.fixture
def senders(appliance):
    return Senders(appliance)


@pytest.fixture
def made(tmp_path):
    """Makes a daemon that is not started yet, with acme and other customers."""
    for client in ("curl", "sftp", "swaks", "ssh-keygen"):
        need(client)
    appliances = []

    def make(url, *others):
        appliances.append(Mortal(tmp_path / "appliance", url, *others))
        return appliances[0]

    yield make
    for each in appliances:
        each.end()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    """An empty database of either kind."""
    return SQLITE if request.param == "sqlite" else request.getfixturevalue("postgresql_url")()


@pytest.fixture
def mortal(made):
    return made(SQLITE)


@pytest.fixture
def either(made, url):
    return made(url)


@pytest.fixture
def on_postgresql(made, postgresql_url):
    return made(postgresql_url())
