from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorimportd.errors import HoldFile
from dorimportd.parse.decode import BLOCK_BYTES, LINE_CHARACTERS, decode, line_ends, split_lines


def lines(file: bytes, encoding: str = "utf-8") -> list[str]:
    return [line for block in decode(BytesIO(file), encoding) for line in block]


def held(file: bytes, encoding: str = "utf-8") -> str:
    with pytest.raises(HoldFile) as hold:
        lines(file, encoding)
    return str(hold.value)


@pytest.mark.parametrize(
    ("encoding", "file"),
    [
        ("utf-8", "é;€\nb".encode()),
        ("utf-8", b"\xef\xbb\xbf" + "é;€\nb".encode()),
        ("utf-16", "é;€\nb".encode("utf-16")),
        ("utf-16", b"\xfe\xff" + "é;€\nb".encode("utf-16-be")),
        ("utf-16-le", "é;€\nb".encode("utf-16-le")),
        ("utf-16-le", b"\xff\xfe" + "é;€\nb".encode("utf-16-le")),
        ("utf-16-be", "é;€\nb".encode("utf-16-be")),
        ("cp1252", b"\xe9;\x80\nb"),
    ],
)
def test_each_encoding_is_read_with_and_without_its_mark(encoding, file):
    assert lines(file, encoding) == ["é;€\n", "b"]


def test_latin_1_and_cp932_are_read():
    assert lines(b"Z\xfcrich\n", "latin-1") == ["Zürich\n"]
    assert lines("新宿店\n".encode("cp932"), "cp932") == ["新宿店\n"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text", ["Köln", "KÖLN", "9,50 €", "Joe’s", "Сочи", "ŁĄŚĆ", "新宿駅店", "à la crème"]
)
def test_utf_8_is_not_taken_for_a_western_encoding(encoding, text):
    name = {"cp1252": "cp1252", "latin-1": "Latin-1"}[encoding]
    reason = f'The file is UTF-8, but the format says {name}; set encoding = "utf-8".'
    assert held(f"Store\n{text}\n".encode(), encoding) == reason
    assert held(f"{'x' * 99}\n".encode() * 5_000 + text.encode(), encoding) == reason


def test_utf_8_is_not_taken_for_cp932():
    reason = 'The file is UTF-8, but the format says cp932; set encoding = "utf-8".'
    assert held("店\n渋谷駅\n".encode(), "cp932") == reason


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        # All of them are valid UTF-8, or begin so: capitals with an accent before signs, or katakana.
        ("cp1252", "CAFÉ’S, CAFÉ®, CAFÉ\u00a0ROUGE"),
        ("cp1252", "IRMÃ\u00a0DULCE"),
        ("cp1252", "CAFÉ’S\nZürich, Ã¶"),
        ("cp932", "ﾂｹ, ﾊｲ, ﾃｶ, ﾄｸ, ﾋｱ, ﾌｫ"),
        ("cp932", "ﾂｹ, ﾊｲ, ﾃｶ, ﾄｸ, ﾀｶ, 新宿店"),
    ],
)
def test_text_that_looks_like_utf_8_by_accident_is_read(encoding, text):
    assert "".join(lines(text.encode(encoding), encoding)) == text


@given(st.text("éöÄÉ’®\u00a0ßab,", max_size=20))
def test_an_accented_letter_beside_a_plain_one_says_that_a_file_is_not_utf_8(text: str):
    file = f"Zürich\n{text}\n"
    assert "".join(lines(file.encode("cp1252"), "cp1252")) == file


KOELN = "Köln".encode()
WESTERN = "Köln".encode("cp1252")


@pytest.mark.parametrize(
    ("of_file", "encoding", "which"),
    [
        ([b"a", KOELN, WESTERN, KOELN, WESTERN], "utf-8", "Lines 3 and 5 are not UTF-8, but line 2 is UTF-8"),
        (
            [b"a", WESTERN, KOELN, b"b", "9 €".encode()],
            "cp1252",
            "Lines 3 and 5 are UTF-8, but line 2 is cp1252",
        ),
        ([b"a", WESTERN, "KÖLN".encode()], "latin-1", "Line 3 is UTF-8, but line 2 is Latin-1"),
        (["新宿店".encode("cp932"), "渋谷駅前店".encode()], "cp932", "Line 2 is UTF-8, but line 1 is cp932"),
        (
            [*[WESTERN] * 7, KOELN],
            "utf-8",
            "Lines 1, 2, 3, 4, 5 and 2 more are not UTF-8, but line 8 is UTF-8",
        ),
    ],
)
def test_a_file_of_several_encodings_is_held_with_its_lines(of_file, encoding, which):
    end = ": the file was put together from several encodings. Export it in one."
    for sign in (b"\n", b"\r", b"\r\n"):
        assert held(sign.join(of_file), encoding) == which + end
    far = [b"x" * 99] * 6_000
    assert held(b"\n".join([*of_file, *far]), encoding) == which + end


def test_a_line_in_another_encoding_is_found_far_behind_the_others():
    far = [b"x" * 99] * 6_000
    assert held(b"\n".join([KOELN, *far, WESTERN])).startswith(
        "Line 6002 is not UTF-8, but line 1 is UTF-8: "
    )
    assert held(b"\n".join([WESTERN, *far, KOELN]), "cp1252").startswith("Line 6002 is UTF-8, but line 1 is ")


def test_a_byte_order_mark_at_the_beginning_of_a_line_is_no_text():
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        mark = "\ufeff".encode(encoding)
        for end in ("\n", "\r", "\r\n"):
            file = mark + f"é{end}".encode(encoding) + mark + f"é\ufeff{end}{end}".encode(encoding)
            assert lines(file, encoding) == [f"é{end}", f"é\ufeff{end}", end]
    block = ("x" * (BLOCK_BYTES - 1) + "\n\ufeffé\n").encode()
    assert lines(block)[1] == "é\n"


def test_line_ends_of_all_kinds_are_kept_and_nothing_else_ends_a_line():
    text = "a\nb\r\nc\rd\x0be\x0cf\x85g\u2028h\r\r\ni"
    assert lines(text.encode()) == ["a\n", "b\r\n", "c\r", "d\x0be\x0cf\x85g\u2028h\r", "\r\n", "i"]


@given(st.lists(st.sampled_from(["a", "é", "\r", "\n", "\r\n"]), max_size=30), st.integers(0, 20))
def test_wherever_a_block_ends_the_same_lines_come_out(pieces: list[str], before: int):
    padding = "x" * (BLOCK_BYTES - before)
    text = padding + "".join(pieces)
    assert lines(text.encode()) == split_lines(text)


@given(st.text("a\r\n", max_size=30))
def test_counting_line_ends_agrees_with_splitting(text: str):
    assert line_ends(text) == len(split_lines(text + "a")) - 1


@pytest.mark.parametrize(
    ("file", "encoding", "reason"),
    [
        (b"", "utf-8", "The file is empty."),
        (b"%PDF-1.7\n", "utf-8", "The file is a PDF document, not CSV. Export it as CSV and send that."),
        (
            b"\x89PNG\r\n\x1a\n",
            "utf-8",
            "The file is a picture (PNG), not CSV. Export it as CSV and send that.",
        ),
        (b"\x1f\x8b\x08", "utf-8", "The file is compressed by gzip. Unpack it and send the CSV file itself."),
        (
            b"PK\x03\x04sales.csv",
            "utf-8",
            "The file is a ZIP archive. Unpack it and send the CSV file itself.",
        ),
        (
            b"PK\x03\x04\x14\x00xl/workbook.xml",
            "utf-8",
            "The file is an Excel workbook (.xlsx), not CSV. Export it as CSV and send that.",
        ),
        (
            b"\xef\xbb\xbf\n<!DOCTYPE HTML><html>",
            "utf-8",
            "The file is a web page (HTML), not CSV. Export it as CSV and send that.",
        ),
        (
            b"\xff\xfea\x00",
            "utf-8",
            "The file is UTF-16 (little-endian), as its byte order mark says, not UTF-8;"
            ' set encoding = "utf-16".',
        ),
        (
            b"\xfe\xff\x00a",
            "utf-16-le",
            "The file is UTF-16 (big-endian), as its byte order mark says, not UTF-16 (little-endian);"
            ' set encoding = "utf-16".',
        ),
        (
            b"\xef\xbb\xbfDate",
            "cp1252",
            'The file is UTF-8, as its byte order mark says, not cp1252; set encoding = "utf-8".',
        ),
        (
            "Date;Total\n".encode("utf-16-le"),
            "utf-8",
            'The file looks like UTF-16 (little-endian), not UTF-8; set encoding = "utf-16-le".',
        ),
        (
            "Date;Total\n".encode("utf-16-be"),
            "utf-16",
            "The file has no byte order mark, so that UTF-16 can be read in two ways;"
            ' set encoding = "utf-16-le" (Windows) or "utf-16-be".',
        ),
        (
            b"a\nb\r\nc\rZ\xe9ro\n",
            "utf-8",
            'Line 4 is not UTF-8 (byte 0xE9); if the till writes Windows files, set encoding = "cp1252".',
        ),
        (b"a\nb\x81\n", "cp1252", "Line 2 is not cp1252 (byte 0x81)."),
        (
            b"a\nb\xe2\x82",
            "utf-8",
            "Line 2, the last, ends within a character: the file is cut off, or not UTF-8.",
        ),
        (b"a\nb\n\x00\n", "utf-8", "Line 3 holds a NUL character: the file is damaged, or it is not text."),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_held_and_says_why(file, encoding, reason):
    assert held(file, encoding) == reason


def test_the_line_of_a_bad_byte_is_right_in_a_large_file():
    line = b"x" * 99 + b"\n"
    for number in (1, 2621, 2622, 2623, 9999):
        file = line * (number - 1) + b"\xff" + line
        assert held(file).startswith(f"Line {number} is not UTF-8 (byte 0xFF)"), number
        file = line * (number - 1) + b"\0" + line
        assert held(file).startswith(f"Line {number} holds a NUL"), number


def test_a_line_without_end_is_held_in_bounded_memory():
    class Endless(BytesIO):
        given = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            self.given += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(HoldFile, match=r"^Line 1 is longer than 1,048,576 characters.$"):
        list(decode(stream, "utf-8"))
    assert stream.given <= LINE_CHARACTERS + 3 * BLOCK_BYTES
