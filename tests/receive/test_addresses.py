from __future__ import annotations

import pytest

from dorimportd.errors import TooManySessions
from dorimportd.receive.addresses import plain_address, source
from dorimportd.receive.limits import SessionLimits, Sessions


def test_an_address_has_one_spelling():
    assert plain_address("::ffff:192.0.2.7") == "192.0.2.7"
    assert plain_address("192.0.2.7") == "192.0.2.7"
    assert plain_address("2001:DB8::0:7") == "2001:db8::7"


def test_a_sender_is_an_address_or_an_ipv6_site():
    assert source("192.0.2.7") == source("::ffff:192.0.2.7") == "192.0.2.7"
    assert source("2001:db8:1:2:3:4:5:6") == source("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert source("fe80::1%eth0") == "fe80::/64"
    assert source("::1") == "::/64"


def test_sessions_of_an_ipv6_site_are_counted_together():
    sessions = Sessions(lambda: SessionLimits(all=10, per_address=2, per_customer=2))
    sessions.open("2001:db8:1:2::1")
    sessions.open("2001:db8:1:2::2")
    with pytest.raises(TooManySessions):
        sessions.open("2001:db8:1:2::3")
    sessions.open("2001:db8:1:3::1")
    sessions.close("2001:db8:1:2::1")
    sessions.open("2001:db8:1:2::3")
    assert sessions.count() == 3


def test_an_ipv4_address_that_came_to_an_ipv6_listener_is_counted_as_itself():
    sessions = Sessions(lambda: SessionLimits(all=10, per_address=1, per_customer=1))
    sessions.open("::ffff:192.0.2.7")
    with pytest.raises(TooManySessions):
        sessions.open("192.0.2.7")
