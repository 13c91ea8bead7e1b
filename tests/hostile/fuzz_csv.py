"""Random files and formats for the reader of CSV, in this process, by both its lanes."""

from __future__ import annotations

import gzip
import io
import random
import tempfile
import time
import zipfile

from hostile.mutate import mutated

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Batch, Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.toml import BadToml

SECONDS = 30  # for one file; an honest one of its size takes a tenth
PIECES = [
    *(b"\n", b"\r\n", b"\r", b'"', b'""', b'"\n', b";", b",", b";;;;", b"\0", b"\x1a", b"\xef\xbb\xbf"),
    *(
        b"\xff\xfe",
        b"\xff",
        b"\xc3",
        "ä€".encode(),
        "\u202e\u2028".encode(),
        b"\x1b[2J",
        b"'",
        b"=cmd|'/c'!A1",
    ),
    *(b"1e400", b"NaN", b"-0", b"inf", b"9" * 400, b"1.234,50-", b"(5)", "▲5".encode(), b"%s{}", b"--"),
    *(b"0000-00-00 00:00:00", b"9999-12-31 23:59:59", b"2026-02-29 09:00:00", b"2026-03-29 02:30:00"),
    *(b"Store;Receipt;Total;Time\n", b"0007;A-1;12.50;2026-07-14 09:02:11\n", b"x" * 70_000, b"Total", b"#"),
]
# What a format may say besides, one or several of them.
KEYS = [
    *('encoding = "cp1252"', 'encoding = "utf-16"', 'encoding = "cp932"', 'encoding = "latin-1"'),
    *(
        'quote = ""',
        'quote = "\'"',
        'comment = "#"',
        "max_reject_percent = 100",
        'decimal = ","',
        'decimal = "."',
    ),
    *(
        'thousands = "."',
        'thousands = "lakh"',
        'currency = "EUR"',
        'dst_overlap = "second"',
        'dst_gap = "shift"',
    ),
    *(
        "implied_decimals = 2",
        "places = 2",
        'sign = "inverted"',
        'unique_per = "location"',
        "whole_days = true",
    ),
    *(
        'time_format = "%d.%m.%Y %H:%M"',
        'time_format = ["%d.%m.%Y", "%Y-%m-%d %H:%M:%S"]',
        'time_format = "%s"',
    ),
    *('delimiter = ","', 'delimiter = "\\t"', "header = 2", 'ragged = "accept"', 'damage = "reject"'),
    *('header = "none"\ncolumns = { Store = 1, Receipt = 2, Total = 3, Time = 4 }', 'group_by = "Receipt"'),
    *(
        'transaction_id = { generate_from = ["Store", "Time", "Total"] }',
        'transaction_id = ["Store", "Receipt"]',
    ),
    *('total = { sum = ["Total", "Total"] }', 'total = { product = ["Total", "Store"] }', 'timezone = "UTC"'),
    *("location = { column = \"Store\", extract = '(\\d+)' }", 'location = { preamble = "Store" }'),
    *(
        "only = { Store = { empty = false } }",
        "skip = { Receipt = { pattern = 'B.*' } }",
        'footer = { Store = "Total" }',
    ),
    *(
        'withdraw = { Total = "3" }',
        'control = { where = { Store = "Total" }, rows = "Receipt", total = "Total" }',
    ),
    *('timezone = { column = "Time" }', 'currency = { column = "Receipt" }', 'refunds = { Store = "7" }'),
    *(
        'time = ["Time", "Total"]',
        'aliases = { Store = ["Total"] }',
        "earliest = 2026-01-01",
        "latest = 2026-12-31",
    ),
    *('location = { column = "Store", above = { Store = "7" } }', 'required = ["Time"]'),
]
FORMAT = {
    "delimiter": 'delimiter = ";"',
    "location": 'location = "Store"',
    "transaction_id": 'transaction_id = "Receipt"',
    "total": 'total = "Total"',
    "time": 'time = "Time"',
}
LINES = [
    "0007;A-{};12.50;2026-07-14 09:02:11",
    '"0012";"B-{}";"-2.50";"2026-07-14 10:31:00"',
    "7;C{};3;2026-01-02 03:04:05",
]


def format_text(dice: random.Random) -> str:
    """A format; some contradict themselves, and are refused."""
    said = dict(FORMAT)
    for key in dice.sample(KEYS, dice.choice((0, 0, 1, 1, 2, 4))):
        said[key.partition(" ")[0]] = key
    return "\n".join(said.values()) + "\n"


def file(dice: random.Random) -> bytes:
    """Rows of a till, mutated, now and then with another encoding, compressed, or compressed and mutated."""
    rows = dice.choice((0, 1, 3, 30, 1000))
    line = dice.choice(LINES)
    text = "Store;Receipt;Total;Time\n" + "".join(f"{line.format(each)}\n" for each in range(rows))
    encoding = dice.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le"))
    content = mutated(dice, text.encode(encoding), PIECES)
    match dice.randrange(10):
        case 0:
            content = gzip.compress(content, mtime=0)
        case 1:
            content = archive(content)
        case 2:
            content = mutated(dice, gzip.compress(content, mtime=0), PIECES)
        case 3:
            content = mutated(dice, archive(content), PIECES)
        case 4:
            content = dice.randbytes(dice.randrange(2000))
    return content


def archive(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo("sales.csv"), content)
    return packed.getvalue()


def session(dice: random.Random) -> None:
    """One file by one format: batches whose parts fit, or a hold with a reason, and soon."""
    try:
        format = parse_format(format_text(dice), "till.toml")
    except BadToml:
        return
    began = time.process_time()
    with tempfile.TemporaryFile() as stream:  # a real file, which minds other things than one in memory
        stream.write(file(dice))
        try:
            for batch in read(stream, format, Defaults("Europe/Berlin", "EUR"), "sales.csv"):
                check(batch)
        except HoldFile as reason:
            assert str(reason).endswith((".", "?")), str(reason)
    assert time.process_time() - began < SECONDS


def check(batch: Batch) -> None:
    for row in batch.transactions:
        assert row[0].isprintable() and -(1 << 63) <= row[2] < 1 << 63 and 0 <= row[3] <= 4, row
    for reject in batch.rejects:
        assert reject.rule and reject.line >= 1, reject
