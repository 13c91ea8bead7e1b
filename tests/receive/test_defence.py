"""Who is kept out, for how long, and who is not."""

from __future__ import annotations

import json
from ipaddress import ip_network

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport

from dorimportd.config.schema import Defence as Rules
from dorimportd.receive import defence as module
from dorimportd.receive.banned import GuardedFactory
from dorimportd.receive.defence import Ban, Defence
from dorimportd.words import Channel

STRANGER = "198.51.100.9"


class House:
    """A defence, its clock and its rules."""

    def __init__(self, **rules):
        self.rules = Rules(**rules)
        self.now = 1_000_000.0
        self.changes = 0
        self.defence = Defence(lambda: self.rules, lambda: self.now, self.change)

    def change(self):
        self.changes += 1

    def fail(self, times=1, address=STRANGER, points=1):
        """The bans that came of it."""
        bans = [self.defence.failed(address, points, "by ftp as 'x': wrong password") for _ in range(times)]
        return [ban for ban in bans if ban is not None]

    def seconds(self, address=STRANGER):
        """How long the ban of *address* is."""
        ban = self.defence.ban_of(address)
        return ban.until - ban.since if ban is not None else None


@pytest.fixture
def house():
    return House()


def test_the_fifteenth_point_in_half_an_hour_is_a_ban(house):
    assert house.fail(14) == []
    assert house.defence.ban_of(STRANGER) is None
    ban = Ban(
        STRANGER,
        1_000_000.0,
        1_001_800.0,
        "15 failed logins in 30 minutes, the last by ftp as 'x': wrong password",
        1,
    )
    assert house.fail() == [ban]
    assert (house.defence.ban_of(STRANGER), house.defence.bans()) == (ban, [ban])
    assert house.defence.ban_of("198.51.100.10") is None


def test_a_login_that_does_not_exist_counts_double(house):
    assert house.fail(7, points=2) == []
    assert len(house.fail(points=2)) == 1


def test_points_are_forgotten_after_half_an_hour(house):
    for _ in range(100):
        assert house.fail() == []
        house.now += 1800 / 14


def test_a_right_login_takes_all_points_away(house):
    house.fail(14)
    house.defence.succeeded(STRANGER, "acme")
    assert house.fail(14) == []


def test_a_ban_ends_by_itself(house):
    house.fail(15)
    house.now += 1799
    assert house.defence.ban_of(STRANGER) is not None
    house.now += 1
    assert (house.defence.ban_of(STRANGER), house.defence.bans()) == (None, [])


def test_what_comes_from_a_banned_address_makes_its_ban_no_longer(house):
    house.fail(15)
    assert house.fail(100, points=2) == []
    house.defence.succeeded(STRANGER, "acme")  # a session that was open already
    assert house.seconds() == 1800
    house.now += 1800
    assert house.fail(14) == []


def test_each_further_ban_is_longer_by_half_up_to_a_day(house):
    found = []
    for _ in range(12):
        house.fail(15)
        found.append(house.seconds())
        house.now += found[-1]
    assert found[:5] == [1800, 2700, 4050, 6075, 9112.5]
    assert found[9] == 1800 * 1.5**9
    assert found[10:] == [86_400, 86_400]


def test_a_day_after_its_end_a_ban_is_forgotten(house):
    house.fail(15)
    house.now += 1800 + 86_399
    house.fail(15)
    assert house.seconds() == 2700
    house.now += 2700 + 86_400
    house.fail(15)
    assert house.seconds() == 1800


def test_the_rules_are_those_of_the_moment(house):
    house.fail(4)
    house.rules = Rules(ban_score=5, ban_seconds=60)
    house.fail()
    assert house.seconds() == 60
    house.rules = Rules(never_banned=["198.51.100.0/24"])
    assert (house.defence.ban_of(STRANGER), house.defence.bans()) == (None, [])


def test_addresses_of_one_ipv6_site_are_one():
    house = House(ban_score=2)
    house.fail(address="2001:db8:1:2::1")
    (ban,) = house.fail(address="2001:db8:1:2::2")
    assert ban.address == "2001:db8:1:2::/64"
    assert house.defence.ban_of("2001:db8:1:2:ffff::1") == ban
    assert house.defence.ban_of("2001:db8:1:3::1") is None


def test_an_ipv4_address_is_the_same_on_an_ipv6_listener():
    house = House(ban_score=2)
    house.fail(address="::ffff:198.51.100.9")
    assert len(house.fail()) == 1
    assert house.defence.ban_of("::ffff:198.51.100.9") is not None


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "::1", "192.0.2.1", "2001:db8::9"])
def test_some_are_never_banned(address):
    house = House(ban_score=1, never_banned=["192.0.2.0/24", "2001:db8::/32"])
    assert house.fail(5, address) == []
    assert [house.defence.accounts.guessed("acme", address) for _ in range(40)] == [None] * 40
    assert len(house.fail(1, "127.0.0.2")) == 1


def test_a_ban_is_lifted_and_nothing_is_left_of_it(house):
    house.fail(15)
    house.fail(14, "2001:db8:1:2::1")
    house.fail(1, "2001:db8:1:2::2")
    assert house.defence.lift("2001:db8:1:2::/64").address == "2001:db8:1:2::/64"
    assert house.defence.lift(STRANGER).address == STRANGER
    assert house.defence.lift(STRANGER) is None
    assert house.defence.bans() == []
    house.fail(15)
    assert house.seconds() == 1800
    with pytest.raises(ValueError, match="x"):
        house.defence.lift("x")


def test_more_addresses_than_are_kept_push_the_oldest_out(monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    house = House(ban_score=2)
    for number in range(5):
        house.fail(1, f"192.0.2.{number}")
    assert [len(house.fail(1, f"192.0.2.{number}")) for number in (4, 0, 3)] == [1, 0, 1]
    for number in range(10, 15):
        house.fail(2, f"192.0.2.{number}")
    assert [ban.address for ban in house.defence.bans()] == ["192.0.2.12", "192.0.2.13", "192.0.2.14"]
    assert len(house.defence._failures) <= 3


def restarted(house, seconds=0.0):
    """Another defence that goes on with what was kept, as it is read from a file."""
    other = House()
    other.now = house.now + seconds
    other.defence.restore(json.loads(json.dumps(house.defence.state())))
    return other


def test_a_restart_changes_nothing(house):
    house.fail(15)
    house.now += 1800
    house.fail(15)
    house.defence.succeeded("192.0.2.7", "acme")
    [house.defence.accounts.guessed("acme", f"203.0.113.{number}") for number in range(30)]
    other = restarted(house)
    assert other.defence.bans() == house.defence.bans()
    assert other.defence.accounts.refuses("acme", STRANGER)
    assert not other.defence.accounts.refuses("acme", "192.0.2.7")
    other.now += 2700
    other.fail(15)
    assert other.seconds() == 4050


def test_what_is_to_be_kept_is_told(house):
    house.fail(14)
    assert house.changes == 0
    house.fail()
    house.defence.succeeded("192.0.2.7", "acme")
    assert house.changes == 2
    house.defence.succeeded("192.0.2.7", "acme")
    assert house.changes == 2


def test_a_clock_that_was_set_back_keeps_nobody_out_for_longer_than_a_day(house):
    house.fail(15)
    [house.defence.accounts.guessed("acme", f"203.0.113.{number}") for number in range(30)]
    other = restarted(house, seconds=-400 * 86_400)
    other.now += 1800
    assert not other.defence.accounts.refuses("acme", STRANGER)
    other.now += 86_400 - 1800
    assert other.defence.bans() == []


@pytest.mark.parametrize("content", ["{}", "[]", '{"bans": 1}', '{"bans": [{"address": 1}], "accounts": {}}'])
def test_what_is_none_of_ours_is_not_taken(house, content):
    with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
        house.defence.restore(json.loads(content))


def guess(house, times=30, customer="acme"):
    """Wrong passwords, each from an address of its own: what came of each."""
    return [house.defence.accounts.guessed(customer, f"203.0.113.{number}") for number in range(times)]


def test_thirty_wrong_passwords_guard_an_account_from_strangers(house):
    accounts = house.defence.accounts
    accounts.succeeded("acme", "192.0.2.7")
    assert guess(house, 29) == [None] * 29
    assert not accounts.refuses("acme", STRANGER)
    assert guess(house, 1) == [1_001_800.0]
    assert accounts.refuses("acme", STRANGER)
    assert not accounts.refuses("acme", "192.0.2.7")
    assert not accounts.refuses("acme", "127.0.0.1")
    assert not accounts.refuses("other", STRANGER)
    house.now += 1799
    assert guess(house, 100) == [None] * 100  # they make it no longer
    assert accounts.closed_until("acme") == 1_001_800.0
    house.now += 1
    assert (accounts.refuses("acme", STRANGER), accounts.closed_until("acme")) == (False, None)


def test_wrong_passwords_are_forgotten_after_half_an_hour(house):
    for _ in range(4):
        assert guess(house, 29) == [None] * 29
        house.now += 1800


def test_wrong_passwords_from_where_the_customer_is_known_guard_nothing(house):
    house.defence.succeeded("192.0.2.7", "acme")
    assert [house.defence.accounts.guessed("acme", "192.0.2.7") for _ in range(40)] == [None] * 40


def test_the_last_twenty_addresses_of_a_customer_are_known(house):
    accounts = house.defence.accounts
    for number in range(20):
        accounts.succeeded("acme", f"192.0.2.{number}")
    accounts.succeeded("acme", "192.0.2.0")
    accounts.succeeded("acme", "192.0.2.20")
    guess(house)
    assert [number for number in range(22) if accounts.refuses("acme", f"192.0.2.{number}")] == [1, 21]


def test_a_guarded_account_can_be_opened(house):
    guess(house)
    house.defence.accounts.open_all()
    assert not house.defence.accounts.refuses("acme", STRANGER)
    assert guess(house, 29) == [None] * 29


def test_no_network_means_none():
    assert Rules().never_banned == ()
    assert House(never_banned=["192.0.2.0/24"]).rules.never_banned == (ip_network("192.0.2.0/24"),)
    assert not House().defence.spares(STRANGER)


def test_keys_still_count_where_a_customer_has_logged_in_from_the_address_before(house):
    behind = Factory.forProtocol(Protocol)
    doors = [GuardedFactory(behind, channel, house.defence) for channel in (Channel.SFTP, Channel.FTP)]
    house.defence.succeeded(STRANGER, "acme")
    house.fail(15)
    let_in = [type(door.buildProtocol(IPv4Address("TCP", STRANGER, 1))) is Protocol for door in doors]
    assert let_in == [True, False]


LINE = "Too many logins from your address have failed. Please try again later.\r\n"


@pytest.mark.parametrize(
    ("channel", "private", "said"),
    [
        (Channel.SFTP, False, LINE),
        (Channel.FTP, False, f"421 {LINE}"),
        (Channel.SMTP, False, f"421 4.7.0 {LINE}"),
        (Channel.FTP, True, ""),  # a client that waits for TLS can read nothing else
    ],
)
def test_a_door_tells_who_is_banned_where_that_can_be_read(house, channel, private, said):
    behind = Factory.forProtocol(Protocol)
    door = GuardedFactory(behind, channel, house.defence, private=private)
    guest = IPv4Address("TCP", "192.0.2.1", 1)
    assert type(door.buildProtocol(guest)) is Protocol
    house.fail(15)
    assert type(door.buildProtocol(guest)) is Protocol
    stranger, wire = door.buildProtocol(IPv4Address("TCP", STRANGER, 1)), StringTransport()
    stranger.makeConnection(wire)
    assert (wire.value().decode(), wire.disconnecting) == (said, True)
