"""Where TLS must be: before the login, on data connections, from the first byte; and for single customers."""

from __future__ import annotations

import socket
import ssl
from time import monotonic

import pytest

IN_THE_CLEAR = "530 Use AUTH TLS before the login: passwords are not taken in the clear here."
PRIVATE_DATA = "522 Data connections are private here: send PROT P first."
WRONG = "530 The user name, password or key is not right. Some logins are taken under TLS only."
MOVES_DATA = ("STOR a.csv", "APPE a.csv", "RETR a.csv", "LIST", "NLST", "MLSD")


@pytest.fixture
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture
def dial(connect, trusting):
    """A control connection to another port, under TLS from the first byte or not."""

    def make(port, *, implicit=False):
        talk = connect()
        talk.close()
        talk.buffer = b""
        talk.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        if implicit:
            talk.socket = trusting.wrap_socket(talk.socket)
        assert talk.hear() == "220 dorimportd takes your files."
        return talk

    return make


def begin_tls(talk, trusting):
    assert talk.ask("AUTH TLS") == "234 TLS begins now."
    talk.socket = trusting.wrap_socket(talk.socket)


def log_in(talk, login="acme"):
    assert talk.ask(f"USER {login}") == "331 Please send the password."
    assert talk.ask("PASS secret") == "230 Logged in. Put your files into this folder."


def test_where_auth_tls_must_come_first_no_login_is_taken_in_the_clear(door, dial, trusting):
    talk = dial(door.explicit_port)
    for line in ("USER acme", "USER nobody", "PASS secret"):
        assert talk.ask(line) == IN_THE_CLEAR
    assert talk.ask("PASV") == "530 Please log in with USER and PASS."
    assert [event for event, _ in door.events("secret")] == []
    begin_tls(talk, trusting)
    log_in(talk)


def test_where_auth_tls_must_come_first_no_data_moves_in_the_clear(door, dial, trusting):
    talk = dial(door.explicit_port)
    begin_tls(talk, trusting)
    log_in(talk)
    assert [talk.ask(line) for line in MOVES_DATA] == [PRIVATE_DATA] * len(MOVES_DATA)
    with talk.data() as data:
        data.sendall(b"in the clear")
        assert talk.ask("STOR required-clear.csv") == PRIVATE_DATA
    assert talk.ask("PROT C") == "534 Data connections are private here: PROT P."
    assert talk.ask("STOR required-clear.csv") == PRIVATE_DATA
    assert (door.delivered("required-clear.csv"), door.kept("required-clear.csv")) == ([], None)
    assert talk.ask("PROT P") == "200 Data connections are private now."
    with trusting.wrap_socket(talk.begin("STOR required.csv")) as data:
        data.sendall(b"private")
        data.unwrap()
    assert talk.hear().startswith("226 ")
    assert door.delivered("required.csv") == [b"private"]


def test_tls_from_the_first_byte_is_for_data_connections_too(door, dial, trusting):
    talk = dial(door.implicit_port, implicit=True)
    log_in(talk)
    assert talk.ask("AUTH TLS") == "503 AUTH comes once, before the login."
    assert talk.ask("PROT C") == "534 Data connections are private here: PROT P."
    with trusting.wrap_socket(talk.begin("STOR implicit.csv")) as data:  # without a PROT
        data.sendall(b"private")
        data.unwrap()
    assert talk.hear().startswith("226 ")
    assert door.delivered("implicit.csv") == [b"private"]


def test_feat_names_auth_only_where_it_is_of_use(door, dial):
    explicit = dial(door.explicit_port).ask("FEAT").splitlines()
    implicit = dial(door.implicit_port, implicit=True).ask("FEAT").splitlines()
    assert sorted(set(explicit) - set(implicit)) == [" AUTH TLS"]
    assert {" PBSZ", " PROT"} <= set(implicit)


def test_one_who_speaks_no_tls_where_it_comes_first_hears_nothing(door, connect):
    with socket.create_connection(("127.0.0.1", door.implicit_port), timeout=10) as plain:
        plain.sendall(b"USER acme\r\nPASS secret\r\n")
        heard = b""
        try:
            while received := plain.recv(100):
                heard += received
        except ConnectionResetError:
            pass
    assert b"220" not in heard
    assert b"331" not in heard


def test_a_password_in_the_clear_is_refused_as_a_wrong_one_is(door, connect):
    """Right or wrong, of one who must use TLS or of nobody: the same words at the same moments."""
    seconds = {}
    for login, password in (
        ("strict", "secret"),
        ("strict", "wrong"),
        ("nobody", "secret"),
        ("acme", "wrong"),
    ):
        talk = connect()
        talk.hear()
        assert talk.ask(f"USER {login}") == "331 Please send the password."
        began = monotonic()
        assert talk.ask(f"PASS {password}") == WRONG, login
        seconds[login, password] = monotonic() - began
    assert min(seconds.values()) >= 1, seconds  # the pause after a wrong password
    assert door.wait_for("LoginRefused", "came in the clear") == (
        "ftp login refused for 'strict' from 127.0.0.1: the password came in the clear"
    )


def test_who_must_use_tls_uses_it_for_data_too(door, connect, trusting):
    talk = connect()
    talk.hear()
    begin_tls(talk, trusting)
    log_in(talk, "strict")
    assert talk.ask("STOR strict.csv") == PRIVATE_DATA
    assert talk.ask("PROT P") == "200 Data connections are private now."
    assert talk.ask("PROT C") == "534 Data connections are private here: PROT P."


def test_others_log_in_in_the_clear_as_ever(connect):
    log_in_here = connect().login()
    assert log_in_here.store("STOR as-ever.csv", b"clear").startswith("226 ")
