"""Messages in chunks (RFC 3030): exactly the bytes that were told, whatever is in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dorimportd.errors import NoSpace
from dorimportd.events import MailRefused
from dorimportd.receive.smtp.commands import Chunk, read_chunk
from dorimportd.receive.smtp.wire import Newlines
from dorimportd.spool.mail import MailUpload

Mail = Callable[..., bytes]
TOO_LARGE = "552 5.3.4 The file is larger than this server takes.\n"
BARE = (
    "550 5.6.11 The message has lines that end with CR or LF alone; send CR LF (in Python: "
    "send_message(), not sendmail() with bytes).\n"
)


def bdat(content: bytes, end: str = "") -> bytes:
    return f"BDAT {len(content)}{end}\r\n".encode() + content


def ready(door: Any) -> Any:
    """A client that has said who sends to whom."""
    client = door.greeted()
    client.send("MAIL FROM:<till@shop.example>\nRCPT TO:<acme@in.till.example>\n")
    return client


@pytest.mark.parametrize(
    ("argument", "chunk"),
    [
        (b"0", Chunk(0, False)),
        (b"86", Chunk(86, False)),
        (b"0 LAST", Chunk(0, True)),
        (b"86  last", Chunk(86, True)),
        (b"", None),
        (b"LAST", None),
        (b"-1", None),
        (b"+1", None),
        (b"1.0", None),
        (b"0x10", None),
        (b"\xd9\xa1", None),  # a digit of another script
        (b"86 FIRST", None),
        (b"86 LAST LAST", None),
    ],
)
def test_what_bdat_says_of_the_bytes_behind_it(argument: bytes, chunk: Chunk | None):
    assert read_chunk(argument) == chunk


@pytest.mark.parametrize(
    ("pieces", "bare"),
    [
        ([b"a\r\nb"], False),
        ([b"a\r", b"\nb"], False),
        ([b"\r", b"\n", b"\r", b"", b"\n"], False),
        ([b"a\nb"], True),
        ([b"a\rb"], True),
        ([b"a\r", b"b\n"], True),
        ([b"a\r", b"\r\n"], True),
        ([b"a\r\n", b"\n"], True),
        ([b"a\r"], True),
        ([], False),
    ],
)
def test_a_line_end_may_be_cut_in_two_and_never_be_half(pieces: list[bytes], bare: bool):
    newlines = Newlines()
    for piece in pieces:
        newlines.see(piece)
    assert newlines.have_bare() is bare


def test_a_message_in_chunks_of_any_size_is_kept_byte_for_byte(door: Any, mail: Mail):
    message = mail("Content-Type: text/csv; name=sales.csv\n\nid,total\n.\n..\n1,2.50")
    for number, size in enumerate((1, 2, 7, 100, 1000), 1):
        client = ready(door)
        pieces = [message[at : at + size] for at in range(0, len(message), size)]
        client.send(b"".join(map(bdat, pieces[:-1])))
        answer = client.send(bdat(pieces[-1], " LAST"))
        assert answer == f"250 2.0.0 Accepted as delivery {number}\n"
        client.lose()
        assert door.spool.open_delivery(number).read() == b"id,total\r\n.\r\n..\r\n1,2.50"
    assert {each.path.read_bytes() for each in door.spool.mails("<1@shop.example>")} == {message}


def test_however_chunks_are_cut_on_their_way_the_same_is_delivered(door: Any, mail: Mail):
    stream = bdat(mail()[:100]) + bdat(mail()[100:], " LAST") + b"NOOP\r\n"
    for cut in range(0, len(stream), 11):
        client = ready(door)
        answer = client.send(stream[:cut]) + client.send(stream[cut:])
        assert answer == (
            "250 2.0.0 100 bytes of the message are here.\n"
            f"250 2.0.0 Accepted as delivery {cut // 11 + 1}\n250 2.0.0 OK\n"
        ), cut
        client.lose()


def test_what_data_would_take_for_its_end_is_message_in_a_chunk(door: Any, mail: Mail):
    content = b"1\r\n.\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<acme@in.till.example>\r\nDATA\r\n"
    message = b"Content-Type: text/csv; name=a.csv\r\n\r\n" + content
    assert ready(door).send(bdat(message, " LAST")) == "250 2.0.0 Accepted as delivery 1\n"
    assert door.spool.open_delivery(1).read() == content


@pytest.mark.parametrize("spoiled", [b"1\n2\r\n", b"1\r2\r\n", b"1\r"])
def test_bare_newlines_in_chunks_are_refused_and_kept(door: Any, spoiled: bytes):
    client = ready(door)
    client.send(bdat(b"Content-Type: text/csv; name=a.csv\r\n\r"))
    assert client.send(bdat(b"\n" + spoiled, " LAST") + b"NOOP\r\n") == BARE + "250 2.0.0 OK\n"
    assert (list(door.spool.sequences()), len(door.notes())) == ([], 1)


def test_chunks_that_are_too_large_together_are_passed_over_and_leave_nothing(door: Any):
    client = ready(door)
    large = b"RSET\r\n" * 10_000
    assert client.send(bdat(large)) == "250 2.0.0 60000 bytes of the message are here.\n"
    assert client.send(bdat(large) + bdat(b"x\r\n", " LAST") + b"NOOP\r\n") == (
        f"{TOO_LARGE}503 5.5.1 Send MAIL first.\n250 2.0.0 OK\n"
    )
    assert (door.left(), door.notes()) == ([], [])
    assert door.events == [
        MailRefused(
            "till@shop.example",
            client.wire.getPeer().host,
            "The file is larger than this server takes.",
            "nowhere",
        )
    ]


def test_of_a_chunk_that_is_too_large_nothing_is_written(door: Any):
    client = ready(door)
    client.send(b"BDAT 3\r\nx\r\n")
    assert len(door.left()) == 1
    client.send(b"BDAT 99998\r\n" + b"x" * 1000)
    assert door.left() == []


def test_as_many_bytes_as_are_allowed_are_taken_in_chunks(door: Any, mail: Mail):
    message = mail()
    message += b"\r\n" * ((100_000 - len(message)) // 2) + b"." * (len(message) % 2)
    client = ready(door)
    client.send(bdat(message))
    assert client.send(bdat(b"", " LAST")) == "250 2.0.0 Accepted as delivery 1\n"
    assert client.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<acme@in.till.example>\r\n" + bdat(message + b"x"))[
        -len(TOO_LARGE) :
    ] == (TOO_LARGE)


@pytest.mark.parametrize(
    ("raised", "answer"),
    [
        (NoSpace(), "452 4.3.1 There is no space left for new files. Please send it again later.\n"),
        (RuntimeError("a defect"), "451 4.3.0 Something went wrong here; please send it again later.\n"),
    ],
)
@pytest.mark.parametrize("step", ["begin_mail", "write", "keep"])
def test_a_chunk_that_meets_a_failure_of_ours_is_passed_over(
    step: str, raised: Exception, answer: str, door: Any, mail: Mail, monkeypatch: pytest.MonkeyPatch
):
    def failing(*arguments: object, **keywords: object) -> None:
        raise raised

    monkeypatch.setattr(door.spool if step == "begin_mail" else MailUpload, step, failing)
    client = ready(door)
    given = client.send(bdat(b"QUIT\r\n" * 5) + bdat(mail(), " LAST") + b"NOOP\r\n")
    first = "250 2.0.0 30 bytes of the message are here.\n"
    rest = f"{first}{answer}" if step == "keep" else f"{answer}503 5.5.1 Send MAIL first.\n"
    assert given == f"{rest}250 2.0.0 OK\n"
    assert door.left() == []
    monkeypatch.undo()
    client.send("MAIL FROM:<a@b>\nRCPT TO:<acme@in.till.example>\n")
    assert client.send(bdat(mail(), " LAST")) == "250 2.0.0 Accepted as delivery 1\n"


@pytest.mark.parametrize("line", [b"BDAT", b"BDAT LAST", b"BDAT x", b"BDAT 5 5"])
def test_after_a_bdat_that_cannot_be_read_nothing_is_a_command(door: Any, line: bytes):
    client = ready(door)
    assert client.send(line + b"\r\nQUIT\r\n") == "521 5.5.4 The syntax is: BDAT size [LAST]\n"
    assert client.wire.disconnecting


@pytest.mark.parametrize("line", ["RSET", "EHLO till", "HELO till"])
def test_what_forgets_the_mail_forgets_its_chunks(door: Any, line: str):
    client = ready(door)
    client.send(bdat(b"x\r\n"))
    assert len(door.left()) == 1
    client.send(f"{line}\n")
    assert door.left() == []
    assert client.send(bdat(b"x\r\n", " LAST")) == "503 5.5.1 Send MAIL first.\n"


def test_a_connection_that_is_lost_between_chunks_leaves_nothing(slow_door: Any):
    client = ready(slow_door)
    client.send(bdat(b"x\r\n"))
    slow_door.workers.work()
    assert client.read() == "250 2.0.0 3 bytes of the message are here.\n"
    client.lose()
    slow_door.workers.work()
    assert (slow_door.left(), slow_door.events, slow_door.clock.getDelayedCalls()) == ([], [], [])


def test_a_chunk_that_drips_is_given_up_and_one_that_flows_is_not(door: Any):
    client = ready(door)
    client.send(b"BDAT 90000\r\n")
    for _ in range(2):
        client.send(b"x" * 100)
        door.clock.advance(299)
    assert (client.read()[:9], client.wire.disconnecting) == ("421 4.4.2", True)
    client = ready(door)
    client.send(b"BDAT 90000\r\n")
    door.clock.advance(299)
    client.send(b"x" * (64 << 10))
    door.clock.advance(299)
    assert not client.wire.disconnecting


def test_tiny_chunks_and_other_commands_do_not_keep_a_session_for_ever(door: Any):
    client = ready(door)
    for _ in range(6):
        client.send(bdat(b"x\r\n") + b"NOOP\r\n")
        door.clock.advance(59)
    assert client.wire.disconnecting
    client = ready(door)
    for _ in range(6):
        client.send(bdat(b"x" * (8 << 10)) * 2)
        door.clock.advance(59)
    assert not client.wire.disconnecting


def test_binary_messages_are_not_taken(door: Any):
    client = door.greeted()
    assert client.send("MAIL FROM:<a@b> BODY=BINARYMIME\n")[:9] == "501 5.5.4"
