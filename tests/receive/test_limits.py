"""Sessions without a login: which of them ends for another one."""

from __future__ import annotations

import pytest

from dorimportd.receive.limits import Strangers


class Scene:
    def __init__(self, most):
        self.ended = []
        self.strangers = Strangers(lambda: most)

    def add(self, *addresses):
        """A stranger from each; the last of them."""
        for address in addresses:
            added = self.strangers.add(address, lambda address=address: self.ended.append(address))
        return added


@pytest.fixture
def scene():
    return Scene(4)


def test_the_oldest_of_the_largest_crowd_gives_way(scene):
    scene.add("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.2")
    assert scene.ended == []
    scene.add("192.0.2.4")
    assert scene.ended == ["192.0.2.2"]
    scene.add("192.0.2.5")
    assert scene.ended == ["192.0.2.2", "192.0.2.1"]  # one of each: then the oldest of all


def test_a_crowd_from_one_address_ends_only_its_own(scene):
    scene.add("192.0.2.1")
    scene.add(*["192.0.2.9"] * 100)
    assert scene.ended == ["192.0.2.9"] * 97


def test_an_ipv6_site_is_one_crowd(scene):
    scene.add("192.0.2.1", "2001:db8:1:2::1", "2001:db8:1:2::2", "192.0.2.2", "192.0.2.3")
    assert scene.ended == ["2001:db8:1:2::1"]


def test_who_has_logged_in_or_gone_is_none_of_them(scene):
    first = scene.add("192.0.2.1")
    scene.strangers.forget(first)
    scene.strangers.forget(first)
    scene.strangers.forget(None)
    scene.add("192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5")
    assert scene.ended == []
    scene.add("192.0.2.6")
    assert scene.ended == ["192.0.2.2"]
