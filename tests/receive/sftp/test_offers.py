from __future__ import annotations

import re
import struct

import pytest
from twisted.conch.ssh.common import NS

from dorimportd.config.legacy import ALLOWABLE
from dorimportd.events import NothingInCommon
from dorimportd.receive.sftp.algorithms import DEFAULT, MODERN, offered
from dorimportd.receive.sftp.directions import IN_BLOCKS, MACS
from dorimportd.receive.sftp.offers import Offer
from dorimportd.report.manual import topic

NOW = ["curve25519-sha256", "ssh-ed25519", *["aes128-ctr"] * 2, *["hmac-sha2-256"] * 2, *["none"] * 2]
OURS_MACS = "hmac-sha2-256-etm@openssh.com, hmac-sha2-512-etm@openssh.com, hmac-sha2-256, hmac-sha2-512"


def kexinit(names):
    """What a client says that has only these names, in the order of a KEXINIT."""
    payload = bytes(16) + b"".join(NS(name.encode("latin-1")) for name in names) + bytes(8 + 5)
    padding = 8 - (len(payload) + 6) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack("!LBB", len(payload) + 2 + padding, padding, 20) + payload + bytes(padding)


def told(raw, house, **other):
    """What is told of a client whose offer is that of today but for some."""
    server, tcp = raw
    names = [other.get(f"name_{number}", name) for number, name in enumerate(NOW)]
    server.dataReceived(b"SSH-2.0-x\r\n")
    server.dataReceived(kexinit(names))
    (event,) = house.tell
    assert (server.ended, tcp.disconnecting) == (f"There is no {event.what} in common.", True)
    return event


def test_what_a_client_and_we_have_is_told_and_what_would_allow_it(raw, house):
    assert told(raw, house, name_4="hmac-md5,hmac-sha1") == NothingInCommon(
        "192.0.2.7",
        "MAC",
        "hmac-md5, hmac-sha1",
        OURS_MACS,
        'legacy_algorithms = ["hmac-sha1"] in customers.d/NAME.toml would allow it',
    )
    assert house.tell.sentences() == [
        "sftp session from 192.0.2.7 refused: no MAC in common; the client has hmac-md5, hmac-sha1; "
        f"here are {OURS_MACS}; "
        'legacy_algorithms = ["hmac-sha1"] in customers.d/NAME.toml would allow it'
    ]


def test_all_that_is_missing_is_told_at_once(raw, house):
    event = told(
        raw,
        house,
        name_0="diffie-hellman-group1-sha1,diffie-hellman-group14-sha1,ext-info-c,kex-strict-c-v00@openssh.com",
        name_2="3des-cbc,aes128-cbc",
        name_3="3des-cbc,aes128-cbc",
    )
    assert (event.what, event.theirs) == (
        "key exchange and no cipher",
        "diffie-hellman-group1-sha1, diffie-hellman-group14-sha1 / 3des-cbc, aes128-cbc",
    )
    assert event.hint == (
        'legacy_algorithms = ["diffie-hellman-group14-sha1", "aes128-cbc"] in customers.d/NAME.toml '
        "would allow it"
    )


@pytest.mark.parametrize(
    "other",
    [
        {"name_0": "diffie-hellman-group1-sha1"},
        {"name_0": "kex-strict-s-v00@openssh.com"},
        {"name_5": "hmac-md5"},
        {"name_6": "zlib"},
        {"name_1": "ssh-dss", "name_5": "hmac-sha1"},
        {"name_3": ""},
    ],
)
def test_what_nothing_can_allow_is_said_to_be_so(raw, house, other):
    assert told(raw, house, **other).hint == "nothing can allow that, a newer client is needed"


def test_a_log_line_shows_whatever_the_client_says_and_is_not_long(raw, house):
    event = told(raw, house, name_0="\x1b[2J\n\xff," + "x" * 9000)
    assert event.theirs == r"\x1b[2J\n\xff, " + "x" * 285 + "..."


def test_an_offer_is_written_as_it_was_read():
    packet = kexinit(NOW)[6:-4]
    assert Offer.read(packet).written() == packet


def test_what_is_legacy_comes_last_and_only_by_name():
    assert offered(modern_only=False) == DEFAULT
    assert offered(modern_only=True) == MODERN
    old = offered(modern_only=False, legacy={"hmac-sha1", "ssh-rsa", "hmac-sha2-256"})
    assert (old.key_exchanges, old.ciphers) == (DEFAULT.key_exchanges, DEFAULT.ciphers)
    assert old.macs == (*DEFAULT.macs, b"hmac-sha1")
    assert old.signatures == {**DEFAULT.signatures, b"ssh-rsa": b"ssh-rsa"}
    assert offered(modern_only=True, legacy={"hmac-sha2-256"}).macs == (*MODERN.macs, b"hmac-sha2-256")


def test_all_that_can_be_allowed_is_there():
    names = [name.encode() for kind in ("cipher", "MAC") for name in ALLOWABLE[kind]]
    assert set(names) <= {*IN_BLOCKS, *MACS}


@pytest.mark.parametrize("kind", ALLOWABLE)
def test_the_manual_names_all_that_can_be_allowed(kind):
    for name in ALLOWABLE[kind]:
        assert re.search(rf" {re.escape(name)}[,\n]", topic("customers")), name
