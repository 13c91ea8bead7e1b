"""Files to the door, byte by byte: what becomes a delivery, and what is kept for resuming."""

from __future__ import annotations

import socket
import struct

import pytest

CONTENT = b"id;total\r\n1;2,50\r\n"


def reset(connection: socket.socket) -> None:
    """End *connection* as a system does whose program was killed with bytes unread: by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def sequence(answer: str) -> int:
    """The delivery that a 226 names."""
    assert answer.startswith("226 Stored as delivery ")
    return int(answer.removeprefix("226 Stored as delivery ").removesuffix("."))


def test_a_whole_file_is_a_delivery_when_226_is_said(door, talk):
    number = sequence(talk.store("STOR arrived.csv", CONTENT))
    envelope = door.spool.delivery(number).envelope
    assert (envelope.customer, envelope.channel, envelope.name, envelope.size, envelope.peer) == (
        "acme",
        "ftp",
        "arrived.csv",
        18,
        "127.0.0.1",
    )
    assert door.delivered("arrived.csv") == [CONTENT]


def test_the_same_name_again_is_a_new_delivery(door, talk):
    first, second = talk.store("STOR twice.csv", b"1"), talk.store("STOR twice.csv", b"22")
    assert sequence(second) > sequence(first)
    assert door.delivered("twice.csv") == [b"1", b"22"]
    assert talk.ask("SIZE twice.csv") == "213 2"


def test_an_empty_file_is_a_delivery(door, talk):
    sequence(talk.store("STOR empty.csv", b""))
    assert door.delivered("empty.csv") == [b""]


def test_a_reset_data_connection_is_no_end_of_file(door, talk):
    data = talk.begin("STOR reset.csv")
    data.sendall(CONTENT)
    talk.moved(18)
    reset(data)
    assert talk.hear() == "426 The transfer was broken off: the data connection was reset. 18 bytes are kept."
    assert (door.delivered("reset.csv"), door.kept("reset.csv")) == ([], CONTENT)
    assert talk.ask("SIZE reset.csv") == "213 17"


def test_a_client_that_dies_has_not_sent_a_whole_file(door, connect):
    """A process that ends closes both connections, the data connection by a clean FIN."""
    for first_control in (True, False):
        talk = connect().login()
        data = talk.begin(f"STOR dies-{first_control}.csv")
        data.sendall(CONTENT)
        talk.moved(18)
        for each in (talk.socket, data) if first_control else (data, talk.socket):
            each.close()
        name = f"dies-{first_control}.csv"
        kept = f"broken off at 18 bytes: '{name}'; the control connection was lost"
        assert door.wait_for("UploadAbandoned", name) == f"ftp upload of acme {kept}"
        assert (door.delivered(name), door.kept(name)) == ([], CONTENT)


def test_abor_breaks_a_transfer_off_and_is_answered_after_it(door, talk):
    data = talk.begin("STOR aborted.csv")
    data.sendall(CONTENT)
    # As RFC 959 has it: Telnet's interrupt, then its synch as urgent data, then the command.
    talk.socket.sendall(b"\xff\xf4\xff")
    talk.socket.send(b"\xf2", socket.MSG_OOB)
    talk.send("ABOR")
    answer = talk.hear()
    assert answer.startswith("426 The transfer was broken off: the client said ABOR. ")
    assert talk.hear() == "226 No transfer is going on."
    assert talk.ask("NOOP") == "200 Done."
    assert door.delivered("aborted.csv") == []


def test_abor_sent_wholly_as_urgent_data_is_understood(talk):
    data = talk.begin("STOR urgent.csv")
    talk.socket.send(b"ABOR\r\n", socket.MSG_OOB)
    assert talk.hear().startswith("426 ")
    assert talk.hear() == "226 No transfer is going on."
    data.close()


def test_abor_while_the_data_connection_is_awaited(talk):
    talk.passive()
    assert talk.ask("STOR never.csv") == "150 Send the file now."
    assert talk.ask("ABOR") == "425 The data connection could not be opened."
    assert talk.hear() == "226 No transfer is going on."


def test_quit_during_a_transfer_waits_for_its_end(door, talk):
    data = talk.begin("STOR quit.csv")
    talk.send("QUIT")
    data.sendall(CONTENT)
    data.close()
    sequence(talk.hear())
    assert talk.hear() == "221 Goodbye."
    assert talk.ended()


@pytest.mark.parametrize("begin", [9, 10], ids=["as SIZE says", "as the client has counted"])
def test_rest_and_stor_go_on_where_an_upload_was_broken_off(door, talk, begin):
    data = talk.begin("STOR resumed.csv")
    data.sendall(CONTENT[:10])
    talk.moved(10)
    reset(data)
    talk.hear()
    assert talk.ask("SIZE resumed.csv") == "213 9"
    assert talk.ask(f"REST {begin}") == f"350 The next transfer begins at byte {begin}."
    sequence(talk.store("STOR resumed.csv", CONTENT[begin:]))
    assert door.delivered("resumed.csv")[-1] == CONTENT


def test_a_file_of_which_all_came_before_the_connection_was_lost_does_not_look_whole(door, talk):
    data = talk.begin("STOR all-came.csv")
    data.sendall(CONTENT)
    talk.moved(len(CONTENT))
    reset(data)
    talk.hear()
    assert talk.ask("SIZE all-came.csv") == f"213 {len(CONTENT) - 1}"
    sequence(talk.store("APPE all-came.csv", CONTENT[-1:]))
    assert door.delivered("all-came.csv") == [CONTENT]


def test_rest_below_what_is_here_writes_over_it(door, talk):
    talk.store("STOR back.csv", b"0123456789")
    talk.ask("REST 4")
    sequence(talk.store("STOR back.csv", b"xy"))
    assert door.delivered("back.csv") == [b"0123456789", b"0123xy"]


def test_rest_behind_what_is_here_is_refused(door, talk):
    talk.store("STOR short.csv", b"0123")
    talk.ask("REST 5")
    talk.data()
    assert talk.ask("STOR short.csv") == (
        "554 Only 4 bytes of this file are here; REST cannot begin behind them."
    )
    assert talk.store("STOR short.csv", b"new").startswith("226 ")
    assert door.delivered("short.csv") == [b"0123", b"new"]


def test_appe_adds_to_an_unfinished_upload_to_a_file_and_to_nothing(door, talk):
    data = talk.begin("APPE grows.csv")
    data.sendall(b"ab")
    talk.moved(2)
    reset(data)
    talk.hear()
    assert talk.ask("SIZE grows.csv") == "213 1"
    sequence(talk.store("APPE grows.csv", b"bcd"))
    sequence(talk.store("APPE grows.csv", b"ef"))
    assert door.delivered("grows.csv") == [b"abcd", b"abcdef"]


def test_a_temporary_name_is_accepted_by_its_renaming(door, talk, connect):
    assert talk.store("STOR part.csv.filepart", CONTENT) == "226 Stored until it is renamed."
    assert door.delivered("part.csv.filepart") == []
    other = connect().login()  # some clients rename from another session
    assert other.ask("RNFR part.csv.filepart") == "350 Send RNTO with the new name."
    assert other.ask("RNTO part.csv").startswith("250 Stored as delivery ")
    assert door.delivered("part.csv") == [CONTENT]


def test_rnto_belongs_to_the_command_before_it(talk):
    talk.store("STOR a.csv.part", CONTENT)
    talk.ask("RNFR a.csv.part")
    talk.ask("NOOP")
    assert talk.ask("RNTO a.csv") == "503 Send RNFR first."


def test_a_client_that_replaces_a_file_is_told_that_the_old_one_is_deleted(door, talk):
    talk.store("STOR old.csv", b"old")
    assert talk.ask("DELE old.csv").startswith("550 Files that were sent cannot be deleted.")
    talk.store("STOR old.csv.filepart", b"new")
    assert talk.ask("DELE old.csv") == "250 Done: the new file will be a delivery of its own."
    assert door.delivered("old.csv") == [b"old"]


def test_type_a_keeps_every_byte(door, talk):
    """Line ends included: what is stored is what was sent."""
    assert talk.ask("TYPE A") == "200 Done."
    sequence(talk.store("STOR text.csv", b"a\r\nb\nc\rd\xe4"))
    assert door.delivered("text.csv") == [b"a\r\nb\nc\rd\xe4"]
    assert talk.retrieve("RETR text.csv") == b"a\r\nb\nc\rd\xe4"


def test_names_are_utf_8_or_what_old_clients_send(door, talk):
    sequence(talk.store("STOR Umsätze.csv", b"utf-8"))
    data = talk.data()
    talk.socket.sendall(b"STOR K\xe4se.csv\r\n")
    talk.hear()
    data.close()
    sequence(talk.hear())
    assert (door.delivered("Umsätze.csv"), door.delivered("Käse.csv")) == ([b"utf-8"], [b""])
    assert talk.retrieve("NLST Umsätze.csv") == "Umsätze.csv\r\n".encode()


def test_a_file_that_is_too_large_is_refused_in_plain_words(door, talk):
    data = talk.begin("STOR large.csv")
    data.sendall(bytes(9 << 20))
    data.close()
    assert talk.hear() == "552 The file is larger than this server takes."
    assert door.delivered("large.csv") == []
    assert door.events("'large.csv'") == [
        [
            "UploadRefused",
            "ftp upload of acme refused: 'large.csv': The file is larger than this server takes.",
        ]
    ]


def test_names_that_cannot_be_are_refused(talk):
    for name, answer in {
        "a\tb": "553 This file name cannot be used: it has control characters in it.",
        "x" * 256: "553 This file name cannot be used: it is longer than 255 bytes.",
        "sub/a.csv": "550 There are no folders here. Put the file into the root folder.",
        "/": "550 There is no such file. That is the root folder.",
    }.items():
        talk.data()
        assert talk.ask(f"STOR {name}") == answer, name


def test_another_customers_files_are_not_there(door, talk, connect):
    talk.store("STOR mine.csv", CONTENT)
    other = connect()
    other.hear()
    other.ask("USER other")
    other.ask("PASS secret")
    assert other.ask("SIZE mine.csv") == "550 There is no such file."
    assert (
        other.ask("SIZE ../acme/mine.csv")
        == "550 There are no folders here. Put the file into the root folder."
    )
    assert other.retrieve("LIST") == b""


def test_a_data_connection_from_elsewhere_is_refused_and_ours_is_taken_all_the_same(door, talk):
    """The port is 127.0.0.1's; 127.0.0.2 is somebody else."""
    address = talk.passive()
    for _ in range(20):
        with socket.create_connection(address, timeout=10, source_address=("127.0.0.2", 0)) as foreign:
            assert foreign.recv(1) == b""
    with socket.create_connection(address, timeout=10) as data:
        assert talk.ask("STOR ours.csv") == "150 Send the file now."
        data.sendall(b"ours")
    assert talk.hear().startswith("226 ")
    assert door.delivered("ours.csv") == [b"ours"]
    assert [sentence for _, sentence in door.events("127.0.0.2")] == [
        "ftp session from 127.0.0.2 refused: it opened the data connection of a session of 127.0.0.1"
    ]


def refuses(address: tuple[str, int]) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(address, timeout=10).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_passive_port_takes_one_connection_and_is_closed(talk):
    address = talk.passive()
    first = socket.create_connection(address, timeout=10)
    talk.ask("STOR once.csv")
    assert refuses(address)
    first.close()
    assert talk.hear().startswith("226 ")


def test_a_passive_port_is_closed_when_another_takes_its_place(talk):
    first, second = talk.passive(), talk.passive()
    assert refuses(first)
    assert not refuses(second)


def test_a_passive_port_is_closed_when_the_transfer_is_refused(talk):
    address = talk.passive()
    assert talk.ask("RETR nothing.csv") == "550 There is no such file."
    assert refuses(address)
    assert talk.ask("STOR next.csv") == "150 Send the file now."
    assert talk.hear() == "425 Use PASV, EPSV, PORT or EPRT first."


def test_active_mode_connects_to_the_client_and_to_nobody_else(door, talk):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert talk.ask(f"PORT 127,0,0,1,{port // 256},{port % 256}") == "200 Done."
        assert talk.ask("STOR active.csv") == "150 Send the file now."
        data, _ = listening.accept()
        data.sendall(CONTENT)
        data.close()
        sequence(talk.hear())
    assert door.delivered("active.csv") == [CONTENT]
    nobody_else = "501 A data connection goes to the address that you come from, and to no other."
    assert talk.ask("PORT 127,0,0,2,200,10") == nobody_else
    assert talk.ask("EPRT |1|127.0.0.2|5000|") == nobody_else
    assert talk.ask("PORT 127,0,0,1,0,25") == "501 A data connection goes to a port from 1024 on."


def test_a_client_that_does_not_listen_gets_425(talk):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    talk.ask(f"EPRT |1|127.0.0.1|{port}|")
    assert talk.ask("STOR nobody.csv") == "150 Send the file now."
    assert talk.hear() == "425 The data connection could not be opened."


def test_files_and_listings_come_back(talk):
    content = bytes(range(256)) * 4096  # more than goes in one piece
    talk.store("STOR back-again.csv", content)
    assert talk.retrieve("RETR back-again.csv") == content
    talk.ask("REST 1048570")
    assert talk.retrieve("RETR back-again.csv") == content[1048570:]
    assert talk.retrieve("NLST back-again.*") == b"back-again.csv\r\n"
    assert talk.retrieve("NLST no-such-*") == b""
    facts = talk.ask("MLST back-again.csv").splitlines()[1].strip()
    assert facts.endswith(" /back-again.csv")
    assert facts.replace(" /", " ").encode() in talk.retrieve("MLSD").splitlines()


def test_a_download_that_the_client_breaks_off_is_no_226(talk):
    talk.store("STOR long.csv", bytes(8 << 20))
    data = talk.begin("RETR long.csv")
    assert data.recv(1) == b"\0"
    reset(data)
    assert talk.hear() == "426 The transfer was broken off: the data connection was reset."
