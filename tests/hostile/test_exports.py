"""What senders put into values, on its way to a spreadsheet, a terminal and the log."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hostile.doors import message

FORMULAS = ["=cmd|'/C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "＝1+1", "a;=1+1", "a,=1", "'=1", "-7", "+7"]
TIME = "2026-07-14 09:02:11"


@pytest.fixture(scope="module")
def formulas(doors):
    """A file whose IDs are formulas, and that has a bad row of them; its delivery."""
    rows = [f'0007;"{each}";-12.50;{TIME}' for each in FORMULAS]
    bad = f"=1+1;@x;-1+cmd;{TIME}"
    text = "\n".join(["Store;Receipt;Total;Time", *rows * 3, bad]) + "\n"
    return doors.outcome(doors.put("formulas.csv", text.encode()))


def test_a_formula_is_stored_as_it_is_and_made_harmless_for_a_spreadsheet_only(doors, formulas):
    assert (formulas["state"], formulas["imported"], formulas["rejected"]) == ("imported", 10, 1)
    asked = ("transactions", "--customer", "acme")
    stored = {each["transaction_id"]: each["total"] for each in doors.appliance.ctl(*asked)}
    assert {each: stored[each] for each in FORMULAS} == dict.fromkeys(FORMULAS, "-12.50")
    exported = list(csv.reader(io.StringIO(doors.appliance.run_ctl(*asked, "--csv"))))
    assert sorted((row[2], row[3]) for row in exported if row[3] == "-12.50") == sorted(
        (each, "-12.50")
        for each in (
            *("'=cmd|'/C calc'!A0", "'+1+1", "'-1+1", "'@SUM(1)", "'＝1+1", "a;'=1+1", "a,=1", "'=1"),
            *("-7", "+7"),
        )
    )


def test_rejects_are_made_harmless_in_a_way_that_the_format_reads(doors, formulas):
    sequence = str(formulas["sequence"])
    (told,) = doors.appliance.ctl("delivery", "rejects", sequence)
    assert (told["value"], told["raw"]) == ("-1+cmd", f"=1+1;@x;-1+cmd;{TIME}")
    (_, row) = csv.reader(
        io.StringIO(doors.appliance.run_ctl("delivery", "rejects", sequence, "--csv")), delimiter=";"
    )
    assert row[3:] == ["\u00a0=1+1", "\u00a0@x", "\u00a0-1+cmd", TIME]


EVIL = "\r\n2026-01-01 00:00:00 delivery 1 imported\x1b[2J\u202e\u2028\x85"
LONG = "x" * (1 << 20)


def logged(doors, begin):
    """The lines of the log since byte *begin*: short, and without what steers a terminal."""
    doors.is_served()
    lines = doors.appliance.log.read_bytes()[begin:].decode().split("\n")
    for line in lines:
        assert len(line) < 2_100 and line == "".join(
            c for c in line if c >= " " and c not in "\x85\u202e\u2028"
        )
        assert "2026-01-01" not in line[:30], line
    return lines


def test_a_login_is_one_line_of_the_log(doors):
    begin = doors.appliance.log.stat().st_size
    with doors.raw("ftp") as connection:
        pieces = [b"USER x" + EVIL.replace("\r\n", "\r").encode() + b"\r\nPASS x\r\n"]
        connection.sendall(pieces[0])
        assert connection.recv(100).startswith(b"220")
        doors.appliance.await_line("login refused for", begin)
    logged(doors, begin)


def test_what_a_mail_says_is_one_line_of_the_log(doors):
    begin = doors.appliance.log.stat().st_size
    name = "attachment; filename*=utf-8''a%0d%0ab%1b%5b2J%e2%80%ae.csv"
    with doors.smtp() as lines:
        assert lines.ask(b"HELO " + b"x\x1b[2J" * 300).startswith("250")
        assert lines.ask(b"MAIL FROM:<\x1b[2J@x>").startswith("501")
        assert lines.mail(b"Message-ID: <a\x1b@b>\r\n\r\nx").startswith("554")
        answer = lines.mail(
            message((f"Content-Type: text/csv\r\nContent-Disposition: {name}", b"a;b\r\n1;2"))
        )
        assert answer.startswith("250")
        assert lines.ask(b"RCPT TO:<x>").startswith("503")
    lines = logged(doors, begin)
    assert any("'a__b_[2J\\u202e.csv' from acme by smtp" in line for line in lines)


@pytest.mark.parametrize("name", [LONG, EVIL.replace("\r\n", "")])
def test_what_a_file_says_is_one_line_of_the_log(doors, name):
    """As the name of a column, as a value, and as a row that has too many fields."""
    begin = doors.appliance.log.stat().st_size
    file = f'Store;Receipt;"{name}";Time\n0007;"{name}";"{name}";{TIME}\n'
    held = doors.outcome(doors.put("evil.csv", file[: 1 << 20].encode()))
    assert held["state"] == "held" and len(held["reason"]) < 2_000
    file = f'Store;Receipt;Total;Time\n0007;"{name[:900_000]}";1.00;{TIME}\n0007;1;2;3;"{name[:900_000]}"\n'
    held = doors.outcome(doors.put("evil-2.csv", file.encode()))
    assert (held["imported"], held["rejected"]) == (0, held["rows"]), held
    for each in ("deliveries", "delivery rejects {sequence}", "delivery show {sequence}"):
        shown = doors.appliance.run_ctl(*each.format(**held).split())
        assert "\x1b" not in shown and "\x85" not in shown and "\u202e" not in shown
        json.dumps(doors.appliance.ctl(*each.format(**held).split()))
    logged(doors, begin)
