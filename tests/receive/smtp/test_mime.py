from __future__ import annotations

import time
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.errors import BadMail
from dorimportd.receive.smtp import mime
from dorimportd.receive.smtp.body import decoded
from dorimportd.receive.smtp.mime import message_id, parts


def wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def found(text: str | bytes) -> list[tuple[str, str | None, str, bytes]]:
    message = text if isinstance(text, bytes) else wire(text)
    return [(each.type, each.name, each.encoding, message[each.start : each.end]) for each in parts(message)]


def refusal(text: str | bytes) -> str:
    with pytest.raises(BadMail) as raised:
        found(text)
    return str(raised.value)


def test_a_mail_without_parts_is_one_part():
    assert found("Subject: x\n\nhello\n") == [("text/plain", None, "", b"hello\r\n")]
    assert found("Content-Type: Text/CSV; name=a.csv\nContent-Transfer-Encoding: BASE64\n\nYQ==\n") == [
        ("text/csv", "a.csv", "base64", b"YQ==\r\n")
    ]


def test_a_mail_may_have_no_headers_or_no_body_or_nothing():
    assert found("\nhello") == [("text/plain", None, "", b"hello")]
    assert found("Subject: x\n") == [("text/plain", None, "", b"")]
    assert found("") == [("text/plain", None, "", b"")]


def test_parts_end_before_the_line_end_of_the_boundary_behind_them():
    text = """Content-Type: multipart/mixed;
	boundary="a b"

for old readers
--a bc
--a b\x20\t
Content-Type: text/plain

hello

--a b
Content-Disposition: attachment;
 filename="x.csv"; size=3
Content-Type: text/csv; name=other.csv

1,2
--a b--
behind
--a b
"""
    assert found(text) == [
        ("text/plain", None, "", b"hello\r\n"),
        ("text/csv", "x.csv", "", b"1,2"),
    ]


def test_a_part_may_be_empty():
    assert found("Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n--b\nX: y\n\n\n--b--") == [
        ("text/plain", None, "", b""),
        ("text/plain", None, "", b""),
        ("text/plain", None, "", b""),
    ]


def test_parts_inside_parts_and_forwarded_mails_are_found():
    text = """Content-Type: multipart/mixed; boundary=out

--out
Content-Type: multipart/alternative; boundary=outer

--outer
Content-Type: text/html

<p>
--outer--
--out
Content-Type: message/rfc822

Content-Type: multipart/mixed; boundary=in

--in
Content-Type: text/csv; name=in.csv

1
--in--
--out--
"""
    assert found(text) == [("text/html", None, "", b"<p>"), ("text/csv", "in.csv", "", b"1")]


def test_windows_change_nothing():
    text = "Content-Type: multipart/mixed; boundary=bbb\n\n" + "".join(
        f"--bbb\nX-N: {n}\n\n{'-' * n}\n--bbbx\n" for n in range(40)
    )
    expected = [("text/plain", None, "", b"-" * n + b"\r\n--bbbx") for n in range(40)]
    for window in (1, 2, 3, 7, 8, 50, 1 << 20):
        with patch.object(mime, "WINDOW", window):
            assert found(text + "--bbb--\n") == expected, window


@pytest.mark.parametrize(
    "text",
    [
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/csv\n\n1,2\n",
        "Content-Type: multipart/mixed; boundary=b\n\nno parts at all\n",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1,2 --b--\n",
    ],
)
def test_a_mail_that_ends_inside_a_part_is_refused(text: str):
    assert refusal(text) == "The mail cannot be read. It is cut off: the end of a part is missing."


def nested(depth: int) -> str:
    begin = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth))
    return begin + "\nx" + "".join(f"\n--b{n}--" for n in reversed(range(depth))) + "\n"


def test_parts_are_nested_twenty_deep_at_most():
    assert found(nested(20)) == [("text/plain", None, "", b"x")]
    assert refusal(nested(21)) == "The mail cannot be read. Its parts are nested more than 20 deep."
    assert refusal(nested(1000)) == "The mail cannot be read. Its parts are nested more than 20 deep."
    assert refusal("Content-Type: message/rfc822\n\n" * 21).endswith("nested more than 20 deep.")


def test_a_mail_has_a_hundred_parts_at_most():
    begin = "Content-Type: multipart/mixed; boundary=b\n\n"
    assert len(found(begin + "--b\n\nx\n" * 100 + "--b--")) == 100
    assert (
        refusal(begin + "--b\n\nx\n" * 101 + "--b--")
        == "The mail cannot be read. It has more than 100 parts."
    )


def test_headers_have_a_limit_each_and_all_together():
    assert found("To: " + "a" * 9996 + "\n\nx") == [("text/plain", None, "", b"x")]
    assert refusal("To: " + "a\n " * 5000 + "\n\nx").endswith(
        "One of its headers is longer than 10000 bytes."
    )
    assert refusal("X-A: " + "a" * 9000 + "\n" + ("X-B: " + "b" * 9000 + "\n") * 11 + "\nx").endswith(
        "Its headers are longer than 100000 bytes."
    )
    many = "Content-Type: multipart/mixed; boundary=b\n\n" + ("--b\nX-B: " + "b" * 9000 + "\n\nx\n") * 12
    assert refusal(many + "--b--").endswith("Its headers are longer than 100000 bytes.")


@pytest.mark.parametrize(
    "text",
    [
        "Subject: " + "=?utf-8?q?a?= " * 20_000 + "\n\nx",
        "To: " + "a@b.example, " * 20_000 + "\n\nx",
        "Content-Type: text/csv; " + "".join(f"name*{n}=a; " for n in range(5_000)) + "\n\nx",
        "Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n" * 100_000,
        nested(2000),
        "Content-Type: multipart/mixed; boundary=b\n\n" + "--b" + " \t" * 1_000_000 + "x\n",
        'Content-Disposition: attachment; filename="' + "\\" * 9000 + "\n\nx",
        "Content-Type: multipart/mixed; boundary=" + "-" * 60 + "\n\n" + "-" * 3_000_000,
    ],
)
def test_a_hostile_mail_costs_no_time(text: str):
    message = wire(text)
    began = time.thread_time()
    with suppress(BadMail):
        parts(message)
    assert time.thread_time() - began < 0.5


def test_the_message_id_is_the_one_in_the_headers():
    assert (
        message_id(wire("Subject: x\nmessage-ID:\n <1.a@b.example>\n\nMessage-ID: <2@b>\n"))
        == "<1.a@b.example>"
    )
    assert message_id(wire("Message-ID: <1@b> (added on the way)\n\n")) == "<1@b>"
    assert message_id(wire("Message-ID: <1@b>\nX: " + "x" * 200_000)) == "<1@b>"


@pytest.mark.parametrize("given", ["", "1@b", "<>", "<a b@c>", "<a\x1b@b>", "<" + "a" * 300 + ">", "<ä@b>"])
def test_a_silly_message_id_is_none(given: str):
    assert message_id(wire(f"Message-ID: {given}\n\n")) is None
    assert message_id(wire("\nMessage-ID: <1@b>\n")) is None


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=60)


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=400), NAMES, st.sampled_from(["base64", "quoted-printable"]), st.booleans())
def test_what_pythons_own_mailer_writes_is_read_as_it_was(
    content: bytes, name: str, encoding: str, text: bool
):
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = "Umsätze"
    mail.set_content("hello")
    if text:
        mail.add_alternative("<p>hello</p>", subtype="html")
    mail.add_attachment(content, maintype="text", subtype="csv", filename=name, cte=encoding)
    message = mail.as_bytes()
    last = parts(message)[-1]
    assert (last.type, last.name, b"".join(decoded(message, last))) == ("text/csv", name, content)
