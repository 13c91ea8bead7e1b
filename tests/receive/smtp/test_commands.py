from __future__ import annotations

import pytest

from dorimportd.receive.smtp.commands import (
    COMMANDS,
    Breach,
    Path,
    Stage,
    read_command,
    read_mailbox,
    read_path,
)
from dorimportd.receive.smtp.session import MailSession


def breach(function, *arguments, **keywords) -> tuple[int, str, str]:
    with pytest.raises(Breach) as raised:
        function(*arguments, **keywords)
    return raised.value.code, raised.value.enhanced, raised.value.text


def test_every_command_of_the_table_is_obeyed():
    missing = [
        each.verb for each in COMMANDS.values() if not hasattr(MailSession, f"obey_{each.verb.lower()}")
    ]
    assert missing == []


def test_a_command_is_known_by_its_verb_in_any_case():
    command, argument = read_command(b"mAiL  FROM:<a@b>  ", Stage.GREETED)
    assert (command.verb, argument) == ("MAIL", b"FROM:<a@b>")


def test_what_comes_out_of_turn_is_told_what_comes_first():
    told = {
        (verb, stage): breach(read_command, verb + b" x" * (verb in (b"MAIL", b"RCPT")), stage)
        for verb, stage in (
            (b"MAIL", Stage.CONNECTED),
            (b"MAIL", Stage.MAIL),
            (b"RCPT", Stage.GREETED),
            (b"DATA", Stage.MAIL),
            (b"MAIL", Stage.RECIPIENTS),
        )
    }
    assert list(told.values()) == [
        (503, "5.5.1", "Send EHLO first."),
        (503, "5.5.1", "Send RCPT next."),
        (503, "5.5.1", "Send MAIL first."),
        (503, "5.5.1", "Send RCPT next."),
        (503, "5.5.1", "Send RCPT, DATA, BDAT or RSET next."),
    ]


@pytest.mark.parametrize("line", [b"", b"GET / HTTP/1.1", b"\xff\xfe", b"do_MAIL"])
def test_what_is_no_command_is_told_so(line: bytes):
    assert breach(read_command, line, Stage.GREETED)[:2] == (500, "5.5.1")


def test_an_argument_that_is_missing_or_too_much_is_told():
    assert breach(read_command, b"EHLO", Stage.CONNECTED) == (
        501,
        "5.5.4",
        "The syntax is: EHLO your-host-name",
    )
    assert breach(read_command, b"QUIT now", Stage.CONNECTED) == (501, "5.5.4", "The syntax is: QUIT")


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (b"FROM:<a@b.example>", ("a@b.example", {})),
        (b"from: <a@b.example> size=10 Body=8BITMIME", ("a@b.example", {"SIZE": "10", "BODY": "8BITMIME"})),
        (b"FROM:<> SMTPUTF8", ("", {"SMTPUTF8": ""})),
        (b"FROM:a@b.example SIZE=1", ("a@b.example", {"SIZE": "1"})),
        (b'FROM:<"a> b"@c.example> X=1', ('"a> b"@c.example', {"X": "1"})),
        ("FROM:<käse@b.example>".encode(), ("käse@b.example", {})),
    ],
)
def test_a_path_is_read_with_its_parameters(argument: bytes, expected: tuple[str, dict[str, str]]):
    assert read_path(argument, b"FROM") == expected


@pytest.mark.parametrize(
    "argument", [b"TO:<a@b>", b"FROM", b"FROM:", b"FROM:<a@b", b"FROM:<a@b>SIZE=1", b"<a@b>", b"FROM:<a<b>c>"]
)
def test_a_path_that_cannot_be_read_is_told_the_syntax(argument: bytes):
    assert breach(read_path, argument, b"FROM")[:2] == (501, "5.5.4")


def test_bytes_that_are_no_text_and_parameters_given_twice_are_told():
    assert breach(read_path, b"FROM:<\xff@b>", b"FROM")[:2] == (501, "5.5.2")
    assert breach(read_path, b"FROM:<a@b> SIZE=1 size=2", b"FROM")[:2] == (501, "5.5.4")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Path("", "")),
        ("acme@In.Example", Path("acme", "In.Example")),
        ("Postmaster", Path("Postmaster", "")),
        ("@relay.example,@two.example:acme@in.example", Path("acme", "in.example")),
        ('"a\\"b c"@in.example', Path('a"b c', "in.example")),
        ("a%b.example@in.example", Path("a%b.example", "in.example")),
        ("a@[192.0.2.1]", Path("a", "[192.0.2.1]")),
    ],
)
def test_a_mailbox_is_taken_apart(text: str, expected: Path):
    assert read_mailbox(text, utf8=False) == expected


@pytest.mark.parametrize("text", ["@", "a@", "a@b@c", "a b@c", '"a@c', "a\x1bb@c", "a@b\\c"])
def test_what_is_no_mailbox_is_told(text: str):
    assert breach(read_mailbox, text, utf8=True)[:2] == (501, "5.1.3")


def test_an_address_beyond_ascii_needs_smtputf8():
    assert breach(read_mailbox, "käse@b.example", utf8=False)[:2] == (553, "5.6.7")
    assert read_mailbox("käse@b.example", utf8=True) == Path("käse", "b.example")
