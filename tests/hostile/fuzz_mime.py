"""Random mails for the reader of mails, in this process."""

from __future__ import annotations

import random
import time

from hostile.mutate import mutated

from dorimportd.errors import BadMail, NotOneAttachment
from dorimportd.receive.smtp.attachment import name_of, the_csv
from dorimportd.receive.smtp.body import decoded
from dorimportd.receive.smtp.mime import message_id, parts
from dorimportd.spool.names import check_name

SECONDS = 20  # for one mail; an honest one takes a millisecond
CHARSETS = (b"utf-8", b"utf-7", b"punycode", b"idna", b"unicode_escape", b"hex", b"x" * 3000, b"\xff", b"..")
PIECES = [
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n--B\r\n",
    b"\r\n--B--\r\n",
    b"Content-Type: multipart/mixed; boundary=B\r\n",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Disposition: attachment; filename*0*=utf-8''a%; filename*1=b.csv\r\n",
    b"filename*=",
    b'"',
    b"\\",
    b";",
    b"=?utf-8?Q?=C3=A4=\r\n ?=",
    b"=?punycode?B?YWJjLWFiYw?=.csv",
    b"=",
    b"=3",
    b"=\r\n",
    b" \t",
    b"\0",
    b"\x1b[2J",
    b"\xff\xfe",
    b"A" * 76 + b"\r\n",
    b"name=a.csv",
    b"text/csv",
    *(b'"=?%b?Q?%%FF?=.csv"' % each for each in CHARSETS),
    *(b"filename*=%b''%%FF%%00.csv" % each for each in CHARSETS),
]
HONEST = (
    b"From: till@shop.example\r\nMessage-ID: <1@shop.example>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="B"\r\n\r\nhello\r\n--B\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nSales of today.\r\n--B\r\n"
    b'Content-Type: text/csv; name="sales.csv"\r\nContent-Transfer-Encoding: %b\r\n'
    b'Content-Disposition: attachment; filename="sales.csv"\r\n\r\n%b\r\n--B--\r\n'
)
BODIES = (
    (b"base64", b"U3RvcmU7UmVjZWlwdDtUb3RhbDtUaW1lDQowMDA3O0EtMTsxMi41MDsyMDI2LTA3LTE0DQo="),
    (b"quoted-printable", b"Store;Receipt;Total;Time=0D=0A=\r\n0007;A-1;12.50;2026-07-14 09:02:11=0D=0A"),
    (b"8bit", b"Store;Receipt;Total;Time\r\n0007;A-1;12.50;2026-07-14 09:02:11\r\n"),
)


def mail(dice: random.Random) -> bytes:
    return mutated(dice, HONEST % dice.choice(BODIES), PIECES)


def session(dice: random.Random) -> None:
    """One mail: a file with a name that can be kept, or one of the two refusals, and soon."""
    message = mail(dice)
    began = time.process_time()
    message_id(message)
    try:
        part = the_csv(message, parts(message))
        for _ in decoded(message, part):
            pass
        check_name(name_of(part))
    except (BadMail, NotOneAttachment) as refusal:
        str(refusal).encode()
    assert time.process_time() - began < SECONDS
