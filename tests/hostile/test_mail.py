"""Mails made to break what reads them."""

from __future__ import annotations

import base64

import pytest
from hostile.doors import attachment, message

UNREADABLE = "554 5.6.0 The mail cannot be read."
ROWS = b"Store;Receipt;Total;Time\r\n0007;M-1;12.50;2026-07-14 09:02:11\r\n"


def nested(depth: int) -> bytes:
    begin = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(depth))
    return (begin + "\r\nx" + "".join(f"\r\n--b{n}--" for n in reversed(range(depth))) + "\r\n").encode()


def with_header(header: str) -> bytes:
    return message((attachment("a.csv"), ROWS), headers=f"{header}\r\n")


BASE64 = f"{attachment('a.csv')}\r\nContent-Transfer-Encoding: base64"
QUOTED = f"{attachment('a.csv')}\r\nContent-Transfer-Encoding: quoted-printable"
BOMBS = {
    "parts nested 2,000 deep": (nested(2_000), "Its parts are nested more than 20 deep."),
    "10,000 parts": (message(*[("X: y", b"x")] * 10_000), "It has more than 100 parts."),
    "20,000 encoded words": (
        with_header("Subject: " + "=?utf-8?q?a?= \r\n " * 20_000),
        "Its headers are longer than 100000 bytes.",
    ),
    "20,000 addresses": (
        with_header("To: " + "a@b.example,\r\n " * 20_000),
        "Its headers are longer than 100000 bytes.",
    ),
    "5,000 parameters": (
        message((f"Content-Type: text/csv{''.join(f'; name*{n}=a' for n in range(5_000))}", ROWS)),
        "One of its headers is longer than 10000 bytes.",
    ),
    "a header of 7 MB": (with_header("X: " + "x" * 7_000_000), "Its headers are longer than 100000 bytes."),
    "forwarded 2,000 times": (
        b"Content-Type: message/rfc822\r\n\r\n" * 2_000,
        "Its parts are nested more than 20 deep.",
    ),
    "a million boundaries": (message() + b"--B\r\n" * 1_000_000, "found no CSV file"),
    "7 MB of boundaries": (
        b"Content-Type: multipart/mixed; boundary=B\r\n\r\n" + b"--B\r\n" * 1_400_000,
        "It has more than 100 parts.",
    ),
    "base64 with junk": (
        message((BASE64, b"U3Rv!!!!cmU=")),
        "The base64 of its attachment is damaged.",
    ),
    "base64 cut off": (
        message((BASE64, base64.b64encode(ROWS)[:-3])),
        "The base64 of its attachment is cut off.",
    ),
    "half an escape": (message((QUOTED, b"a=4")), "The quoted-printable of its attachment is damaged."),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_mail_that_is_a_bomb_is_refused_and_kept(doors, bomb):
    content, reason = BOMBS[bomb]
    begin = len(doors.appliance.log_text())
    with doors.smtp() as lines:
        answer = lines.mail(content)
        assert answer.startswith("554 5.6.0 "), answer
        assert reason in answer.replace("\r\n554 5.6.0", "").replace("\r\n554-5.6.0", "")
        assert lines.ask(b"NOOP").startswith("250 ")
    assert " accepted: " not in doors.appliance.log_text()[begin:]
    kept = [each.read_bytes() for each in (doors.spool() / "mail").glob("*/*/*.eml")]
    assert any(each.startswith(content[:-2]) for each in kept)


def test_soft_line_breaks_without_end_are_a_small_file(doors):
    bomb = message((QUOTED, b"=\r\n" * 2_000_000 + ROWS.replace(b"\r\n", b"=0D=0A=\r\n")))
    with doors.smtp() as lines:
        assert lines.mail(bomb).startswith("250 2.0.0 Accepted as delivery")
    (delivery,) = [each for each in doors.appliance.deliveries() if each["name"] == "a.csv"]
    assert delivery["size"] == len(ROWS)


def test_of_ten_thousand_recipients_a_hundred_are_taken(doors):
    with doors.smtp() as lines:
        assert lines.ask(b"MAIL FROM:<till@shop.example>").startswith("250")
        answers = lines.pour_and_count(b"RCPT TO:<acme@sales.example>\r\n", 10_000)
        assert answers == {"250 2.1.5": 100, "452 4.5.3": 9_900}
        assert lines.ask(b"DATA").startswith("354")
        assert lines.ask(message((attachment("many.csv"), ROWS)) + b".").startswith("250 2.0.0 Accepted")


def test_a_mail_that_grows_too_large_leaves_nothing(doors):
    with doors.smtp() as lines:
        answer = lines.mail(message((attachment("large.csv"), b"x\r\n" * 5_000_000)))
        assert answer.startswith("552 5.3.4 The file is larger than this server takes.")
        assert lines.ask(b"NOOP").startswith("250 ")
    assert list((doors.spool() / "incoming").glob("*.eml")) == []
