"""Logins at a running daemon: what is told of them, and what becomes of an address that guesses."""

from __future__ import annotations

import ftplib
import re
import smtplib
import socket

import pytest
from appliance import PASSWORD, Appliance, need, run_client

# 127.0.0.1 is never banned; the others of its network reach us as well.
GUESSER, OTHER = "127.0.0.2", "127.0.0.3"
WHY = "2 failed logins in 30 minutes, the last by ftp as 'nobody': no such login"
SAID = "Too many logins from your address have failed. Please try again later."


def connected(appliance, address):
    session = ftplib.FTP(source_address=(address, 0), timeout=60)
    session.connect("127.0.0.1", appliance.port("ftp"))
    return session


def guess(appliance, address, times):
    """Wrong passwords, the last of which may be one too many."""
    with connected(appliance, address) as session:
        for _ in range(times):
            with pytest.raises((ftplib.error_perm, ftplib.error_temp)):
                session.login("nobody", "x")


@pytest.fixture
def appliance(tmp_path):
    appliance = Appliance(tmp_path / "house")
    with appliance.config.open("a") as config:
        config.write("[defence]\nban_score = 4\nban_seconds = 3600\n")
    appliance.start()
    yield appliance
    appliance.end()


@pytest.fixture
def banned(appliance):
    """The same, when it has banned GUESSER."""
    guess(appliance, GUESSER, 2)
    return appliance


def shown_logins(appliance):
    """What `customer show` tells of acme's logins, in text without the time of day."""
    lines = appliance.run_ctl("customer", "show", "acme").splitlines()
    logins = [line.removeprefix("last login:").strip() for line in lines if line.startswith("last login:")]
    return [re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", "", line) for line in logins]


def test_customer_show_tells_the_last_logins_and_why_they_were_refused(appliance, tmp_path):
    assert shown_logins(appliance) == ["none since the daemon was started"]
    run_client(need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key")
    told = run_client(need("ssh-keygen"), "-l", "-f", tmp_path / "key.pub").stdout.decode()
    with connected(appliance, "127.0.0.1") as session:
        for _ in range(2):
            with pytest.raises(ftplib.error_perm):
                session.login("acme", "x")
        session.login("acme", PASSWORD)
    port = str(appliance.port("sftp"))
    options = [f"-oPort={port}", f"-oIdentityFile={tmp_path / 'key'}", "-oIdentitiesOnly=yes"]
    options += ["-oBatchMode=yes", "-oStrictHostKeyChecking=no", f"-oUserKnownHostsFile={tmp_path / 'known'}"]
    assert run_client(need("sftp"), *options, "acme@127.0.0.1").returncode == 255
    assert shown_logins(appliance) == [
        f"sftp from 127.0.0.1, refused: key {told.split()[1]} is not in this customer's file",
        "ftp from 127.0.0.1, by password",
        "ftp from 127.0.0.1, refused: wrong password (2 times, this the last)",
    ]
    found = appliance.ctl("customer", "show", "acme")["logins"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each.pop("at")) for each in found)
    accepted, refused = found[1:]
    assert accepted == {
        "channel": "ftp",
        "address": "127.0.0.1",
        "accepted": True,
        "how": "password",
        "times": 1,
    }
    assert refused == accepted | {"accepted": False, "how": "wrong password", "times": 2}


def test_a_banned_address_is_told_so_at_every_door_and_by_bans(appliance):
    assert appliance.run_ctl("bans") == "No address is banned.\n"
    assert appliance.ctl("bans") == []
    guess(appliance, GUESSER, 2)
    with pytest.raises(ftplib.error_temp, match=f"^421 {SAID}$"):
        connected(appliance, GUESSER)
    with smtplib.SMTP(source_address=(GUESSER, 0), timeout=60) as mail:
        assert mail.connect("127.0.0.1", appliance.port("smtp")) == (421, f"4.7.0 {SAID}".encode())
    address = ("127.0.0.1", appliance.port("sftp"))
    with socket.create_connection(address, timeout=60, source_address=(GUESSER, 0)) as session:
        assert session.makefile("rb").read() == f"{SAID}\r\n".encode()
    (ban,) = appliance.ctl("bans")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", ban.pop("since"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", ban.pop("until"))
    assert ban == {"address": GUESSER, "why": WHY}
    heading, _, line = appliance.run_ctl("bans").splitlines()
    assert heading.split() == ["address", "since", "until", "why"]
    assert line.startswith(f"{GUESSER}  ")
    assert line.endswith(WHY)


def test_a_ban_has_one_line_in_the_log(banned):
    lines = [line.split(" ", 2)[2] for line in banned.log_text().splitlines() if GUESSER in line]
    assert lines[:2] == [f"ftp login refused for 'nobody' from {GUESSER}: no such login"] * 2
    assert re.fullmatch(rf"{GUESSER} is banned until \S+Z: {WHY}", lines[2])
    assert lines[3:] == []


def test_others_come_in_meanwhile(banned):
    for address in ("127.0.0.1", OTHER):
        with connected(banned, address) as session:
            assert session.login("acme", PASSWORD).startswith("230 ")


def test_we_ourselves_are_never_banned(appliance):
    guess(appliance, "127.0.0.1", 3)
    with connected(appliance, "127.0.0.1") as session:
        assert session.login("acme", PASSWORD).startswith("230 ")


def test_a_ban_outlives_a_restart(banned):
    before = banned.ctl("bans")
    banned.stop()
    assert banned.run_ctl("bans", status=1) == "No daemon is running.\n"
    assert shown_logins(banned) == ["not known: no daemon is running"]
    assert banned.ctl("customer", "show", "acme")["logins"] is None
    banned.start()
    assert banned.ctl("bans") == before
    with pytest.raises(ftplib.error_temp):
        connected(banned, GUESSER)


def test_a_ban_is_lifted(banned):
    guess(banned, OTHER, 2)
    assert banned.run_ctl("bans", "lift", GUESSER) == f"The ban of {GUESSER} is lifted.\n"
    assert [ban["address"] for ban in banned.ctl("bans")] == [OTHER]
    with connected(banned, GUESSER) as session:
        assert session.login("acme", PASSWORD).startswith("230 ")
    assert banned.run_ctl("bans", "lift", GUESSER, status=1) == f"{GUESSER} is not banned.\n"
    assert banned.run_ctl("bans", "lift", "--all") == (
        f"The ban of {OTHER} is lifted.\nNo address is banned, and passwords count from everywhere.\n"
    )
    assert banned.run_ctl("bans") == "No address is banned.\n"


@pytest.mark.parametrize(
    "words, status, said",
    [
        (["lift"], 2, "Which ban? Give the address, or --all.\n"),
        (["lift", GUESSER, "--all"], 2, "Which ban? Give the address, or --all.\n"),
        (["lift", "shop.example"], 1, "'shop.example' is not an address.\n"),
    ],
)
def test_lift_says_what_it_needs(appliance, words, status, said):
    assert appliance.run_ctl("bans", *words, status=status) == said
