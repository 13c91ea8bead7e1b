"""A session in memory: who comes in, in which order it is answered, and when time is up."""

from __future__ import annotations

import random
import re
from importlib import import_module

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from dorimportd.events import (
    Fault,
    LoginAccepted,
    LoginRefused,
    SessionEnded,
    SessionRefused,
    UploadAbandoned,
)
from dorimportd.receive.ftp.commands import COMMANDS
from dorimportd.receive.house import CROWDED
from dorimportd.receive.uploads import WAITING_LIMIT
from dorimportd.words import Channel

WRONG = "530 The user name, password or key is not right.\r\n"


def test_the_login(scene):
    assert scene.wire.read() == "220 dorimportd takes your files.\r\n"
    assert scene.ask("USER acme") == "331 Please send the password.\r\n"
    assert scene.ask("PASS secret") == "230 Logged in. Put your files into this folder.\r\n"
    assert scene.told == [LoginAccepted("acme", Channel.FTP, "192.0.2.7", "password")]
    assert scene.ask("USER acme") == "530 You are logged in; connect again to be somebody else.\r\n"


def test_nothing_is_done_before_the_login(scene):
    scene.wire.read()
    for verb, command in COMMANDS.items():
        answer = scene.ask(f"{verb} x" if command.takes else verb)
        if command.before_login:
            assert not answer.startswith("530 Please log in"), verb
        else:
            assert answer == "530 Please log in with USER and PASS.\r\n", verb
        if verb in ("QUIT", "USER"):
            scene.connect()
            scene.wire.read()
    assert scene.ask("PASS secret") == "503 Send USER first.\r\n"


def test_nobody_is_anonymous(scene):
    scene.wire.read()
    assert scene.ask("USER anonymous", "PASS me@example.org") == "331 Please send the password.\r\n"
    scene.clock.advance(1)
    assert scene.wire.read() == WRONG


def test_a_wrong_login_is_answered_after_a_second_and_too_many_end_the_session(make_scene):
    scene = make_scene("login_attempts = 2")
    scene.wire.read()
    for login in ("acme", "nobody"):
        assert scene.ask(f"USER {login}", "PASS wrong") == "331 Please send the password.\r\n"
        scene.clock.advance(0.9)
        assert scene.wire.read() == ""
        scene.clock.advance(0.1)
        if login == "acme":
            assert scene.wire.read() == WRONG
    assert scene.wire.read() == (
        "421 The user name, password or key is not right. Too many attempts: goodbye.\r\n"
    )
    assert scene.wire.disconnecting
    assert scene.told == [
        LoginRefused("acme", Channel.FTP, "192.0.2.7", "wrong password", "acme"),
        LoginRefused("nobody", Channel.FTP, "192.0.2.7", "no such login"),
        SessionEnded(Channel.FTP, "192.0.2.7", "2 logins failed"),
    ]


def test_there_are_only_so_many_sessions(make_scene):
    scene = make_scene("sessions_per_address = 1")
    first = scene.control
    scene.connect()
    refusal = "There are too many sessions. Please try again later."
    assert (scene.wire.read(), scene.wire.disconnecting) == (f"421 {refusal}\r\n", True)
    assert scene.ask("NOOP") == ""
    scene.lose()
    assert scene.told == [SessionRefused(Channel.FTP, "192.0.2.7", refusal)]
    assert scene.sessions.count() == 1
    scene.lose(first)
    scene.connect()
    assert scene.wire.read() == "220 dorimportd takes your files.\r\n"


def test_a_session_without_a_login_gives_way_to_the_next_one(make_scene):
    scene = make_scene("unauthenticated_sessions = 1").login()
    first, first_wire = scene.control, scene.wire
    scene.connect()
    second, second_wire = scene.control, scene.wire
    scene.connect()
    refusal = "There are too many sessions. Please try again later."
    assert second_wire.read() == f"220 dorimportd takes your files.\r\n421 {refusal}\r\n"
    assert not first_wire.disconnecting
    assert second_wire.disconnecting
    assert scene.told[1:] == [SessionEnded(Channel.FTP, "192.0.2.7", CROWDED)]
    scene.lose(second)
    scene.lose()
    scene.connect()
    assert scene.told[2:] == []
    scene.lose(first)


def test_a_customer_has_only_so_many_sessions(make_scene):
    scene = make_scene("sessions_per_customer = 1").login()
    first = scene.control
    scene.connect()
    scene.wire.read()
    refusal = "There are too many sessions. Please try again later."
    assert scene.ask("USER acme", "PASS secret") == f"331 Please send the password.\r\n421 {refusal}\r\n"
    scene.lose()
    scene.lose(first)
    scene.connect()
    scene.wire.read()
    assert scene.ask("USER acme", "PASS secret").endswith(
        "230 Logged in. Put your files into this folder.\r\n"
    )


def test_a_client_that_goes_during_its_login_is_not_counted(scene):
    scene.workers.held = True
    scene.ask("USER acme", "PASS secret")
    scene.lose()
    scene.workers.release()
    scene.workers.held = False
    assert scene.sessions.count() == 0
    for _ in range(10):  # as many as a customer may have
        scene.connect()
        scene.login()
        assert scene.ask("PWD") == '257 "/" is the current folder.\r\n'


def test_who_does_not_log_in_is_sent_away(scene):
    scene.wire.read()
    scene.clock.advance(59)
    scene.ask("NOOP")  # is no login
    scene.clock.advance(1)
    assert scene.wire.read() == "421 Nothing came for too long: goodbye.\r\n"
    assert scene.wire.disconnecting
    assert scene.told == [SessionEnded(Channel.FTP, "192.0.2.7", "the time for the login was over")]


def test_who_is_idle_is_sent_away(scene):
    scene.login()
    scene.clock.advance(299)
    assert scene.ask("NOOP") == "200 Done.\r\n"
    scene.clock.advance(299)
    assert not scene.wire.disconnecting
    scene.clock.advance(1)
    assert scene.wire.read() == "421 Nothing came for too long: goodbye.\r\n"


def test_who_does_not_take_the_last_answer_is_cut_off(scene):
    assert scene.ask("QUIT").endswith("221 Goodbye.\r\n")
    scene.clock.advance(4.9)
    assert not scene.wire.aborted
    scene.clock.advance(0.1)
    assert scene.wire.aborted


def test_a_transfer_that_moves_is_not_idle_and_one_that_stalls_is_broken_off(make_scene):
    scene = make_scene("minimum_rate = 0").login()
    connection, wire = scene.begin("STOR slow.csv")
    scene.wire.read()
    for _ in range(4):
        scene.clock.advance(299)
        connection.dataReceived(b"x")
    assert not wire.aborted
    scene.clock.advance(300)
    assert wire.aborted
    connection.connectionLost(Failure(ConnectionDone()))
    scene.clock.advance(1)
    why = "nothing moved for 300 seconds"
    assert scene.wire.read() == f"426 The transfer was broken off: {why}. 4 bytes are kept.\r\n"
    assert scene.told[-1] == UploadAbandoned("acme", Channel.FTP, "slow.csv", 4, why)
    assert scene.ask("NOOP") == "200 Done.\r\n"


def test_a_transfer_that_drips_is_broken_off(scene):
    scene.login()
    connection, wire = scene.begin("STOR slow.csv")
    scene.wire.read()
    for _ in range(61):
        connection.dataReceived(bytes(1024))
        scene.clock.advance(1)
    for _ in range(59):
        connection.dataReceived(bytes(1023))
        scene.clock.advance(1)
    assert not wire.aborted
    connection.dataReceived(b"x")
    assert wire.aborted
    connection.connectionLost(Failure(ConnectionDone()))
    scene.clock.advance(1)
    why = "less than 1024 bytes a second came for a minute"
    size = 61 * 1024 + 59 * 1023 + 1
    assert scene.wire.read() == f"426 The transfer was broken off: {why}. {size} bytes are kept.\r\n"
    assert scene.told[-1] == UploadAbandoned("acme", Channel.FTP, "slow.csv", size, why)


def test_a_disk_that_is_slow_is_not_the_sender_s_time(scene):
    scene.login()
    connection, wire = scene.begin("STOR slow.csv")
    scene.workers.held = True
    for _ in range(5):
        connection.dataReceived(b"x")
        scene.clock.advance(100)
        scene.workers.release()
        scene.clock.advance(1)
    assert not wire.aborted


def test_a_data_connection_is_awaited_for_half_a_minute(scene):
    scene.login()
    assert scene.ask("PASV", "STOR late.csv").endswith("\r\n150 Send the file now.\r\n")
    scene.clock.advance(29)
    assert scene.wire.read() == ""
    scene.clock.advance(1)
    assert scene.wire.read() == "425 The data connection could not be opened.\r\n"


def test_nothing_is_read_before_its_command_and_no_more_than_the_disk_takes(scene):
    scene.login()
    connection, wire = scene.begin("NOOP")
    assert wire.producerState == "paused"
    scene.ask("STOR big.csv")
    assert wire.producerState == "producing"
    scene.workers.held = True
    connection.dataReceived(bytes(WAITING_LIMIT))
    assert wire.producerState == "producing"
    connection.dataReceived(b"x")
    assert wire.producerState == "paused"
    scene.clock.advance(1000)  # a slow disk is not the client's fault
    assert not wire.aborted
    scene.workers.release()
    assert wire.producerState == "producing"


def test_after_a_refusal_the_rest_is_dropped_for_three_seconds(make_scene):
    scene = make_scene('file_size = "1 KiB"').login()
    connection, wire = scene.begin("STOR large.csv")
    scene.wire.read()
    connection.dataReceived(bytes(1025))
    scene.clock.advance(2.9)
    connection.dataReceived(bytes(5000))
    assert (wire.aborted, scene.wire.read()) == (False, "")
    scene.clock.advance(0.1)
    assert wire.aborted
    connection.connectionLost(Failure(ConnectionDone()))
    assert scene.wire.read() == "552 The file is larger than this server takes.\r\n"


def test_a_client_that_does_not_read_is_not_read_either(scene):
    scene.login()
    scene.wire.producer.pauseProducing()
    assert scene.ask("NOOP") == ""
    scene.wire.producer.resumeProducing()
    assert scene.wire.read() == "200 Done.\r\n"


def test_listings_are_written_down_by_workers(scene, monkeypatch):
    """The reactor thread has other sessions to see to while 100,000 names are looked at."""
    seen = set()

    def watch(place: str, name: str) -> None:
        watched = getattr(import_module(place), name)

        def on_whichever_thread(*arguments):
            seen.add((name, scene.workers.working))
            return watched(*arguments)

        monkeypatch.setattr(f"{place}.{name}", on_whichever_thread)

    watch("dorimportd.receive.ftp.transfers", "long_line")
    watch("dorimportd.receive.ftp.transfers", "facts_of")
    watch("dorimportd.receive.ftp.listing", "translate")
    scene.login()
    scene.fill(2)
    line = "-rw-r----- 1 acme acme            3 Jul 14  2014"
    two = f"{line} 0001.csv\r\n{line} 0002.csv\r\n"
    stated = "".join(f" {each}\r\n" for each in two.splitlines())
    assert scene.ask("STAT *.csv") == f"213-Listing:\r\n{stated}213 End\r\n"
    connection, wire = scene.begin("LIST *.csv")
    assert wire.read() == two
    scene.lose(connection)
    facts = "type=file;size=3;modify=20140714000000;perm=arw;"
    assert scene.begin("MLSD")[1].read() == (f"{facts}unique=1; 0001.csv\r\n{facts}unique=2; 0002.csv\r\n")
    assert seen == {("long_line", True), ("facts_of", True), ("translate", True)}


def test_a_listing_comes_page_by_page_as_the_client_takes_it(scene):
    scene.login()
    scene.fill(1001)
    names = [f"{number:04}.csv" for number in range(1, 1002)]
    scene.workers.held = True
    _, wire = scene.begin("NLST")
    scene.workers.release_one()  # the names are there
    assert wire.read() == ""
    scene.workers.release_one()
    assert wire.read().split() == names[:500]
    wire.producer.pauseProducing()
    scene.workers.release()
    assert wire.read().split() == names[500:1000]
    wire.producer.resumeProducing()
    scene.workers.release()
    assert (wire.read().split(), wire.disconnecting) == (["1001.csv"], True)


def test_stat_shows_a_thousand_files_and_says_when_there_are_more(scene):
    scene.login()
    scene.fill(1000)
    line = "-rw-r----- 1 acme acme            3 Jul 14  2014"
    thousand = [f" {line} {number:04}.csv" for number in range(1, 1001)]
    assert scene.ask("STAT /").splitlines() == ["213-Listing:", *thousand, "213 End"]
    scene.fill(1001)
    more = " Only the first 1000 files are shown here. LIST shows all."
    assert scene.ask("STAT /").splitlines() == ["213-Listing:", *thousand, more, "213 End"]


def test_answers_come_in_the_order_of_the_commands(scene):
    scene.wire.read()
    scene.workers.held = True
    assert (
        scene.ask("USER acme", "PASS secret", "PWD", "SYST", "QUIT", "NOOP")
        == "331 Please send the password.\r\n"
    )
    scene.workers.held = False
    scene.workers.release()
    assert scene.wire.read() == (
        "230 Logged in. Put your files into this folder.\r\n"
        '257 "/" is the current folder.\r\n'
        "215 UNIX Type: L8\r\n"
        "221 Goodbye.\r\n"
    )


def test_however_the_stream_is_cut_the_answers_are_the_same(scene):
    stream = b"NOOP\r\nsyst\r\nFEAT x\n\r\nMODE S\r\nBOGUS\r\n"
    scene.login()
    scene.control.dataReceived(stream)
    whole = scene.wire.read()
    assert re.findall(r"^\d{3}[ -]", whole, re.MULTILINE) == [
        "200 ",
        "215 ",
        "211-",
        "211 ",
        "502 ",
        "200 ",
        "502 ",
    ]
    for cut in range(len(stream)):
        scene.control.dataReceived(stream[:cut])
        scene.control.dataReceived(stream[cut:])
        assert scene.wire.read() == whole, cut


def test_a_line_without_an_end_is_refused(scene):
    scene.wire.read()
    scene.control.dataReceived(b"x" * 5000)
    assert scene.wire.read() == "500 A command has at most 4096 bytes.\r\n"
    assert scene.wire.disconnecting


def test_commands_are_not_collected_without_end(scene):
    scene.wire.read()
    scene.workers.held = True
    assert scene.ask("USER acme", "PASS secret", *["NOOP"] * 101).endswith(
        "421 Too many commands at once.\r\n"
    )
    assert scene.wire.disconnecting


def test_commands_without_their_argument_are_refused(scene):
    scene.login()
    for verb, command in COMMANDS.items():
        if command.needs_argument:
            assert scene.ask(verb) == f"501 {verb} takes {command.takes}.\r\n"


def test_a_defect_of_ours_is_told_and_answered_and_the_session_goes_on(scene, monkeypatch):
    scene.login()

    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(scene.spool, "entry", break_down)
    assert scene.ask("SIZE a.csv", "NOOP") == (
        "451 Something went wrong here. Please try again later.\r\n200 Done.\r\n"
    )
    assert [(type(event), event.where, type(event.error)) for event in scene.told[1:]] == [
        (Fault, "the FTP door", ZeroDivisionError)
    ]


def test_a_defect_during_an_upload_keeps_what_came(scene, monkeypatch):
    scene.login()
    connection, _wire = scene.begin("STOR broken.csv")
    connection.dataReceived(b"good")
    monkeypatch.setattr("dorimportd.spool.upload.Upload.write", lambda *_: 1 / 0)
    connection.dataReceived(b"bad")
    connection.connectionLost(Failure(ConnectionDone()))
    assert scene.wire.read().endswith("451 Something went wrong here. Please try again later.\r\n")
    assert UploadAbandoned("acme", Channel.FTP, "broken.csv", 4, "the transfer was broken off") in scene.told


def test_feat_tells_no_more_than_there_is(scene):
    lines = scene.ask("FEAT").splitlines()
    features = [line.split()[0] for line in lines if line.startswith(" ")]
    assert features == ["CLNT", "EPRT", "EPSV", "MDTM", "MLST", "REST", "SIZE", "TVFS", "UTF8"]
    assert set(features) - {"TVFS", "UTF8"} <= set(COMMANDS)


def test_junk_is_answered_and_is_no_defect(scene):
    """Verbs with any bytes behind them, for each an answer; no exception, no Fault."""
    chance = random.Random(7)
    scene.login()
    verbs = [
        verb for verb in COMMANDS if verb not in ("QUIT", "STOR", "APPE", "RETR", "LIST", "NLST", "MLSD")
    ]
    for _ in range(2000):
        argument = bytes(
            chance.choice(b"\x00\t %,|/.*?[-\\a1\xc3\xa4\xff") for _ in range(chance.randrange(12))
        )
        scene.control.dataReceived(chance.choice(verbs).encode() + b" " + argument + b"\r\n")
        scene.clock.advance(0)
        assert re.match(r"[2-5]\d\d[ -]", scene.wire.read()), argument
    assert [event for event in scene.told if isinstance(event, Fault)] == []


def test_small_things(scene):
    scene.login()
    for line, answer in {
        "TYPE I": "200 Done.",
        "TYPE A": "200 Done.",
        "TYPE E": "504 TYPE takes A or I.",
        "MODE B": "504 MODE takes S.",
        "STRU R": "504 STRU takes F.",
        "OPTS UTF8 ON": "200 Names are in UTF-8.",
        "OPTS utf8": "200 Names are in UTF-8.",
        "OPTS UTF8 OFF": "501 OPTS takes UTF8 ON, or MLST and facts.",
        "OPTS MLST type;Size;nothing;": "200 MLST OPTS type;size;",
        "ALLO 10": "200 Done.",
        "CLNT x": "200 Done.",
        "SITE CHMOD 644 a.csv": "200 Done: files stay as they were sent.",
        "SITE EXEC x": "504 SITE takes CHMOD and UTIME; both change nothing.",
        "CWD /": "250 This is the root folder.",
        "CWD ..": "250 This is the root folder.",
        "CDUP": "250 This is the root folder.",
        "CWD in": "550 There are no folders here. Put the file into the root folder.",
        "MKD in": "550 Folders cannot be made or removed here. Put the file into the root folder.",
        "SIZE /": "550 That is the root folder, not a file.",
        "REST -1": "501 REST takes a number of bytes.",
        "EPSV 2": "522 Network protocol not supported, use (1).",
        "EPSV ALL": "200 Only EPSV from now on.",
        "PASV": "503 You said EPSV ALL.",
        "PORT 192,0,2,7,200,1": "503 You said EPSV ALL.",
        "AUTH TLS": "502 TLS is not available here.",
        "PROT P": "503 Use AUTH TLS first.",
        "ACCT x": "502 ACCT is not known here. HELP lists the commands.",
        "STOU": "502 STOU is not known here. HELP lists the commands.",
        "HELP stor": "214 Syntax: STOR NAME",
        "STOR x.csv": "150 Send the file now.",
    }.items():
        assert scene.ask(line).splitlines()[0] == answer, line


def test_no_port_is_opened_for_a_session_that_ended_meanwhile(scene, monkeypatch):
    closed, listen = Deferred(), scene.clock.listenTCP

    def listen_long(*arguments, **options):
        port = listen(*arguments, **options)
        port.stopListening = lambda: closed
        return port

    monkeypatch.setattr(scene.clock, "listenTCP", listen_long)
    scene.login()
    scene.ask("PASV", "PASV")  # the second waits for the first port to be closed
    scene.lose()
    closed.callback(None)
    assert len(scene.clock.tcpServers) == 1


def test_passive_ports_and_address_are_those_of_the_settings(make_scene):
    scene = make_scene('[ftp]\npassive_ports = "50000-50001"\npublic_address = "198.51.100.4"').login()
    assert scene.ask("PASV") in (
        "227 Entering passive mode (198,51,100,4,195,80).\r\n",
        "227 Entering passive mode (198,51,100,4,195,81).\r\n",
    )
    port, _, _, interface = scene.clock.tcpServers[-1]
    assert (port in (50000, 50001), interface) == (True, "192.0.2.1")


def test_a_file_that_will_not_fit_is_refused_when_its_size_is_said(make_scene):
    scene = make_scene('file_size = "900 TB"').login()
    assert scene.ask("ALLO 900000000000001", "ALLO 900000000000001 R 80", "ALLO " + "9" * 4000) == (
        "552 The file is larger than this server takes.\r\n" * 3
    )
    assert scene.told[-2].sentence() == (
        "ftp upload of acme refused: 'ALLO 900000000000001 R 80': The file is larger than this server takes."
    )
    full = "452 There is no space left for new files. Please send it again later.\r\n"
    assert scene.ask("ALLO 900000000000000") == full
    assert scene.ask("REST 899999999999990", "ALLO 900000000000000") == (
        "350 The next transfer begins at byte 899999999999990.\r\n200 Done.\r\n"
    )
    assert scene.ask("ALLO 10", "ALLO 10 R 80") == "200 Done.\r\n" * 2
    assert scene.ask("ALLO", "ALLO x", "ALLO -1") == (
        "501 ALLO takes SIZE.\r\n" + "501 ALLO takes a number of bytes.\r\n" * 2
    )


def test_clients_of_some_networks_are_told_another_address(make_scene):
    """The client is 192.0.2.7: the first network that it is in counts, and public_address for all others."""
    scene = make_scene("""
        [ftp]
        passive_ports = "50000-50000"
        public_address = "198.51.100.4"
        public_addresses = [
            {clients = "10.0.0.0/8", address = "10.0.0.5"},
            {clients = "192.0.2.0/24", address = "192.0.2.1"},
            {clients = "192.0.2.7", address = "10.0.0.6"},
        ]
    """)
    assert scene.login().ask("PASV") == "227 Entering passive mode (192,0,2,1,195,80).\r\n"
    scene.lose()
    scene.clock.advance(1)
    scene.connect("203.0.113.9")
    assert scene.login().ask("PASV") == "227 Entering passive mode (198,51,100,4,195,80).\r\n"
