from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import FingerprintFormats, Key
from twisted.internet.defer import Deferred

from dorimportd.events import AccountGuarded, AddressBanned, Fault
from dorimportd.receive.sftp import algorithms
from dorimportd.receive.sftp.fields import Unreadable
from dorimportd.receive.sftp.login import LoginService, is_signed

PASSWORD = b"correct horse battery"
SESSION = b"session id of thirty-two bytes .."
FAILED = (51, NS(b"publickey,password") + b"\0")


class Transport:
    """What the login sees of its connection."""

    sessionID = SESSION
    offered = algorithms.DEFAULT
    peer = "192.0.2.7"

    def __init__(self):
        self.sent = []
        self.ended = None

    def sendPacket(self, kind, payload):
        self.sent.append((kind, payload))

    def disconnect(self, code, why):
        self.ended = (code, why)

    def drop(self, why):
        self.ended = why


class Client:
    def __init__(self, house):
        self.house = house
        self.entered = []
        self.service = LoginService(house, lambda avatar: self.entered.append(avatar.customer.name))
        self.service.transport = self.transport = Transport()
        self.service.serviceStarted()

    def ask(self, method, rest=b"", login=b"acme", service=b"ssh-connection"):
        self.service.ssh_USERAUTH_REQUEST(NS(login) + NS(service) + NS(method) + rest)

    def password(self, password, login=b"acme", changes=False):
        self.ask(b"password", bytes([changes]) + NS(password), login)

    def offer(self, key, algorithm, login=b"acme"):
        self.ask(b"publickey", b"\0" + NS(algorithm) + NS(key.blob()), login)

    def sign(self, key, algorithm, login=b"acme", signer=None, named=None, session=SESSION):
        what = b"\1" + NS(algorithm) + NS(key.blob())
        signed = NS(session) + b"\x32" + NS(login) + NS(b"ssh-connection") + NS(b"publickey") + what
        signature = (signer or key).sign(signed, named or algorithm)
        self.ask(b"publickey", what + NS(signature), login)

    def answers(self):
        """What was answered, once the time for guesses is over."""
        self.house.clock.advance(1)
        sent, self.transport.sent = self.transport.sent, []
        return sent


def public_key(key):
    """Its fingerprint, as ssh-keygen -l shows it."""
    return "SHA256:" + key.fingerprint(FingerprintFormats.SHA256_BASE64).rstrip("=")


@pytest.fixture
def client(house):
    return Client(house)


def test_the_right_password_lets_in(client):
    client.password(PASSWORD)
    assert (client.entered, client.answers()) == (["acme"], [])
    assert client.house.tell.sentences() == ["sftp login of acme from 192.0.2.7 by password"]


@pytest.mark.parametrize(
    "login, password, reason",
    [
        (b"acme", b"wrong", "wrong password"),
        (b"nobody", PASSWORD, "no such login"),
        (b"\xff", PASSWORD, "no such login"),
        (b"", b"", "no such login"),
        (b"acme", b"x" * 1025, "the password is too long"),
    ],
)
def test_every_refusal_looks_the_same_and_comes_late(client, login, password, reason):
    client.password(password, login)
    assert client.transport.sent == []
    assert (client.entered, client.answers()) == ([], [FAILED])
    assert client.house.tell.sentences()[0].endswith(reason)


def test_passwords_are_not_changed(client):
    client.password(PASSWORD, changes=True)
    assert (client.entered, client.answers()) == ([], [FAILED])


@pytest.mark.parametrize(
    "kind, algorithm", [("ed25519", b"ssh-ed25519"), ("rsa", b"rsa-sha2-256"), ("rsa", b"rsa-sha2-512")]
)
def test_the_owner_of_a_key_is_let_in(client, keys, kind, algorithm):
    key = getattr(keys, kind)
    client.offer(key, algorithm)
    assert client.answers() == [(60, NS(algorithm) + NS(key.blob()))]
    client.sign(key, algorithm)
    assert (client.entered, client.answers()) == (["acme"], [])
    assert "sftp login of acme from 192.0.2.7 by ssh-" in client.house.tell.sentences()[0]


def test_a_key_of_another_customer_would_not_do(client, keys):
    client.offer(keys.other, b"ssh-ed25519")
    assert client.transport.sent == [FAILED]
    client.sign(keys.other, b"ssh-ed25519")
    assert (client.entered, client.answers()[1:]) == ([], [FAILED])


def test_offers_are_no_guesses(client, keys):
    """An agent offers all the keys it has before one would do."""
    for _ in range(10):
        client.offer(keys.other, b"ssh-ed25519")
    client.sign(keys.ed25519, b"ssh-ed25519")
    assert (client.entered, client.transport.ended) == (["acme"], None)


def test_a_key_that_would_not_do_is_told_once_with_the_reason(client, keys):
    for _ in range(3):
        client.offer(keys.other, b"ssh-ed25519")
        client.offer(keys.elsewhere, b"ssh-ed25519")
    client.sign(keys.other, b"ssh-ed25519")
    client.offer(keys.rsa, b"rsa-sha2-256", login=b"nobody")
    client.answers()
    refused = "sftp login refused for 'acme' from 192.0.2.7: key "
    other, elsewhere, rsa = (public_key(key) for key in (keys.other, keys.elsewhere, keys.rsa))
    assert client.house.tell.sentences() == [
        f"{refused}{other} is not in this customer's file",
        f"{refused}{elsewhere}: its from= does not allow 192.0.2.7",
        f"sftp login refused for 'nobody' from 192.0.2.7: no such login (key {rsa})",
    ]
    assert [each.customer for each in client.house.tell] == ["acme", "acme", None]


def test_the_twentieth_key_that_would_not_do_ends_the_connection(client):
    for number in range(20):
        assert client.transport.ended is None
        client.offer(Key(Ed25519PrivateKey.generate()), b"ssh-ed25519")
        assert len(client.house.tell) == number + 1 + (number == 19)
    assert client.transport.ended == (14, "Too many logins failed.")
    assert client.house.tell.sentences()[-1] == "sftp session from 192.0.2.7 ended: 20 keys were refused"


def test_a_signature_by_another_key_is_refused(client, keys):
    client.sign(keys.ed25519, b"ssh-ed25519", signer=keys.other)
    assert (client.entered, client.answers()) == ([], [FAILED])
    assert client.house.tell.sentences() == [
        "sftp login refused for 'acme' from 192.0.2.7: the signature is wrong"
    ]


def test_a_signature_of_another_session_is_refused(client, keys):
    client.sign(keys.ed25519, b"ssh-ed25519", session=b"another session")
    assert (client.entered, client.answers()) == ([], [FAILED])


def test_a_signature_by_another_algorithm_than_it_says_is_refused(client, keys):
    client.sign(keys.rsa, b"rsa-sha2-512", named=b"rsa-sha2-256")
    assert (client.entered, client.answers()) == ([], [FAILED])


def test_signatures_by_sha_1_are_refused_with_a_word_to_the_sysadmin(client, keys):
    client.offer(keys.rsa, b"ssh-rsa")
    client.sign(keys.rsa, b"ssh-rsa")
    client.house.clock.advance(1)
    assert (client.entered, client.answers()) == ([], [FAILED, FAILED])
    assert client.house.tell.sentences()[0] == (
        "sftp login refused for 'acme' from 192.0.2.7: signatures by ssh-rsa are not taken"
    )


@pytest.mark.parametrize("algorithm", [b"ssh-rsa", b"rsa-sha2-256", b"ssh-dss", b"", b"\xff\n"])
def test_an_algorithm_that_is_not_the_key_s_is_refused(client, keys, algorithm):
    client.offer(keys.ed25519, algorithm)
    assert client.answers() == [FAILED]


def test_a_short_key_signs_nothing():
    private = generate_private_key(65537, 1024)
    blob = Key(private).public().blob()
    signature = private.sign(b"signed", padding.PKCS1v15(), hashes.SHA512())
    assert not is_signed(b"signed", NS(b"rsa-sha2-512") + NS(signature), b"rsa-sha2-512", blob)


def test_none_tells_the_methods_and_counts_for_nothing(client):
    for _ in range(10):
        client.ask(b"none")
    client.ask(b"keyboard-interactive", NS(b"") + NS(b""))
    assert (client.answers(), client.transport.ended) == ([FAILED] * 11, None)


def test_the_last_guess_ends_the_connection(client):
    for _ in range(2):
        client.password(b"wrong")
        assert client.answers() == [FAILED]
    client.password(b"wrong")
    assert (client.answers(), client.transport.ended) == ([], (14, "Too many logins failed."))
    assert client.house.tell.sentences()[3:] == ["sftp session from 192.0.2.7 ended: 3 logins failed"]
    client.password(PASSWORD)
    assert client.entered == []


def test_requests_are_answered_one_after_the_other(client):
    client.password(b"wrong")
    client.password(PASSWORD)
    assert (client.entered, client.transport.sent) == ([], [])
    assert (client.answers(), client.entered) == ([FAILED], ["acme"])


def test_requests_without_end_end_the_connection(client):
    for _ in range(11):
        client.password(b"wrong")
    with pytest.raises(Unreadable, match=r"^Too many login requests came at once\.$"):
        client.password(b"wrong")


@pytest.mark.parametrize(
    "body", [b"", NS(b"acme"), NS(b"acme") + NS(b"ssh-connection") + NS(b"password") + b"\0\0"]
)
def test_a_request_that_cannot_be_read_ends_the_connection(client, body):
    client.service.ssh_USERAUTH_REQUEST(body)
    assert client.transport.ended == "A packet ends in the middle of a field."


def test_another_service_ends_the_connection(client):
    client.ask(b"password", b"\0" + NS(PASSWORD), service=b"ssh-userauth")
    assert client.transport.ended == "Only the service ssh-connection is offered here."
    assert client.entered == []


def test_a_login_that_ends_after_the_connection_lets_nobody_in(client, monkeypatch):
    hashing = Deferred()
    monkeypatch.setattr(client.house.workers, "run", lambda *_: hashing)
    client.password(PASSWORD)
    client.service.serviceStopped()
    hashing.callback(True)
    assert client.entered == []


def test_a_defect_of_ours_is_told_and_ends_the_connection(client, monkeypatch):
    monkeypatch.setattr(client.house.workers, "run", lambda *_: 1 / 0)
    client.password(PASSWORD)
    assert client.transport.ended == (11, "The server failed.")
    assert [type(each) for each in client.house.tell] == [Fault]


# What is held against an address and an account.


def session(house, peer="192.0.2.7"):
    client = Client(house)
    client.transport.peer = peer
    return client


def bans(house):
    return [each for each in house.tell if isinstance(each, AddressBanned)]


def test_wrong_passwords_of_all_sessions_ban_their_address(house):
    """Then the right one does not count either, from a session that is open."""
    clients = [session(house) for _ in range(6)]
    for login in (b"acme", b"acme", b"acme", *[b"nobody"] * 5):
        clients[0].password(b"wrong", login)
        clients[0] = session(house)
    clients[1].password(b"x" * 1025)
    assert bans(house) == []
    clients[2].password(b"wrong", b"\x1b[31m")
    (ban,) = bans(house)
    assert (ban.address, ban.why) == (
        "192.0.2.7",
        "10 failed logins in 30 minutes, the last by sftp as '\\x1b[31m': no such login",
    )
    clients[3].password(PASSWORD)
    assert clients[3].entered == []
    assert house.tell.sentences()[-1] == (
        "sftp login refused for 'acme' from 192.0.2.7: the address is banned"
    )
    assert len(bans(house)) == 1


def test_nobody_s_guesses_keep_the_owner_of_a_key_out(house, keys):
    for _ in range(15):
        session(house).password(b"wrong")
    assert len(bans(house)) == 1
    owner = session(house)
    owner.sign(keys.ed25519, b"ssh-ed25519")
    assert owner.entered == ["acme"]


def test_a_session_of_refused_keys_counts_once_when_it_ends_without_a_login(house, keys):
    for _ in range(15):
        client = session(house)
        client.offer(keys.other, b"ssh-ed25519")
        client.offer(keys.elsewhere, b"ssh-ed25519")
        assert bans(house) == []
        client.service.serviceStopped()
    (ban,) = bans(house)
    assert ban.why == ("15 failed logins in 30 minutes, the last by sftp as 'acme': its keys were refused")


def test_refused_keys_before_a_login_count_for_nothing(house, keys):
    clients = [session(house) for _ in range(15)]
    for client in clients:
        client.offer(keys.other, b"ssh-ed25519")
        client.sign(keys.ed25519, b"ssh-ed25519")
    for client in clients:
        client.service.serviceStopped()
    assert (client.entered, bans(house)) == (["acme"], [])


def test_sessions_that_offer_nothing_count_for_nothing(house):
    for _ in range(20):
        client = session(house)
        client.ask(b"none")
        client.service.serviceStopped()
    assert bans(house) == []


def test_a_right_login_begins_the_count_anew(house, keys):
    for _ in range(3):
        for _ in range(7):
            session(house).password(b"wrong", b"nobody")
        session(house).sign(keys.ed25519, b"ssh-ed25519")
    assert bans(house) == []


def test_an_account_that_is_guessed_at_takes_passwords_only_where_it_is_known(house, keys):
    known, stranger = session(house, "192.0.2.7"), session(house, "198.51.100.9")
    known.password(PASSWORD)
    for number in range(30):
        session(house, f"203.0.113.{number}").password(b"wrong")
    assert [each.customer for each in house.tell if isinstance(each, AccountGuarded)] == ["acme"]
    stranger.password(PASSWORD)
    assert stranger.answers() == [FAILED]
    assert house.tell.sentences()[-1] == (
        "sftp login refused for 'acme' from 198.51.100.9: the password is right, but too many wrong ones "
        "came from elsewhere, and this address is not known"
    )
    again, by_key = session(house, "192.0.2.7"), session(house, "198.51.100.9")
    again.password(PASSWORD)
    by_key.sign(keys.ed25519, b"ssh-ed25519")
    assert [stranger.entered, again.entered, by_key.entered] == [[], ["acme"], ["acme"]]
    now_known = session(house, "198.51.100.9")
    now_known.password(PASSWORD)
    assert now_known.entered == ["acme"]
