from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.receive.smtp.wire import BadLine, CommandLines, EndlessLine, MailData, has_bare_newline

STREAM = b"..first\r\n.\r.\r\n\r\n.. \r\nlast\r\n.\r\nRSET\r\n.\r\n"
MESSAGE = b".first\r\n\r.\r\n\r\n. \r\nlast\r\n"


def lines(pieces: list[bytes]) -> list[bytes | str]:
    """What comes out of *pieces*: lines, and refusals as text."""
    commands, found = CommandLines(), []
    for piece in pieces:
        commands.feed(piece)
        while True:
            try:
                line = commands.take_line()
            except BadLine as bad:
                found.append(str(bad))
                continue
            except EndlessLine:
                return [*found, "endless"]
            if line is None:
                break
            found.append(line)
    return found


def message(pieces: list[bytes]) -> tuple[bytes, bytes | None, bool]:
    data, found, rest = MailData(), b"", b""
    for piece in pieces:
        if data.rest is None:
            found += data.feed(piece)
        else:
            rest += piece
    return found, None if data.rest is None else data.rest + rest, data.bare_newline


def test_however_the_stream_is_cut_the_same_message_comes_out():
    for first in range(len(STREAM) + 1):
        for second in range(first, len(STREAM) + 1):
            pieces = [STREAM[:first], STREAM[first:second], STREAM[second:]]
            assert message(pieces) == (MESSAGE, b"RSET\r\n.\r\n", True), (first, second)


def test_a_message_may_be_empty():
    assert message([b".\r\nQUIT\r\n"]) == (b"", b"QUIT\r\n", False)
    assert message([bytes([each]) for each in b".\r\n"]) == (b"", b"", False)


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n",
        b"\r\n. \r\n", b"\r\n..\r\n", b"\n\n.\r\n", b"\r\r\n.\r\r\n",
    ],
)  # fmt: skip
def test_nothing_but_the_standard_end_ends_a_message(end: bytes):
    found, rest, _ = message([b"a" + end + b"MAIL FROM:<x@y>\r\n"])
    assert (rest, b"MAIL FROM:<x@y>" in found) == (None, True)


@settings(max_examples=200)
@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n."]), max_size=12), st.data())
def test_a_message_of_any_bytes_comes_out_the_same_however_it_is_cut(atoms: list[bytes], data: st.DataObject):
    stream = b"".join(atoms) + b"\r\n.\r\nREST"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert message(pieces) == message([stream])


@given(st.lists(st.sampled_from([b"a", b".", b"..b", b"", b"\t"]), max_size=8))
def test_what_a_sender_stuffs_comes_out_as_it_was(text: list[bytes]):
    stuffed = b"".join(b"." * line.startswith(b".") + line + b"\r\n" for line in text)
    assert message([stuffed + b".\r\n"]) == (b"".join(line + b"\r\n" for line in text), b"", False)


def test_bare_newlines_are_seen():
    assert [has_bare_newline(each) for each in (b"", b"a\r\nb", b"a\n", b"\ra", b"\n\r", b"\r\r\n")] == [
        False, False, True, True, True, True,
    ]  # fmt: skip


def test_a_line_ends_with_cr_and_lf():
    assert lines([b"EHLO a\r\nNOOP\nRSET\r", b"\nQU"]) == [
        b"EHLO a",
        "A line must end with CR and LF.",
        b"RSET",
    ]


def test_a_line_has_no_control_characters_that_could_be_a_line_end():
    wrong = "There is a control character in the line."
    assert lines([b"EH\rLO\r\nNO\0OP\r\nRSET\r\n"]) == [wrong, wrong, b"RSET"]


def test_a_line_has_a_limit_and_is_refused_once_however_it_is_cut():
    for size, expected in ((2046, b"x" * 2046), (2047, "The line is longer than 2048 bytes.")):
        stream = b"x" * size + b"\r\nQUIT\r\n"
        for cut in (0, 1, 2045, 2046, 2047, 2048, 2049, len(stream)):
            assert lines([stream[:cut], stream[cut:]]) == [expected, b"QUIT"], (size, cut)


def test_a_line_without_end_is_given_up():
    piece = b"x" * 10_000
    assert lines([piece] * 8) == ["The line is longer than 2048 bytes.", "endless"]
