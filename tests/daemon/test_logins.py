"""The last logins of each customer."""

from __future__ import annotations

import pytest

from dorimportd.daemon.logins import LastLogins, Login
from dorimportd.events import DaemonStopping, LoginAccepted, LoginRefused, SessionRefused
from dorimportd.words import Channel

WRONG = LoginRefused("acme", Channel.FTP, "192.0.2.7", "wrong password", "acme")


class Scene:
    def __init__(self):
        self.now = 0.0
        self.last = LastLogins(lambda: self.now)

    def note(self, *events):
        for event in events:
            self.now += 1
            self.last.note(event)


@pytest.fixture
def scene():
    return Scene()


def test_the_newest_is_the_first(scene):
    scene.note(
        LoginAccepted("acme", Channel.SFTP, "192.0.2.7", "password"),
        WRONG,
        SessionRefused(Channel.FTP, "192.0.2.8", "acme has too many sessions", "acme"),
    )
    assert scene.last.of("acme") == [
        Login(3.0, Channel.FTP, "192.0.2.8", False, "acme has too many sessions"),
        Login(2.0, Channel.FTP, "192.0.2.7", False, "wrong password"),
        Login(1.0, Channel.SFTP, "192.0.2.7", True, "password"),
    ]


def test_the_same_again_and_again_is_one(scene):
    accepted = LoginAccepted("acme", Channel.FTP, "192.0.2.7", "password")
    scene.note(WRONG, accepted, WRONG, WRONG, WRONG)
    assert [(each.at, each.accepted, each.times) for each in scene.last.of("acme")] == [
        (5.0, False, 3),
        (2.0, True, 1),
        (1.0, False, 1),
    ]


def test_ten_are_kept_of_each_customer(scene):
    for number in range(30):
        scene.note(LoginAccepted("acme", Channel.FTP, f"192.0.2.{number}", "password"))
        scene.note(LoginAccepted("other", Channel.FTP, f"192.0.2.{number}", "password"))
    assert [each.address for each in scene.last.of("acme")] == [
        f"192.0.2.{number}" for number in range(29, 19, -1)
    ]


def test_who_is_no_customer_is_nobody(scene):
    scene.note(
        LoginRefused("root", Channel.FTP, "192.0.2.7", "no such login"),
        SessionRefused(Channel.FTP, "192.0.2.7", "there are too many sessions"),
        DaemonStopping("told to"),
    )
    assert scene.last.of("root") == []
    assert scene.last.of("acme") == []
