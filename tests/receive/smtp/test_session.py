from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from twisted.internet.address import IPv6Address

from dorimportd.config.read import read_settings
from dorimportd.errors import NoSpace, SpoolFailing
from dorimportd.events import DeliveryAccepted, Fault, MailArchived, MailRefused, SessionEnded, SessionRefused
from dorimportd.receive.house import CROWDED
from dorimportd.receive.uploads import WAITING_LIMIT
from dorimportd.spool.mail import MailUpload
from dorimportd.spool.room import Room
from dorimportd.words import Channel

Mail = Callable[..., bytes]
END = b".\r\n"
ACCEPTED = "250 2.0.0 Accepted as delivery 1\n"
TWO = 'Content-Type: text/csv; name="{}"\n\n1,2'


def kinds(door: Any) -> list[str]:
    return [type(each).__name__ for each in door.events]


def test_a_mail_is_told_and_then_answered_with_its_sequence(door: Any, mail: Mail):
    client = door.begun()
    assert client.send(mail() + END) == ACCEPTED
    (event,) = door.events
    assert isinstance(event, DeliveryAccepted)
    assert (event.delivery.sequence, event.delivery.envelope.peer) == (1, client.wire.getPeer().host)


def test_however_a_mail_is_cut_the_same_is_delivered(door: Any, mail: Mail):
    message = mail() + END
    for cut in range(0, len(message), 7):
        client = door.begun()
        answer = client.send(message[:cut]) + client.send(message[cut:])
        assert answer == f"250 2.0.0 Accepted as delivery {cut // 7 + 1}\n", cut
        client.lose()
    assert {each.delivery.envelope.sha256 for each in door.events} == {
        door.events[0].delivery.envelope.sha256
    }


def test_a_mail_to_two_customers_is_two_deliveries(door: Any, mail: Mail):
    client = door.greeted()
    client.send(
        "MAIL FROM:<x@bolt.example>\nRCPT TO:<acme@in.till.example>\nRCPT TO:<BOLT.sales@mx.till.example>\n"
    )
    client.send("DATA\n")
    assert client.send(mail() + END) == "250 2.0.0 Accepted as deliveries 1, 2\n"
    assert [each.delivery.envelope.customer for each in door.events] == ["acme", "bolt"]


def test_a_mail_to_one_customer_twice_is_one_delivery(door: Any, mail: Mail):
    client = door.begun("acme@in.till.example", "ACME@IN.TILL.EXAMPLE", "acme@mx.till.example")
    assert client.send(mail() + END) == ACCEPTED


@pytest.mark.parametrize(
    "address",
    ["archive@in.till.example", "Archive@mx.till.example", "postmaster", "Postmaster@In.Till.Example"],
)
def test_a_mail_to_the_archive_or_postmaster_is_kept_and_not_imported(address: str, door: Any, mail: Mail):
    assert door.begun(address).send(mail() + END) == "250 2.0.0 Kept.\n"
    assert door.events == [MailArchived("<1@shop.example>", "not here yet")]
    assert (door.notes()[0]["archive"], list(door.spool.sequences())) == (True, [])


def test_an_archive_copy_is_told_with_the_delivery_it_belongs_to(door: Any, mail: Mail):
    door.begun().send(mail() + END)
    door.begun("archive@in.till.example").send(mail() + END)
    assert door.events[1:] == [MailArchived("<1@shop.example>", "1")]


def test_a_mail_without_exactly_one_file_is_refused_and_kept(door: Any, mail: Mail):
    client = door.begun()
    assert client.send(mail(TWO.format("a.csv"), TWO.format("b.csv")) + END) == (
        "554 5.6.0 A mail must carry exactly one CSV file. In this mail we found 2 CSV files: a.csv, b.csv.\n"
    )
    (event,) = door.events
    assert isinstance(event, MailRefused)
    assert event.kept == str(next(door.spool.mails("<1@shop.example>")).path)
    assert door.notes()[0]["refusal"] == event.reason
    assert client.send("NOOP\n") == "250 2.0.0 OK\n"


def test_a_name_beyond_ascii_is_told_in_ascii_and_in_lines_that_are_not_too_long(door: Any, mail: Mail):
    answer = door.begun().send(mail(*(TWO.format(f"Umsätze {n} " + "ü" * 80) + "\n" for n in range(9))) + END)
    assert answer.isascii()
    assert max(map(len, answer.splitlines())) <= 510
    assert {each[:9] for each in answer.splitlines()[:-1]} == {"554-5.6.0"}
    assert answer.splitlines()[-1][:9] == "554 5.6.0"


def test_bare_newlines_are_refused_and_what_follows_is_no_command(door: Any, mail: Mail):
    client = door.begun()
    smuggled = b"\n.\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<acme@in.till.example>\r\nDATA\r\n"
    answer = client.send(mail() + smuggled + mail() + END + b"NOOP\r\n")
    assert answer == (
        "550 5.6.11 The message has lines that end with CR or LF alone; send CR LF (in Python: "
        "send_message(), not sendmail() with bytes).\n250 2.0.0 OK\n"
    )
    assert (kinds(door), list(door.spool.sequences()), len(door.notes())) == (["MailRefused"], [], 1)


def test_a_mail_that_says_it_is_too_large_is_refused_at_once(door: Any):
    client = door.greeted()
    assert (
        client.send("MAIL FROM:<a@b> SIZE=100001\n")
        == "552 5.3.4 The file is larger than this server takes.\n"
    )
    assert client.send("MAIL FROM:<a@b> SIZE=100000\n") == "250 2.1.0 Sender accepted.\n"


def test_a_mail_that_says_it_is_larger_than_what_is_free_is_refused_at_once(
    door: Any, config: Path, monkeypatch: pytest.MonkeyPatch
):
    class Disk(NamedTuple):
        f_bavail: int = 150
        f_frsize: int = 1000
        f_files: int = 0

    monkeypatch.setattr(os, "statvfs", lambda folder: Disk())
    door.spool.room = Room(largest=1 << 30, free_floor=100_000)
    client = door.greeted()
    answer = "452 4.3.1 There is no space left for new files. Please send it again later.\n"
    assert client.send("MAIL FROM:<a@b> SIZE=50001\nRCPT TO:<acme@in.till.example>\n") == (
        f"{answer}503 5.5.1 Send MAIL first.\n"
    )
    (event,) = door.events
    assert (event.sender, event.kept) == ("a@b", "nowhere")
    assert client.send("MAIL FROM:<a@b> SIZE=50000\n") == "250 2.1.0 Sender accepted.\n"


def test_a_mail_that_grows_too_large_is_swallowed_to_its_end_and_leaves_nothing(door: Any):
    client = door.begun()
    for _ in range(50):
        assert client.send(b"x" * 10_000 + b"\r\nRSET\r\n") == ""
    assert (
        client.send(END + b"NOOP\r\n")
        == "552 5.3.4 The file is larger than this server takes.\n250 2.0.0 OK\n"
    )
    assert (door.left(), door.notes(), kinds(door)) == ([], [], ["MailRefused"])


def test_a_line_of_any_length_arrives_whole(door: Any, mail: Mail):
    line = "7" * 90_000
    assert door.begun().send(mail(f"Content-Type: text/csv; name=x.csv\n\n{line}") + END) == ACCEPTED
    assert door.spool.open_delivery(1).read() == line.encode()


def test_a_lost_connection_leaves_nothing(door: Any, mail: Mail):
    client = door.begun()
    client.send(mail())
    assert len(door.left()) == 1
    client.lose()
    assert (door.left(), door.notes(), door.events) == ([], [], [])


def test_a_connection_that_is_lost_while_the_disk_is_asked_leaves_nothing(slow_door: Any):
    client = slow_door.begun()
    client.lose()
    slow_door.workers.work()
    assert (slow_door.left(), slow_door.events) == ([], [])


def test_a_mail_that_ended_is_delivered_although_the_connection_is_lost(slow_door: Any, mail: Mail):
    client = slow_door.begun()
    slow_door.workers.work()
    client.send(mail() + END)
    client.lose()
    slow_door.workers.work()
    assert kinds(slow_door) == ["DeliveryAccepted"]


@pytest.mark.parametrize(
    ("raised", "answer"),
    [
        (NoSpace(), "452 4.3.1 There is no space left for new files. Please send it again later.\n"),
        (SpoolFailing(), "452 4.3.0 The file could not be stored. Please send it again later.\n"),
        (RuntimeError("a defect"), "451 4.3.0 Something went wrong here; please send it again later.\n"),
    ],
)
@pytest.mark.parametrize("step", ["begin_mail", "write", "keep", "begin", "accept"])
def test_no_failure_of_ours_is_for_good(
    step: str, raised: Exception, answer: str, door: Any, mail: Mail, monkeypatch: pytest.MonkeyPatch
):
    def failing(*arguments: object, **keywords: object) -> None:
        raise raised

    monkeypatch.setattr(MailUpload if step in ("write", "keep") else door.spool, step, failing)
    client = door.greeted()
    client.send("MAIL FROM:<a@b>\nRCPT TO:<acme@in.till.example>\n")
    got = client.send("DATA\n")
    if step != "begin_mail":
        got = client.send(mail() + END)
    assert got == answer
    assert door.left() == []
    assert isinstance(door.events[-1], Fault) is isinstance(raised, RuntimeError) if door.events else True
    monkeypatch.undo()
    client.send("RSET\nMAIL FROM:<a@b>\nRCPT TO:<acme@in.till.example>\nDATA\n")
    assert client.send(mail() + END) == ACCEPTED


def test_replies_come_in_the_order_of_the_commands_although_some_take_time(slow_door: Any, mail: Mail):
    client = slow_door.connect()
    client.read()
    commands = b"EHLO t\r\nMAIL FROM:<a@b>\r\nRCPT TO:<acme@in.till.example>\r\nDATA\r\n"
    client.send(commands + mail() + END + b"NOOP\r\nQUIT\r\n")
    slow_door.workers.work()
    codes = [each[:9] for each in client.read().splitlines()]
    assert codes == ["354 Send ", "250 2.0.0", "250 2.0.0", "221 2.0.0"]
    assert client.wire.disconnecting


def test_quit_waits_for_the_mail_before_it(slow_door: Any, mail: Mail):
    client = slow_door.begun()
    slow_door.workers.work()
    client.read()
    client.send(mail() + END + b"QUIT\r\n")
    assert (client.read(), client.wire.disconnecting) == ("", False)
    slow_door.workers.work()
    assert client.read() == ACCEPTED + "221 2.0.0 Good bye.\n"


def test_a_disk_that_is_slow_holds_the_sender_back(slow_door: Any):
    client = slow_door.begun()
    slow_door.workers.work()
    assert client.wire.producerState == "producing"
    for _ in range(WAITING_LIMIT // 50_000 + 2):
        client.send(b"x" * 50_000)
    assert client.wire.producerState == "paused"
    slow_door.clock.advance(100_000)
    assert client.read() == ""
    slow_door.workers.work()
    assert client.wire.producerState == "producing"


def test_a_disk_that_refuses_does_not_hold_the_sender_for_ever(
    slow_door: Any, monkeypatch: pytest.MonkeyPatch
):
    def full(self: MailUpload, content: bytes) -> None:
        raise NoSpace

    monkeypatch.setattr(MailUpload, "write", full)
    client = slow_door.begun()
    slow_door.workers.work()
    for _ in range(WAITING_LIMIT // 50_000 + 2):
        client.send(b"x" * 50_000)
    assert client.wire.producerState == "paused"
    slow_door.workers.work()
    assert client.wire.producerState == "producing"
    client.send(b"\r\n" + END)
    slow_door.workers.work()
    assert client.read()[:10] == "452 4.3.1 "


WAITED = "421 4.4.2 mx.till.example has waited too long and closes the connection.\n"


@pytest.mark.parametrize("said", [b"", b"NO", b"NOOP\r\n", b"RSET\r\nMAIL FROM:<a@b>\r\n"])
def test_a_client_that_begins_no_message_is_sent_away_whatever_it_says(door: Any, said: bytes):
    client = door.greeted()
    for _ in range(5):
        door.clock.advance(59)
        client.send(said)
    assert not client.wire.disconnecting
    door.clock.advance(5)
    assert (client.read(), client.wire.disconnecting) == (WAITED, True)


def test_there_is_as_much_time_for_the_next_mail(door: Any, mail: Mail):
    client = door.greeted()
    for number in (1, 2, 3):
        door.clock.advance(299)
        client.send("MAIL FROM:<a@b>\nRCPT TO:<acme@in.till.example>\nDATA\n")
        door.clock.advance(299)
        assert client.send(mail() + END) == f"250 2.0.0 Accepted as delivery {number}\n"
    door.clock.advance(299)
    client.send("NOOP\n")
    assert not client.wire.disconnecting
    door.clock.advance(1)
    assert (client.read(), client.wire.disconnecting) == (WAITED, True)


def test_time_that_was_ours_is_not_the_clients(slow_door: Any, mail: Mail):
    client = slow_door.begun()
    slow_door.clock.advance(299)
    slow_door.workers.work()
    client.send(mail() + END)
    for _ in range(3):
        slow_door.clock.advance(299)
    slow_door.workers.work()
    assert client.read().endswith(ACCEPTED)
    slow_door.clock.advance(299)
    assert client.send("NOOP\n") == "250 2.0.0 OK\n"


def test_a_session_has_so_many_mails(door: Any, mail: Mail, config: Path):
    config.write_text(f"{config.read_text()}mails_per_session = 2\n")
    door.settings = read_settings(config)
    client = door.greeted()
    lines = "MAIL FROM:<a@b>\nRCPT TO:<acme@in.till.example>\n"
    client.send(lines + "DATA\n")
    assert client.send(mail() + END) == ACCEPTED
    client.send(lines + "RSET\n")
    client.send(lines + "BDAT 3\nx\nRSET\n")
    assert client.send(lines) == "421 4.7.0 2 mails came in this session; connect again for more.\n"
    assert client.wire.disconnecting


def test_a_message_that_drips_is_given_up_and_one_that_flows_is_not(door: Any):
    client = door.begun()
    for _ in range(4):
        client.send(b"x" * (16 << 10))
        door.clock.advance(299)
        if client.wire.disconnecting:
            break
    assert (client.read()[:9], client.wire.disconnecting) == ("421 4.4.2", True)
    client = door.begun()
    for _ in range(4):
        client.send(b"x" * (64 << 10))
        door.clock.advance(299)
    assert not client.wire.disconnecting


def test_a_slow_disk_is_not_the_clients_time(slow_door: Any, mail: Mail):
    client = slow_door.begun()
    slow_door.clock.advance(1000)
    slow_door.workers.work()
    client.read()
    client.send(mail() + END)
    slow_door.clock.advance(1000)
    slow_door.workers.work()
    assert client.read() == ACCEPTED


def test_twenty_errors_are_enough(door: Any):
    client = door.greeted()
    answer = client.send("RCPT\n" * 30).splitlines()
    assert (len(answer), answer[-1]) == (21, "421 4.7.0 There were too many errors.")
    assert client.wire.disconnecting
    assert client.send("NOOP\n") == ""


def test_a_mail_that_is_taken_makes_up_for_errors(door: Any, mail: Mail):
    client = door.greeted()
    for _ in range(3):
        client.send("RCPT\n" * 15)
        client.send("MAIL FROM:<a@b>\nRCPT TO:<acme@in.till.example>\nDATA\n")
        assert client.send(mail() + END)[:9] == "250 2.0.0"


def test_a_network_that_may_send_is_known_through_a_listener_for_both_kinds_of_ip(door: Any, mail: Mail):
    client = door.begun("core@in.till.example", peer=IPv6Address("TCP", "::ffff:192.0.2.9", 4711))
    assert client.send(mail() + END) == ACCEPTED
    assert door.events[0].delivery.envelope.peer == "192.0.2.9"


def test_a_mail_has_a_hundred_recipients_at_most(door: Any):
    client = door.greeted()
    client.send("MAIL FROM:<a@b>\n")
    answer = client.send("RCPT TO:<acme@in.till.example>\n" * 102).splitlines()
    assert (
        answer[99:]
        == ["250 2.1.5 Recipient accepted."]
        + ["452 4.5.3 A mail can have 100 recipients; send it again for the others."] * 2
    )


def test_sessions_are_counted_until_they_end(door: Any):
    first, second, third = door.connect(), door.connect(), door.connect()
    assert third.read() == "421 4.7.0 There are too many sessions. Please try again later.\n"
    assert third.wire.disconnecting
    peer = third.wire.getPeer().host
    assert door.events == [
        SessionRefused(Channel.SMTP, peer, "There are too many sessions. Please try again later.")
    ]
    third.lose()
    second.lose()
    assert door.sessions.count() == 1
    assert door.connect().read() == "220 mx.till.example ESMTP dorimportd\n"
    first.lose()


def test_a_session_without_a_mail_gives_way_to_the_next_one(door: Any):
    begun = door.begun()
    idle = door.greeted()
    others = [door.connect(peer=IPv6Address("TCP", f"2001:db8::{number}", 4711)) for number in (1, 2)]
    assert idle.read() == "421 4.7.0 There are too many sessions. Please try again later.\n"
    assert idle.wire.disconnecting
    assert door.events == [SessionEnded(Channel.SMTP, idle.wire.getPeer().host, CROWDED)]
    assert [each.wire.disconnecting for each in (begun, *others)] == [False] * 3
    others[0].lose()
    assert not door.connect(peer=IPv6Address("TCP", "2001:db9::1", 4711)).wire.disconnecting
    assert not others[1].wire.disconnecting
    assert len(door.events) == 1


def test_a_client_that_takes_nothing_is_cut_off(door: Any):
    client = door.greeted()
    client.send("QUIT\n")
    door.clock.advance(9)
    assert not client.wire.aborted
    door.clock.advance(1)
    assert client.wire.aborted


def test_a_session_that_ended_leaves_no_call_behind(door: Any):
    for client in (door.greeted(), door.begun()):
        client.send("QUIT\n")
        client.lose()
    assert door.clock.getDelayedCalls() == []


def test_a_line_without_end_is_answered_once_and_cut_off(door: Any):
    client = door.greeted()
    answers = [client.send(b"x" * 10_000) for _ in range(10)]
    assert answers == ["500 5.5.2 The line is longer than 2048 bytes.\n"] + [""] * 9
    assert client.wire.disconnecting


def test_starttls_forgets_what_was_said_and_drops_what_was_sent_behind_it(door: Any):
    class Contexts:
        control = object()

    client = door.connect(tls=Contexts())
    client.send("EHLO t\nMAIL FROM:<a@b>\n")
    assert (
        client.send("STARTTLS\nRCPT TO:<acme@in.till.example>\nNOOP\n") == "220 2.0.0 Begin TLS now.\n[TLS]\n"
    )
    assert client.send("MAIL FROM:<a@b>\n") == "503 5.5.1 Send EHLO first.\n"
    assert "STARTTLS" not in client.send("EHLO t\n")
    assert client.send("STARTTLS\n") == "503 5.5.1 TLS is not offered now.\n"


def test_starttls_is_offered_only_with_a_certificate(door: Any):
    class Contexts:
        control = object()

    assert "250 STARTTLS\n" in door.connect(tls=Contexts()).send("EHLO t\n")
    client = door.connect()
    assert "STARTTLS" not in client.send("EHLO t\n")
    assert client.send("STARTTLS\n") == "502 5.5.1 TLS is not offered now.\n"
