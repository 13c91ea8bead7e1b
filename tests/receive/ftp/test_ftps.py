"""FTPS (RFC 4217): what is secured, and what the end of TLS says about a file."""

from __future__ import annotations

import ftplib
import io
import socket
import ssl
from collections.abc import Iterator

import pytest


@pytest.fixture
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture
def ftps(door, trusting) -> Iterator[ftplib.FTP_TLS]:
    client = ftplib.FTP_TLS(context=trusting, timeout=10)
    client.connect("127.0.0.1", door.port)
    client.login("acme", "secret")
    client.prot_p()
    yield client
    client.close()


@pytest.fixture
def secured(connect, trusting):
    """A control connection under TLS, logged in, with private data connections."""
    talk = connect()
    talk.hear()
    assert talk.ask("AUTH TLS") == "234 TLS begins now."
    talk.socket = trusting.wrap_socket(talk.socket)
    for line, answer in {
        "USER acme": "331 Please send the password.",
        "PASS secret": "230 Logged in. Put your files into this folder.",
        "PBSZ 0": "200 PBSZ=0",
        "PROT P": "200 Data connections are private now.",
    }.items():
        assert talk.ask(line) == answer
    return talk


def test_files_of_any_size_go_there_and_back(door, ftps):
    for size in (0, 1, 200_000):
        content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        assert ftps.storbinary(f"STOR tls-{size}.csv", io.BytesIO(content)).startswith(
            "226 Stored as delivery "
        )
        assert door.delivered(f"tls-{size}.csv") == [content]
        back = io.BytesIO()
        assert ftps.retrbinary(f"RETR tls-{size}.csv", back.write) == "226 That was all."
        assert back.getvalue() == content


def test_an_empty_listing_ends_cleanly(ftps):
    assert ftps.retrlines("NLST no-such-*", pytest.fail) == "226 That was all."


def test_active_mode_is_secured_too(door, ftps):
    ftps.set_pasv(False)
    ftps.storbinary("STOR tls-active.csv", io.BytesIO(b"active"))
    assert door.delivered("tls-active.csv") == [b"active"]


def test_data_connections_speak_tls_1_2_because_1_3_leaves_tickets_unread(secured, trusting):
    assert secured.socket.version() == "TLSv1.3"
    with trusting.wrap_socket(secured.begin("STOR version.csv")) as data:
        assert data.version() == "TLSv1.2"
        data.unwrap()
    secured.hear()


def test_a_client_may_offer_to_go_on_with_the_tls_session_of_another_connection(door, secured, trusting):
    """That of the control connection, as some servers ask for; then that of the data connection before."""
    session = secured.socket.session
    assert session.has_ticket
    for number in range(3):
        with trusting.wrap_socket(secured.begin(f"STOR resumed-{number}.csv"), session=session) as data:
            data.sendall(b"%d" % number)
            session = data.session
            data.unwrap()
        assert secured.hear().startswith("226 "), number
        assert door.delivered(f"resumed-{number}.csv") == [b"%d" % number]


def test_without_close_notify_a_file_is_not_whole(door, secured, trusting):
    with trusting.wrap_socket(secured.begin("STOR cut.csv")) as data:
        data.sendall(b"half of ")  # and then only the TCP connection ends
    why = "the data connection ended without the close of TLS"
    assert secured.hear() == f"426 The transfer was broken off: {why}. 8 bytes are kept."
    assert (door.delivered("cut.csv"), door.kept("cut.csv")) == ([], b"half of ")


def test_an_alert_that_is_not_close_notify_is_no_end_of_file(door, secured, trusting):
    """A broken message makes the client's own library send a fatal alert, which sets the same mark."""
    plain = secured.begin("STOR alert.csv")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting.wrap_bio(incoming, outgoing)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(65536))
    tls.write(b"half of ")
    plain.sendall(outgoing.read())
    incoming.write(b"\x17\x03\x03\x00\x20" + bytes(32))  # a message that nobody encrypted
    with pytest.raises(ssl.SSLError):
        tls.read()
    alert = outgoing.read()
    assert alert[0] == 21  # RFC 5246 section 6.2.1: an alert
    plain.sendall(alert)
    plain.close()
    assert secured.hear() == (
        "426 The transfer was broken off: TLS failed on the data connection. 8 bytes are kept."
    )
    assert door.delivered("alert.csv") == []


def test_a_data_connection_in_the_clear_is_not_taken_for_a_private_one(door, secured):
    with secured.begin("STOR clear.csv") as data:
        data.sendall(b"in the clear")
        assert secured.hear() == (
            "426 The transfer was broken off: TLS failed on the data connection. 0 bytes are kept."
        )
    assert door.delivered("clear.csv") == []


def test_the_answer_to_a_download_does_not_wait_for_the_clients_farewell(secured, trusting):
    secured.ask("PROT C")
    secured.store("STOR farewell.csv", b"content")
    secured.ask("PROT P")
    with trusting.wrap_socket(secured.begin("RETR farewell.csv"), suppress_ragged_eofs=False) as data:
        # Read to the close_notify, and close nothing: the answer comes all the same.
        assert b"".join(iter(lambda: data.recv(100), b"")) == b"content"
        assert secured.hear() == "226 That was all."


def test_commands_sent_with_auth_in_the_clear_are_dropped(connect, trusting):
    talk = connect()
    talk.hear()
    talk.socket.sendall(b"AUTH TLS\r\nUSER acme\r\n")
    assert talk.hear() == "234 TLS begins now."
    talk.socket = trusting.wrap_socket(talk.socket)
    assert talk.ask("PASS secret") == "503 Send USER first."


def test_what_was_said_before_auth_is_forgotten(connect, trusting):
    talk = connect()
    talk.hear()
    talk.ask("USER acme")
    talk.ask("AUTH TLS")
    talk.socket = trusting.wrap_socket(talk.socket)
    assert talk.ask("PASS secret") == "503 Send USER first."
    assert talk.ask("AUTH TLS") == "503 AUTH comes once, before the login."


def test_feat_tells_of_tls(connect):
    talk = connect()
    talk.hear()
    assert talk.ask("FEAT").splitlines() == [
        "211-Features:",
        " AUTH TLS",
        " CLNT",
        " EPRT",
        " EPSV",
        " MDTM",
        " MLST type*;size*;modify*;perm*;unique*;",
        " PBSZ",
        " PROT",
        " REST STREAM",
        " SIZE",
        " TVFS",
        " UTF8",
        "211 End",
    ]


def test_a_control_connection_that_ends_in_the_handshake_is_noticed(door, connect):
    talk = connect()
    talk.hear()
    talk.ask("AUTH TLS")
    talk.socket.sendall(b"USER acme\r\n")  # is no TLS
    talk.socket.settimeout(10)
    try:
        while talk.socket.recv(100):
            pass
    except ConnectionResetError:
        pass
    assert isinstance(talk.socket, socket.socket)
