"""Logging in: under TLS only, and then a customer sends to his own address from anywhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dorimportd.events import LoginAccepted, LoginRefused, SessionRefused
from dorimportd.words import Channel

Mail = Callable[..., bytes]
PASSWORD = "secret of the till"
WRONG = "535 5.7.8 The user name, password or key is not right.\n"


def coded(text: str) -> str:
    return b64encode(text.encode()).decode()


def plain(login: str = "bolt", password: str = PASSWORD, identity: str = "") -> str:
    return coded(f"{identity}\0{login}\0{password}")


class Contexts:
    control = object()


@pytest.fixture
def config(config: Path) -> Path:
    config.write_text(f"{config.read_text()}sessions_per_customer = 1\nlogin_attempts = 3\n")
    return config


def secured(door: Any) -> Any:
    """A client under TLS."""
    client = door.greeted(tls=Contexts())
    client.send("STARTTLS\n")
    client.send("EHLO till\n")
    return client


def logged_in(door: Any) -> Any:
    client = secured(door)
    assert client.send(f"AUTH PLAIN {plain()}\n") == "235 2.7.0 Logged in.\n"
    return client


def test_in_the_clear_no_password_is_read(door: Any):
    client = door.greeted(tls=Contexts())
    for line in (f"AUTH PLAIN {plain()}", "AUTH PLAIN", "AUTH LOGIN", "AUTH CRAM-MD5", "AUTH PLAIN !"):
        assert client.send(f"{line}\n") == (
            "538 5.7.11 A password is taken under TLS only; send STARTTLS first.\n"
        )
    assert door.events == []


def test_a_login_is_offered_under_tls_and_until_it_has_been(door: Any):
    client = door.connect(tls=Contexts())
    assert "AUTH" not in client.send("EHLO till\n")
    client.send("STARTTLS\n")
    assert "250 AUTH PLAIN LOGIN\n" in client.send("EHLO till\n")
    client.send(f"AUTH PLAIN {plain()}\n")
    assert "AUTH" not in client.send("EHLO till\n")


@pytest.mark.parametrize(
    ("lines", "challenges"),
    [
        ([f"AUTH PLAIN {plain()}"], []),
        ([f"auth plain  {plain()} "], []),
        ([f"AUTH PLAIN {plain(identity='bolt')}"], []),
        (["AUTH PLAIN", plain()], ["334 "]),
        (["AUTH LOGIN", coded("bolt"), coded(PASSWORD)], ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"]),
        ([f"AUTH LOGIN {coded('bolt')}", coded(PASSWORD)], ["334 UGFzc3dvcmQ6"]),
    ],
)
def test_a_customer_logs_in_by_any_way_that_clients_know(door: Any, lines: list[str], challenges: list[str]):
    client = secured(door)
    heard = [client.send(f"{line}\n") for line in lines]
    assert heard == [*(f"{each}\n" for each in challenges), "235 2.7.0 Logged in.\n"]
    assert door.events == [LoginAccepted("bolt", Channel.SMTP, client.wire.getPeer().host, "password")]


def test_who_has_logged_in_sends_to_himself_from_any_sender_and_to_nobody_else(door: Any, mail: Mail):
    lines = (
        "MAIL FROM:<till@elsewhere.example> AUTH=<>\n"
        "RCPT TO:<acme@in.till.example>\nRCPT TO:<nobody@in.till.example>\n"
        "RCPT TO:<bolt.sales@in.till.example>\nRCPT TO:<postmaster>\n"
    )
    client = logged_in(door)
    assert client.send(lines) == (
        "250 2.1.0 Sender accepted.\n"
        "550 5.7.1 This sender may not send to this address.\n"
        "550 5.1.1 There is no such address here.\n"
        "250 2.1.5 Recipient accepted.\n250 2.1.5 Recipient accepted.\n"
    )
    client.send("DATA\n")
    assert client.send(mail() + b".\r\n") == "250 2.0.0 Accepted as delivery 1\n"
    client.send("RSET\nEHLO till\nMAIL FROM:<till@elsewhere.example>\n")
    assert client.send("RCPT TO:<bolt.sales@in.till.example>\n") == "250 2.1.5 Recipient accepted.\n"
    assert door.greeted().send(lines.replace(" AUTH=<>", "")) == (
        "250 2.1.0 Sender accepted.\n"
        "250 2.1.5 Recipient accepted.\n"
        "550 5.1.1 There is no such address here.\n"
        "550 5.7.1 This sender may not send to this address.\n250 2.1.5 Recipient accepted.\n"
    )


@pytest.mark.parametrize(
    ("login", "password", "reason", "customer"),
    [
        ("bolt", "guess", "wrong password", "bolt"),
        ("bolt", "", "wrong password", "bolt"),
        ("acme", PASSWORD, "no password is set", "acme"),
        ("nobody", PASSWORD, "no such login", None),
    ],
)
def test_every_wrong_login_is_answered_the_same_and_late(
    door: Any, login: str, password: str, reason: str, customer: str | None
):
    client = secured(door)
    assert client.send(f"AUTH PLAIN {plain(login, password)}\nNOOP\n") == ""
    door.clock.advance(0.9)
    assert client.read() == ""
    door.clock.advance(0.2)
    assert client.read() == f"{WRONG}250 2.0.0 OK\n"
    assert door.events == [LoginRefused(login, Channel.SMTP, client.wire.getPeer().host, reason, customer)]
    assert client.send(f"AUTH PLAIN {plain()}\n") == "235 2.7.0 Logged in.\n"


def test_a_session_has_few_attempts(door: Any):
    client = secured(door)
    heard = []
    for _ in range(3):
        client.send(f"AUTH PLAIN {plain(password='guess')}\n")
        door.clock.advance(1)
        heard.append(client.read())
    goodbye = "421 4.7.0 The user name, password or key is not right. Too many attempts: goodbye.\n"
    assert (heard, client.wire.disconnecting) == ([WRONG, WRONG, goodbye], True)


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["AUTH CRAM-MD5"], "504 5.5.4 AUTH takes PLAIN or LOGIN.\n"),
        (["AUTH PLAIN *"], "501 5.7.0 The login was given up.\n"),
        (["AUTH PLAIN", "*"], "501 5.7.0 The login was given up.\n"),
        (["AUTH LOGIN", coded("bolt"), "*"], "501 5.7.0 The login was given up.\n"),
        (["AUTH PLAIN", "no base64"], "501 5.5.2 That is no base64.\n"),
        (["AUTH PLAIN Ym9sdA"], "501 5.5.2 That is no base64.\n"),
        (["AUTH PLAIN ="], "501 5.5.2 AUTH PLAIN takes a login and a password.\n"),
        ([f"AUTH PLAIN {coded('bolt')}"], "501 5.5.2 AUTH PLAIN takes a login and a password.\n"),
        ([f"AUTH PLAIN {plain(identity='acme')}"], "535 5.7.8 A login can act for itself only.\n"),
        (["AUTH PLAIN", "A" * 3000], "500 5.5.2 The line is longer than 2048 bytes.\n"),
    ],
)
def test_a_response_that_cannot_be_read_ends_the_login(door: Any, lines: list[str], answer: str):
    client = secured(door)
    for line in lines[:-1]:
        assert client.send(f"{line}\n")[:4] == "334 "
    assert client.send(f"{lines[-1]}\n") == answer
    assert client.send("NOOP\n") == "250 2.0.0 OK\n"


def test_a_login_comes_once_and_not_within_a_mail(door: Any):
    client = secured(door)
    client.send("MAIL FROM:<a@b>\n")
    assert client.send(f"AUTH PLAIN {plain()}\n") == "503 5.5.1 Send RCPT next.\n"
    client.send("RSET\n")
    client.send(f"AUTH PLAIN {plain()}\n")
    assert client.send(f"AUTH PLAIN {plain()}\n") == (
        "503 5.5.1 You are logged in; connect again to be somebody else.\n"
    )


def test_sessions_of_a_customer_are_counted_until_they_end(door: Any):
    first, second = logged_in(door), secured(door)
    answer = "There are too many sessions. Please try again later."
    assert second.send(f"AUTH PLAIN {plain()}\n") == f"421 4.7.0 {answer}\n"
    assert second.wire.disconnecting
    assert door.events[-1] == SessionRefused(Channel.SMTP, second.wire.getPeer().host, answer, "bolt")
    second.lose()
    first.lose()
    logged_in(door)


def test_a_client_that_is_gone_before_its_login_is_no_session(slow_door: Any):
    client = secured(slow_door)
    client.send(f"AUTH PLAIN {plain()}\n")
    client.lose()
    slow_door.workers.work()
    again = secured(slow_door)
    again.send(f"AUTH PLAIN {plain()}\n")
    slow_door.workers.work()
    assert again.read() == "235 2.7.0 Logged in.\n"
