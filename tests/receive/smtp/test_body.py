from __future__ import annotations

import base64
import binascii
import mmap
import tempfile
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.errors import BadMail
from dorimportd.receive.smtp import body
from dorimportd.receive.smtp.mime import Part


def decode(content: bytes, encoding: str) -> bytes:
    part = Part("text/csv", "x.csv", encoding, 5, 5 + len(content))
    return b"".join(body.decoded(b"front" + content + b"\r\n--b--\r\n", part))


def refusal(content: bytes, encoding: str) -> str:
    with pytest.raises(BadMail) as raised:
        decode(content, encoding)
    return str(raised.value)


@pytest.mark.parametrize("encoding", ["", "7bit", "8bit", "binary"])
def test_what_is_not_encoded_comes_as_it_is(encoding: str):
    assert decode(b"a;\xe4\xff\r\n.\r\n\r\n", encoding) == b"a;\xe4\xff\r\n.\r\n\r\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", b""),
        (b"aWQsdG90YWwK", b"id,total\n"),
        (b"aWQs\r\ndG90\r\nYWwK\r\n\r\n", b"id,total\n"),
        (b" aW\tQs\r\nZA==\r\n", b"id,d"),
    ],
)
def test_base64_is_decoded(content: bytes, expected: bytes):
    assert decode(content, "base64") == expected


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"aWQ*dG90", "is damaged."),
        (b"aWQs\r\nregards, list@example\r\n", "is damaged."),
        (b"aWQsdG9", "is cut off."),
        (b"aWQsdG90YQ", "is cut off."),
        (b"aWQsdG90YQ=", "is cut off."),
        (b"aWQ=aWQs", "is damaged."),
        (b"a\xff\xffs", "is damaged."),
        (b"====", "is damaged."),
    ],
)
def test_base64_that_is_damaged_or_cut_off_is_refused(content: bytes, what: str):
    assert refusal(content, "base64") == f"The mail cannot be read. The base64 of its attachment {what}"


def test_base64_behind_its_own_end_is_refused_also_in_the_next_piece():
    with patch.object(body, "PIECE", 8):
        assert refusal(b"aWQsZA==aWQsaWQs", "base64").endswith("goes on behind its end.")


@settings(max_examples=50)
@given(st.binary(max_size=200), st.integers(1, 40))
def test_base64_comes_out_right_however_it_is_cut(content: bytes, piece: int):
    with patch.object(body, "PIECE", piece):
        assert decode(base64.encodebytes(content).replace(b"\n", b"\r\n"), "base64") == content


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a=3Db=\r\nc\r\nd", b"a=bc\r\nd"),
        (b"=c3=A4 \t\r\n=20\r\n", b"\xc3\xa4\r\n \r\n"),
        (b"soft end= \r\nis soft", b"soft endis soft"),
        (b"at the end=", b"at the end"),
        (b"=0D=0A=0A", b"\r\n\n"),
        (b"a_b", b"a_b"),
    ],
)
def test_quoted_printable_is_decoded(content: bytes, expected: bytes):
    assert decode(content, "quoted-printable") == expected


@pytest.mark.parametrize("content", [b"a=b", b"50 = x", b"=4", b"=XY\r\n", b"a=\rb"])
def test_quoted_printable_that_is_damaged_is_refused(content: bytes):
    assert refusal(content, "quoted-printable").endswith("The quoted-printable of its attachment is damaged.")


@settings(max_examples=50)
@given(st.binary(max_size=200), st.integers(1, 40))
def test_quoted_printable_comes_out_right_however_it_is_cut(content: bytes, piece: int):
    encoded = binascii.b2a_qp(content, istext=False).replace(b"=\n", b"=\r\n")
    with patch.object(body, "PIECE", piece):
        assert decode(encoded, "quoted-printable") == content


def test_an_unknown_encoding_is_refused():
    assert refusal(b"begin 644 x", "x-uuencode") == (
        "The mail cannot be read. The encoding of its attachment is unknown here; send it as base64."
    )


def test_a_file_is_decoded_without_being_in_memory_as_a_whole():
    content = base64.encodebytes(bytes(range(256)) * 3000)
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as message:
            pieces = list(body.decoded(message, Part("text/csv", None, "base64", 0, len(content))))
    assert b"".join(pieces) == bytes(range(256)) * 3000
    assert max(map(len, pieces)) <= body.PIECE
