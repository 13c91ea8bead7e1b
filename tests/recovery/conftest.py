from __future__ import annotations

import pytest
from mailhouse import House


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """One daemon for a module: each test sends mails of its own."""
    house = House(tmp_path_factory.mktemp("house") / "here")
    house.start()
    yield house
    house.end()


@pytest.fixture(scope="module")
def house_on_postgresql(tmp_path_factory, postgresql_url):
    house = House(tmp_path_factory.mktemp("house") / "here", postgresql_url())
    house.start()
    yield house
    house.end()
