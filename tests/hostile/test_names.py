"""Names of files made to lead elsewhere, to break a listing, or to be too long."""

from __future__ import annotations

import struct
import unicodedata

import pytest
from hostile.doors import Lines, attachment, message, string

NFC = "ä" * 127 + "x"  # 255 bytes in UTF-8
NFD = unicodedata.normalize("NFD", "ä" * 85)  # 255 bytes, and another name than its NFC
CLOSE, WRITE, OPEN, REMOVE, SYMLINK, LINK = 4, 6, 3, 13, 20, b"hardlink@openssh.com"
FAILURES = (2, 3, 4, 8)  # no such file, denied, failure, not supported


def send(sftp, name: bytes) -> tuple[int, str]:
    """Send a small file under *name*: (0, "OK"), or how it was refused."""
    kind, content = sftp.ask(OPEN, string(name) + struct.pack("!LL", 0x1A, 0))
    if kind == 101:
        code, length = struct.unpack_from("!LL", content)
        return code, content[8 : 8 + length].decode()
    handle = content[4:]
    assert sftp.status(WRITE, string(handle) + struct.pack("!Q", 0) + string(b"x")) == (0, "OK")
    return sftp.status(CLOSE, string(handle))


def listed(doors) -> list[str]:
    with doors.ftp() as session:
        return session.nlst()


@pytest.mark.parametrize(
    "name",
    ["n" * 255, NFC, NFD, "日" * 85, "😀" * 63 + "xyz"],
    ids=["ascii", "nfc", "nfd", "three bytes", "four bytes"],
)
def test_a_name_of_255_bytes_is_kept_as_it_is_and_one_of_256_is_refused(doors, name):
    assert len(name.encode()) == 255
    with doors.sftp() as sftp:
        assert send(sftp, name.encode()) == (0, "OK")
        assert send(sftp, name.encode() + b"x") == (
            3,
            "This file name cannot be used: it is longer than 255 bytes.",
        )
    assert name in listed(doors)
    assert doors.put(name, b"x")  # by FTP, too
    assert [each["name"] for each in doors.appliance.deliveries()].count(name) == 2


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b"Verk\xe4ufe.csv", "Verkäufe.csv"),  # Latin-1
        (b"\x80\x99.csv", "€™.csv"),  # Windows-1252
        (b"\xed\xa0\x80.csv", "í\u00a0€.csv"),  # half a surrogate pair, which UTF-8 does not have
        (b"\xc0\xaf..\xc0\xaf.csv", "À¯..À¯.csv"),  # a slash in too many bytes is none
    ],
)
def test_bytes_that_are_no_utf_8_are_read_as_windows_1252(doors, sent, name):
    with doors.sftp() as sftp:
        assert send(sftp, sent) == (0, "OK")
    assert name in listed(doors)


REFUSED = [
    *(
        b"../../../etc/passwd",
        b"/etc/passwd",
        b"a/../../b/c",
        b"C:\\x\\y.csv",
        b"..\\..\\x",
        b"a\0b",
        b"a\r\nb",
    ),
    *(b"\x1b[2J.csv", b"..", b".", b"", b"/", "a\u2028b".encode(), b"\x81\x8d", b"\xe4" * 255, b"x" * 60_000),
]


@pytest.mark.parametrize("name", REFUSED, ids=lambda name: repr(name[:20]))
def test_a_name_that_is_none_is_refused(doors, name):
    with doors.sftp() as sftp:
        code, text = send(sftp, name)
        assert code in FAILURES and text.isprintable() and len(text) < 200
        assert sftp.status(REMOVE, string(name))[0] in FAILURES
    assert list((doors.spool() / "incoming").glob("*/*")) == []


def test_names_are_as_strange_as_they_were_sent(doors):
    names = ["-rf", "CON", "a\u202egpj.csv", "%s{}", "'; DROP TABLE sales; --", "~root", "$(reboot)", "*?[a]"]
    with doors.sftp() as sftp:
        for name in names:
            assert send(sftp, name.encode()) == (0, "OK")
        assert send(sftp, b".bashrc") == (0, "OK")  # a temporary name: it waits for its final one
    assert set(names) | {".bashrc"} <= set(listed(doors))
    told = {each["name"] for each in doors.appliance.deliveries()}
    assert set(names) <= told and ".bashrc" not in told
    assert "a\u202egpj.csv" not in doors.appliance.log_text() + doors.appliance.run_ctl("deliveries")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\\\Users\\\\till\\\\x.csv", "x.csv"),
        ("-rf.csv", "-rf.csv"),
        ("y" * 300 + ".csv", "y" * 251 + ".csv"),
        ('.."; x="y.csv', "attachment.csv"),
    ],
)
def test_the_name_of_an_attachment_is_made_one(doors, given, name):
    with doors.smtp() as lines:
        answer = lines.mail(message((attachment(given), b"Store;Receipt\r\n")))
    assert answer.startswith("250 2.0.0 Accepted")
    (*_, last) = sorted(doors.appliance.deliveries(), key=lambda each: each["sequence"])
    assert last["name"] == name


def test_nobody_makes_a_link(doors):
    secret = doors.appliance.config
    with doors.sftp() as sftp:
        assert sftp.status(SYMLINK, string(bytes(secret)) + string(b"no-such-link.csv"))[0] == 3
        assert sftp.status(SYMLINK, string(b"no-such-link.csv") + string(bytes(secret)))[0] == 3
        assert sftp.status(200, string(LINK) + string(bytes(secret)) + string(b"no-such-link.csv"))[0] == 8
        assert sftp.status(17, string(b"no-such-link.csv"))[0] == 2
    with doors.raw("ftp") as connection:
        lines = Lines(connection)
        lines.answer()
        assert lines.ask(b"SITE SYMLINK /etc/passwd x").startswith("530 ")


def test_of_another_customer_nothing_is_there(doors):
    doors.put("of-beta.csv", b"x", login="beta")
    with doors.sftp() as sftp:
        for path in (b"of-beta.csv", b"../beta/of-beta.csv", b"/beta/of-beta.csv"):
            assert sftp.status(OPEN, string(path) + struct.pack("!LL", 1, 0))[0] == 2, path
            assert sftp.status(17, string(path))[0] == 2, path
    assert "of-beta.csv" not in listed(doors)
