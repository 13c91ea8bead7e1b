"""Files made to break what reads them: each ends in a named state with a reason, and nobody else waits."""

from __future__ import annotations

import contextlib
import ftplib
import gzip
import io
import zipfile

import pytest
from hostile.doors import HEADER

TIME = "2026-07-14 09:02:11"


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return packed.getvalue()


def locked(packed: bytes) -> bytes:
    """*packed* with the sign that a password is needed."""
    marked = bytearray(packed)
    marked[6] |= 1
    marked[marked.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(marked)


ROW = f"0007;Z-1;12.50;{TIME}\n".encode()
FILE = HEADER.encode() + ROW
LONG_LINE = "is longer than 1,048,576 characters."
DAMAGED = "The ZIP archive is damaged or cut off; send it again."

# What makes the bytes, and what stands in the reason for which they are held.
HELD = {
    "nothing": (lambda: b"", "The file is empty"),
    "one byte": (lambda: b"x", ""),
    "one line of 50 MB": (lambda: HEADER.encode() + b"x" * 50_000_000, LONG_LINE),
    "a header of 50 MB": (lambda: b"x" * 50_000_000, LONG_LINE),
    "a quote of 50 MB": (lambda: FILE + b'"' + ROW * 1_300_000, ""),
    "a million columns": (lambda: b";".join([b"c"] * 1_000_000) + b"\n" + FILE, ""),
    "NULs": (lambda: HEADER.encode() + b"\0" * 1_000_000, "NUL"),
    "only delimiters": (lambda: b";" * 1_000_000 + b"\n" + b";" * 1_000_000, ""),
    "UTF-16 without its mark": (lambda: FILE.decode().encode("utf-16-le"), "UTF-16"),
    "gzip, a thousand to one": (lambda: gzip.compress(HEADER.encode() + b"x" * 200_000_000, 9), LONG_LINE),
    "gzip of blank lines": (
        lambda: gzip.compress(HEADER.encode() + b"\n" * 200_000_000, 9),
        "Unpacked, the file has",
    ),
    "gzip of gzip": (lambda: gzip.compress(gzip.compress(FILE)), "is compressed by gzip"),
    "zip, a thousand to one": (
        lambda: archive(a=FILE + b"\n" * 200_000_000),
        "Unpacked, the file has more than",
    ),
    "zip of zip": (lambda: archive(a=archive(b=FILE)), "The file is a ZIP archive"),
    "a locked zip": (lambda: locked(archive(a=FILE)), "is locked by a password"),
    "a zip of two": (lambda: archive(a=FILE, b=FILE), "holds 2 files"),
    "half a zip": (lambda: archive(a=FILE)[:-10], DAMAGED),
}


@pytest.mark.parametrize("kind", HELD)
def test_a_file_that_is_none_is_held_with_a_reason(doors, kind):
    make, reason = HELD[kind]
    sequence = doors.put(f"{kind}.csv", make())
    assert doors.is_served()  # while it is read, too
    delivery = doors.outcome(sequence)
    assert (delivery["state"], delivery["imported"]) == ("held", 0)
    assert reason in delivery["reason"] and 10 < len(delivery["reason"]) < 1_000, delivery["reason"]


def test_the_name_inside_an_archive_is_of_no_use(doors):
    packed = archive(**{"../../../../tmp/passwd": HEADER.encode() + f"0007;Z-2;12.50;{TIME}\n".encode()})
    delivery = doors.outcome(doors.put("zipped.csv", packed))
    assert (delivery["state"], delivery["imported"], delivery["name"]) == ("imported", 1, "zipped.csv")


def test_a_file_larger_than_allowed_is_refused_while_it_comes(doors):
    with doors.ftp() as session:
        with session.transfercmd("STOR large.csv") as data, contextlib.suppress(ConnectionError):
            for _ in range(80):
                data.sendall(b"x" * (1 << 20))
        with pytest.raises(ftplib.error_perm, match="552 The file is larger than this server takes"):
            session.voidresp()
    assert doors.memory("VmRSS") < 400 << 20


# Location, ID and total as the file has them, and the rule that each breaks; "" for a row that is imported.
VALUES = [
    ("'; DROP TABLE transactions; --", "V-1", "1.00", ""),
    ("%s%n{0}${x}", '"; DELETE FROM sales; --', "1.00", ""),
    ("0012", "V-3", "9" * 400, "total"),
    ("0012", "V-4", "1e400", "total"),
    ("0012", "V-5", "NaN", "total"),
    ("0012", "V-6", "inf", "total"),
    ("0012", "V-7", "-0.00", ""),
    ("0012", "V-8", "0x10", "total"),
    ("0012", "V-9", "١٢", "total"),
    ("0012", "V-10", "1_000", "total"),
    ("0012", "V\x1b[2J", "1.00", "id"),
    ("0012", "V\u202e", "1.00", "id"),
    ("0012", "V" * 5_000, "1.00", "id"),
]
# A time, and the UTC time that it is; "" for a row that is refused.
TIMES = [
    ("0000-01-01 00:00:00", ""),
    ("9999-12-31 23:59:59", ""),
    ("2026-02-29 09:00:00", ""),
    ("2024-02-29 09:00:00", "2024-02-29T08:00:00Z"),
    ("2026-03-29 02:30:00", ""),  # in the hour that summer time leaves out
    ("2025-10-26 02:30:00", "2025-10-26T00:30:00Z"),  # there twice: the first
    ("2026-13-01 09:00:00", ""),
    ("2026-01-01 24:00:00", ""),
    ("2017-01-01 00:59:60", ""),  # a second that there was, and that no till tells and no database has
]


def test_values_are_stored_exactly_as_data_or_refused_with_their_line(doors):
    (doors.appliance.folder / "formats.d" / "plain.toml").write_text(
        (doors.appliance.folder / "formats.d" / "plain.toml").read_text() + "max_reject_percent = 100\n"
    )
    doors.appliance.run_ctl("reload")
    quoted = [[each.replace('"', '""') for each in row[:3]] for row in VALUES]
    lines = ['"{}";"{}";"{}";{}'.format(*row, TIME) for row in quoted]
    lines += [f"0012;T-{number};1.00;{each}" for number, (each, _) in enumerate(TIMES)]
    delivery = doors.outcome(doors.put("values.csv", (HEADER + "\n".join(lines) + "\n").encode()))
    assert (delivery["state"], delivery["imported"], delivery["rejected"]) == ("imported", 5, 17), delivery
    sold = {row[1]: row for row in doors.appliance.transactions()}
    wanted = {row[1]: (row[0], row[1], row[2], "2026-07-14T07:02:11Z") for row in VALUES if not row[3]}
    wanted["V-7"] = ("0012", "V-7", "0.00", "2026-07-14T07:02:11Z")
    wanted |= {f"T-{n}": ("0012", f"T-{n}", "1.00", utc) for n, (_, utc) in enumerate(TIMES) if utc}
    assert {each: sold[each] for each in sold if sold[each][1][0] in 'VT";'} == wanted
    columns = {"total": "Total", "id": "Receipt"}
    bad = [(line, columns[row[3]]) for line, row in enumerate(VALUES, 2) if row[3]]
    bad += [(line, "Time") for line, (_, utc) in enumerate(TIMES, 2 + len(VALUES)) if not utc]
    told = doors.appliance.ctl("delivery", "rejects", str(delivery["sequence"]))
    assert [(each["line"], each["column"]) for each in told] == bad


def test_the_id_of_another_customers_transaction_is_ones_own(doors):
    row = HEADER + f"0007;SAME-1;{{}};{TIME}\n"
    for total, customer in (("10.00", "acme"), ("-99.00", "beta"), ("11.00", "acme")):
        doors.outcome(doors.put("same.csv", row.format(total).encode(), login=customer))
    for total, customer in (("11.00", "acme"), ("-99.00", "beta")):
        (found,) = [each for each in doors.appliance.transactions(customer) if each[1] == "SAME-1"]
        assert found == ("0007", "SAME-1", total, "2026-07-14T07:02:11Z")


def test_the_same_rows_in_another_file_and_another_order_are_no_new_transactions(doors):
    rows = [f"0007;R-{number};{number}.00;{TIME}\n" for number in range(1, 6)]
    first = doors.outcome(doors.put("r.csv", (HEADER + "".join(rows)).encode()))
    again = doors.outcome(doors.put("r.csv", (HEADER + "".join(rows)).encode()))
    renamed = doors.outcome(doors.put("s.csv", (HEADER + "".join(rows)).encode()))
    turned = doors.outcome(doors.put("t.csv", (HEADER + "".join(reversed(rows))).encode()))
    states = [
        (each["state"], each["imported"], each["unchanged"]) for each in (first, again, renamed, turned)
    ]
    assert states == [("imported", 5, 0), ("duplicate", 0, 5), ("duplicate", 0, 5), ("imported", 0, 5)]
    assert len([each for each in doors.appliance.transactions() if each[1].startswith("R-")]) == 5
