"""Lines and answers, addresses in both directions, and how files are shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.receive.ftp.listing import facts_of, facts_of_root, is_pattern, lines, long_line, matching
from dorimportd.receive.ftp.wire import (
    Answer,
    Declined,
    check_target,
    extended_passive_answer,
    passive_answer,
    read_command,
    read_extended_port,
    read_port,
)
from dorimportd.spool.roots import Entry

NOW = 1_784_000_000  # 2026-07-14 03:33:20 UTC


def test_commands():
    assert read_command(b"stor a b.csv\r") == ("STOR", b"a b.csv")
    assert read_command(b"QUIT") == ("QUIT", b"")
    assert read_command(b"") == ("", b"")
    assert read_command(b"PASS  \xff two blanks \r") == ("PASS", b" \xff two blanks ")
    assert read_command(b"\xff\xf4\xff\xf2ABOR\r") == ("ABOR", b"")
    assert read_command(b"\xf2ABOR") == ("ABOR", b"")
    assert read_command(b"x" * 100 + b" y") == ("X" * 20, b"y")


def test_answers():
    assert Answer(200, "Done.").wire() == b"200 Done.\r\n"
    assert Answer(211, "Two:", ("one", "two")).wire() == b"211-Two:\r\n one\r\n two\r\n211 End\r\n"
    assert Answer(550, "Käse").wire() == "550 Käse\r\n".encode()


@settings(max_examples=100)
@given(st.text(), st.lists(st.text(), max_size=3))
def test_whatever_is_said_is_one_answer(text, more):
    """No text, whoever chose it, makes a line of its own that looks like another answer."""
    sent = Answer(550, text, tuple(more)).wire().split(b"\r\n")
    assert sent.pop() == b""
    assert len(sent) == (len(more) + 2 if more else 1)
    assert all(b"\r" not in line and b"\n" not in line for line in sent)
    assert all(line.startswith(b" ") for line in sent[1:-1])


def test_the_addresses_of_port_and_eprt():
    assert read_port(b"192,0,2,7,195,80") == ("192.0.2.7", 50000)
    assert read_extended_port(b"|1|192.0.2.7|50000|") == ("192.0.2.7", 50000)
    assert read_extended_port(b"|2|2001:db8:0::7|50000|") == ("2001:db8::7", 50000)
    assert read_extended_port(b"!1!192.0.2.7!1!") == ("192.0.2.7", 1)


def test_addresses_that_are_none_are_declined():
    for argument in (b"", b"1,2,3,4,5", b"1,2,3,4,5,256", b"1,2,3,4,5,-6", b"1,2,3,4,5,6,7", b"1.2.3.4,5,6"):
        with pytest.raises(Declined) as raised:
            read_port(argument)
        assert raised.value.answer.code == 501, argument
    for argument, code in {
        b"|1|192.0.2.7|50000": 501,
        b"x|1|192.0.2.7|50000|": 501,
        b"|1|host.example|50000|": 501,
        b"|1|2001:db8::7|50000|": 501,
        b"|1|192.0.2.7||": 501,
        b"|1|192.0.2.7|+5000|": 501,
        b"|3|192.0.2.7|50000|": 522,
    }.items():
        with pytest.raises(Declined) as raised:
            read_extended_port(argument)
        assert raised.value.answer.code == code, argument


def test_a_data_connection_goes_to_the_client_only():
    check_target("192.0.2.7", 1024, peer="192.0.2.7")
    for address, port in (
        ("192.0.2.8", 1024),
        ("192.0.2.7", 1023),
        ("192.0.2.7", 65536),
        ("127.0.0.1", 5000),
    ):
        with pytest.raises(Declined) as raised:
            check_target(address, port, peer="192.0.2.7")
        assert raised.value.answer.code == 501, (address, port)


def test_where_a_client_is_told_to_connect():
    assert passive_answer("192.0.2.1", 50000).text == "Entering passive mode (192,0,2,1,195,80)."
    assert extended_passive_answer(50000).text == "Entering extended passive mode (|||50000|)."


def test_the_long_listing_is_that_of_ls():
    def shown(modified_at: int) -> str:
        return long_line(Entry("a b.csv", 18, modified_at, 7), "acme", NOW)

    assert shown(NOW) == "-rw-r----- 1 acme acme           18 Jul 14 03:33 a b.csv"
    assert shown(NOW - 179 * 86_400) == "-rw-r----- 1 acme acme           18 Jan 16 03:33 a b.csv"
    assert shown(NOW - 181 * 86_400) == "-rw-r----- 1 acme acme           18 Jan 14  2026 a b.csv"
    assert shown(0) == "-rw-r----- 1 acme acme           18 Jan  1  1970 a b.csv"


def test_facts():
    every = ("type", "size", "modify", "perm", "unique")
    assert facts_of(Entry("a.csv", 18, NOW, 7), every) == (
        "type=file;size=18;modify=20260714033320;perm=arw;unique=7;"
    )
    assert facts_of(Entry("a.csv.part", 18, NOW, None), every) == (
        "type=file;size=18;modify=20260714033320;perm=afrw;"
    )
    assert facts_of(Entry("a.csv", 18, NOW, 7), ()) == ""
    assert facts_of_root(every) == "type=dir;perm=cel;"


def test_patterns():
    entries = [Entry(name, 1, NOW, 1) for name in ("a.csv", "A.csv", "b.txt")]
    assert [each.name for each in matching(entries, "*.csv")] == ["a.csv", "A.csv"]
    assert [each.name for each in matching(entries, "[ab].*")] == ["a.csv", "b.txt"]
    assert [each.name for each in matching(entries, "[z-a]*[")] == []
    assert [is_pattern(name) for name in ("a.csv", "a?", "*", "[a]")] == [False, True, True, True]
    assert lines(entries[:2], lambda each: each.name) == b"a.csv\r\nA.csv\r\n"
