"""What fuzzing and reading has found: each is a case of its own, so that it stays mended."""

from __future__ import annotations

import encodings
import io
import struct
import zipfile

import pytest

from dorimportd.errors import HoldFile, TooManyUnfinished
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.receive.smtp.parameters import decode
from dorimportd.report.lines import one_line
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel

FORMAT = 'location = "Store"\ntransaction_id = "No"\ntotal = "Total"\ntime = "Time"\n'
FILE = b"Store,No,Total,Time\n7,1,1.00,2026-07-14 12:00\n"
DAMAGED = "The ZIP archive is damaged or cut off; send it again."
UNUSUAL = "The ZIP archive is damaged, or packed in an unusual way; send it again."


def held(path, content):
    """Why the file is held; it is read from a disk, since that minds wrong places in another way."""
    path.write_bytes(content)
    with path.open("rb") as stream, pytest.raises(HoldFile) as hold:
        list(read(stream, parse_format(FORMAT, "till.toml"), Defaults("UTC", "EUR")))
    return str(hold.value)


def archive(content=FILE, way=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", way) as made:
        made.writestr(zipfile.ZipInfo("sales.csv"), content, compress_type=way)
    return packed.getvalue()


def changed(content, place, layout, value):
    altered = bytearray(content)
    struct.pack_into(layout, altered, place, value)
    return bytes(altered)


def test_an_archive_that_gives_wrong_places_is_damaged(tmp_path):
    sound = archive()
    end = sound.rindex(b"PK\x05\x06")
    # The size of the list, which moves where everything is said to lie; and where the list begins.
    assert held(tmp_path / "a", changed(sound, end + 12, "<L", 2_000)) == DAMAGED
    assert held(tmp_path / "b", changed(sound, end + 16, "<L", 0x7FFFFFFF)) in (DAMAGED, UNUSUAL)
    assert held(tmp_path / "c", changed(sound, end + 16, "<L", end + 17)) in (DAMAGED, UNUSUAL)


def test_an_archive_that_says_less_parts_than_it_lists_is_not_listed_to_its_end(tmp_path):
    listed = io.BytesIO()
    with zipfile.ZipFile(listed, "w") as made:
        for number in range(50_000):
            made.writestr(zipfile.ZipInfo(f"{number:050}"), b"")
    lying = listed.getvalue()
    lying = changed(lying, lying.rindex(b"PK\x05\x06") + 10, "<H", 1)
    assert held(tmp_path / "a", lying) == DAMAGED


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_is_packed_in_a_way_that_takes_any_memory_is_held(tmp_path, way):
    assert held(tmp_path / "a", archive(way=way)) == UNUSUAL


def test_unfinished_uploads_without_end_are_refused_and_keep_no_mail_out(tmp_path):
    spool = Spool(tmp_path / "spool", room=Room(1_000_000, 0))
    for number in range(999):
        (spool.layout.incoming / "acme" / f"{number:016}").mkdir(parents=True)
    spool.put_down(
        spool.begin("acme", "a.csv", channel=Channel.SFTP, peer="")
    )  # of nothing: it leaves nothing
    last = spool.begin("acme", "b.csv", channel=Channel.FTP, peer="")
    for channel in (Channel.FTP, Channel.SFTP):
        with pytest.raises(TooManyUnfinished):
            spool.begin("acme", "c.csv", channel=channel, peer="")
    for customer, channel in (("acme", Channel.SMTP), ("acme", Channel.LOCAL), ("beta", Channel.FTP)):
        spool.accept(spool.begin(customer, "c.csv", channel=channel, peer=""))
    spool.accept(last)
    assert spool.accept(spool.begin("acme", "d.csv", channel=Channel.FTP, peer="")).sequence == 5


def test_a_line_of_the_log_is_short_and_is_not_turned_round():
    assert one_line("a\u202eb\u2028c\x1b[2J\n") == "a\\u202eb\\u2028c\\x1b[2J\\x0a"
    assert one_line("x" * 1_000_000) == "x" * 2_000 + "…"


def test_character_sets_that_nobody_knows_are_not_remembered():
    before = len(encodings._cache)
    for number in range(1_000):
        assert decode("ä".encode(), f"x-{number}") == "Ã¤"
        assert decode("ä".encode(), "utf" + "-" * number + "8") in ("ä", "Ã¤")
    assert len(encodings._cache) - before < 10


@pytest.mark.parametrize(
    "charset", ["UTF-8", "utf8", "Utf_8", "", "us-ascii", "iso-8859-15", "Windows-1252", "KOI8-U"]
)
def test_character_sets_of_mailers_are_known(charset):
    assert decode("ä€я".encode(charset or "ascii", "ignore"), charset) == "ä€я".encode(
        charset or "ascii", "ignore"
    ).decode(charset or "ascii")
