"""What an old client is allowed, by name, for the one customer who needs it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from twisted.conch.ssh.transport import SSHTransportBase

from dorimportd.events import LoginAccepted, NothingInCommon, SessionRefused
from dorimportd.receive.defence import Defence
from dorimportd.receive.portal import Doorkeeper
from dorimportd.receive.sftp.ssh import sftp_factory
from dorimportd.words import Channel

REFUSED = SessionRefused(
    Channel.SFTP,
    "192.0.2.7",
    "acme may not use hmac-sha1, which its legacy_algorithms do not name",
    "acme",
)


@pytest.fixture
def allow(house, keys, connect):
    """A door at which some customers may use older algorithms; it connects a client of acme."""

    def acme(macs, **customers):
        settings = house.settings()
        changed = {name: replace(settings.customer(name), **given) for name, given in customers.items()}
        settings = replace(settings, customers={**settings.customers, **changed})
        doorkeeper = Doorkeeper(
            lambda: settings,
            defence=Defence(lambda: settings.defence, house.clock.seconds),
            spool=house.spool,
            workers=house.workers,
            logins=house.workers,
            tell=house.tell,
        )
        behind = replace(house, settings=lambda: settings, doorkeeper=doorkeeper)
        factory = sftp_factory(behind, [keys.host])
        return connect(factory, macs)

    return acme


def test_a_customer_is_let_in_with_what_it_is_allowed(allow, house):
    wire = allow([b"hmac-sha1"], acme={"legacy_algorithms": ("hmac-sha1",)})
    assert wire.sftp().opened
    assert [type(each) for each in house.tell] == [LoginAccepted]


def test_what_one_customer_is_allowed_no_other_is(allow, house):
    wire = allow([b"hmac-sha1"], other={"legacy_algorithms": ("hmac-sha1",)})
    assert wire.client.disconnected == (3, "hmac-sha1 may not be used here.")
    assert house.tell[1:] == [REFUSED]
    assert house.sessions.count() == 0


def test_a_customer_that_is_allowed_more_than_it_needs_uses_the_better(allow):
    wire = allow([b"hmac-sha2-256", b"hmac-sha1"], acme={"legacy_algorithms": ("hmac-sha1",)})
    assert wire.server.currentEncryptions.names() == {b"aes256-ctr", b"hmac-sha2-256"}


ELSEWHERE = (ip_network("198.51.100.0/24"),)


@pytest.mark.parametrize("given", [{"allowed_networks": ELSEWHERE}, {"enabled": False}])
def test_what_is_allowed_is_offered_where_the_customer_can_come_from(allow, house, given):
    allow([b"hmac-sha1"], other={"legacy_algorithms": ("hmac-sha1",), **given})
    assert [type(each) for each in house.tell] == [NothingInCommon]


def test_after_the_login_nothing_else_is_agreed_on(allow, house):
    wire = allow([b"hmac-sha2-256"], other={"legacy_algorithms": ("hmac-sha1",)})
    wire.sftp()
    wire.client.supportedMACs = [b"hmac-sha1"]
    SSHTransportBase.sendKexInit(wire.client)
    wire.carry()
    assert [type(each) for each in house.tell] == [LoginAccepted, NothingInCommon]


def test_how_a_login_was_signed_counts(allow, house):
    wire = allow([b"hmac-sha2-256"], other={"legacy_algorithms": ("ssh-rsa",)})
    assert wire.server.signed_by == b"ssh-ed25519"
    assert b"ssh-rsa" not in wire.server.offered.signatures  # that of acme
    wire.server.signed_by = b"ssh-rsa"
    assert wire.server._not_allowed(house.settings().customer("acme")) == "ssh-rsa"
