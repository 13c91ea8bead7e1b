"""Random SMTP sessions, and random mails in ordinary ones."""

from __future__ import annotations

import base64
import random

from hostile import fuzz_mime
from hostile.doors import Doors, Lines, attachment, message, sequence_in
from hostile.mutate import cut, mutated

PIECES = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b".\r\n",
        b"\r\n.\r\n",
        b"\n.\n",
        b"\r.\r",
        b"<",
        b">",
        b"@",
        b'"',
        b":",
        b"\xff",
    ),
    *(b"EHLO x\r\n", b"HELO\r\n", b"MAIL FROM:<>\r\n", b"MAIL FROM:<a@b> SIZE=", b"9" * 1000, b"SMTPUTF8"),
    *(
        b"RCPT TO:<acme@sales.example>\r\n",
        b"RCPT TO:<@a,@b:acme@sales.example>\r\n",
        b"RCPT TO:<",
        b"DATA\r\n",
    ),
    *(
        b"RSET\r\n",
        b"NOOP x\r\n",
        b"VRFY acme\r\n",
        b"HELP\r\n",
        b"STARTTLS\r\n",
        b"QUIT\r\n",
        b"BDAT 5 LAST\r\n",
    ),
    *("ä€\u202e".encode(), b"\x1b[2J", b"x" * 3000, b"AUTH PLAIN AGEAYg==\r\n", b"BODY=8BITMIME ", b"%s{}"),
]
HONEST = (
    b"EHLO till.example\r\nMAIL FROM:<till@shop.example> SIZE=300\r\nRCPT TO:<acme@sales.example>\r\n"
    b"RCPT TO:<archive@sales.example>\r\nDATA\r\nSubject: sales\r\n\r\nnothing\r\n.\r\n"
    b"RSET\r\nNOOP\r\nQUIT\r\n"
)


def session(dice: random.Random, doors: Doors) -> list[tuple[int, bytes]]:
    """One session: closed by the server once nothing more comes, or at once; a mail answered with a code."""
    if dice.randrange(3):
        with doors.raw("smtp") as connection:
            lines = Lines(connection)
            assert lines.answer().startswith("220 ")
            lines.pour(cut(dice, mutated(dice, HONEST, PIECES)))
        return []
    with doors.smtp() as lines:
        if dice.randrange(3) == 0:
            return honest(dice, lines)
        answer = lines.mail(fuzz_mime.mail(dice))
        # With bytes that SMTP has not, the mail may end where its sender did not mean it.
        assert answer == "" or answer[:3].isdigit(), answer
    return []


def honest(dice: random.Random, lines: Lines) -> list[tuple[int, bytes]]:
    content = b"Store;Receipt;Total;Time\n" + dice.randbytes(dice.randrange(100_000))
    head = f"{attachment('sales.csv')}\r\nContent-Transfer-Encoding: base64"
    answer = lines.mail(message((head, base64.encodebytes(content).replace(b"\n", b"\r\n"))))
    assert answer.startswith("250 2.0.0 Accepted"), answer
    return [(sequence_in(answer), content)]
