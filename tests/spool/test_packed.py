"""Compressed files: zcat reads them, and we read them from any place."""

from __future__ import annotations

import gzip
import io
import random
import subprocess

import pytest

from dorimportd.errors import Interrupted
from dorimportd.spool.packed import BLOCK, open_packed, pack

ROW = b"0007;A-1;12.50;2026-07-14 09:02:11\n"
SIZES = [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 17]


def packed_file(folder, content):
    path = folder / "data.gz"
    with path.open("wb") as target:
        pack(io.BytesIO(content), target, lambda: False)
    return path


def content_of(size):
    return (ROW * (size // len(ROW) + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_others_read_it_too(tmp_path, size):
    path = packed_file(tmp_path, content_of(size))
    assert gzip.decompress(path.read_bytes()) == content_of(size)
    assert subprocess.run(["zcat", path], capture_output=True, check=True).stdout == content_of(size)


@pytest.mark.parametrize("size", SIZES)
def test_it_is_read_from_any_place(tmp_path, size):
    content, places = content_of(size), random.Random(7)
    with open_packed(packed_file(tmp_path, content)) as stream:
        assert stream.seek(0, io.SEEK_END) == size
        assert stream.read(1) == b""
        for _ in range(50):
            offset, length = places.randrange(size + 5), places.randrange(BLOCK + 5)
            assert stream.seek(offset) == offset
            assert stream.read(length) == content[offset : offset + length]
        stream.seek(0)
        assert stream.read() == content


def test_a_step_back_unpacks_one_block(tmp_path, monkeypatch):
    content, unpacked = content_of(5 * BLOCK), []
    with open_packed(packed_file(tmp_path, content)) as stream:
        raw = stream.raw
        whole = raw._read
        monkeypatch.setattr(raw, "_read", lambda at, size: (unpacked.append(size > 100), whole(at, size))[1])
        stream.seek(4 * BLOCK)
        assert stream.read(9) == content[4 * BLOCK : 4 * BLOCK + 9]
        stream.seek(BLOCK)
        assert stream.read(9) == content[BLOCK : BLOCK + 9]
    assert unpacked.count(True) == 2


@pytest.mark.parametrize("place", [0, 12, 16, 40, -6, -1])
def test_a_changed_byte_is_an_error_and_no_other_text(tmp_path, place):
    path = packed_file(tmp_path, random.Random(7).randbytes(5000))
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with open_packed(path) as stream, pytest.raises(OSError, match="The compressed bytes are damaged"):
        stream.read()


@pytest.mark.parametrize("missing", [1, 20, 3000])
def test_a_cut_file_is_an_error(tmp_path, missing):
    path = packed_file(tmp_path, random.Random(7).randbytes(5000))
    path.write_bytes(path.read_bytes()[:-missing])
    with open_packed(path) as stream, pytest.raises(OSError, match="The compressed bytes are damaged"):
        stream.read()


def test_it_stops_between_two_blocks(tmp_path):
    answers = iter([False, True])
    with (tmp_path / "data.gz").open("wb") as target, pytest.raises(Interrupted):
        pack(io.BytesIO(content_of(3 * BLOCK)), target, lambda: next(answers))
