"""Which part of a mail is the CSV file: exactly one, or a sentence that says what was found.

A name or a declared type makes a claim and the first bytes have to bear it out.  The text of the mail
itself is never a file; pictures, signatures and calendars beside the file do no harm.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Final

from dorimportd.errors import NotOneAttachment
from dorimportd.receive.smtp.body import decoded
from dorimportd.receive.smtp.mime import Message, Part
from dorimportd.receive.smtp.parameters import clean_name, shown

HEAD: Final = 1 << 16  # bytes of a file that are looked at
LINES: Final = 100  # of a text that are looked at
NAMED: Final = 5  # files that a refusal names
UNPACK: Final = "compressed files are not taken"

TEXT_BODIES: Final = ("text/plain", "text/html")
CSV_TYPES: Final = ("text/csv", "application/csv", "text/comma-separated-values", "application/vnd.ms-excel")
TABLE_ENDINGS: Final = (".txt", ".tsv", ".dat", ".tab")
PACKED_ENDINGS: Final = (".gz", ".zip", ".bz2", ".xz", ".zst", ".z", ".7z", ".rar")
PACKED_CSV: Final = re.compile(r".*\.csv\.(?:gz|zip|bz2|xz|zst|z|7z|rar)", re.IGNORECASE | re.DOTALL)

# First bytes of what is sometimes sent as CSV, and what a person calls it.
SIGNATURES: Final = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook"),
    (b"\x89PNG\r\n", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
)
UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,100}<", re.ASCII)


def the_csv(message: Message, found: Iterable[Part]) -> Part:
    """The one part of *message* that is a CSV file.

    Raises NotOneAttachment, and BadMail when a part that may be one cannot be decoded.
    """
    files = [each for each in found if not is_text_of_mail(each)]
    claims = [each for each in files if is_csv(message, each)]
    wrong = [
        f"{shown(name_of(each))} holds {kind}, not CSV"
        for each in claims
        if (kind := signature(message, each))
    ]
    wrong += [
        f"{shown(name_of(each))} is compressed; {UNPACK}"
        for each in files
        if PACKED_CSV.fullmatch(each.name or "")
    ]
    if wrong:
        raise NotOneAttachment(f"In this mail {'; '.join(wrong[:NAMED])}.")
    if len(claims) != 1:
        raise NotOneAttachment(f"In this mail we found {what_was_found(claims, files)}.")
    return claims[0]


def is_text_of_mail(part: Part) -> bool:
    """What the sender wrote, or a mailer's other rendering of it."""
    return part.name is None and part.type in TEXT_BODIES


def is_csv(message: Message, part: Part) -> bool:
    """Whether *part* means to be a CSV file."""
    name = (part.name or "").lower().rstrip()
    if name.endswith(".csv"):
        return True
    if part.type in CSV_TYPES:
        return is_text(head(message, part))
    return name.endswith(TABLE_ENDINGS) and is_delimited(head(message, part))


def name_of(part: Part) -> str:
    """The name under which the file is delivered."""
    return clean_name(part.name)


def head(message: Message, part: Part) -> bytes:
    """The first bytes of the file."""
    return next(islice(decoded(message, part), 1), b"")[:HEAD]


def signature(message: Message, part: Part) -> str | None:
    """What *part* is by its first bytes, when that is surely no text."""
    content = head(message, part)
    return next((kind for first, kind in SIGNATURES if content.startswith(first)), None)


def is_text(content: bytes) -> bool:
    """Whether *content* may be the beginning of a table in text: no markup, no binary file."""
    if any(content.startswith(first) for first, _ in SIGNATURES) or MARKUP.match(content):
        return False
    return content.startswith(UTF16) or b"\0" not in content


def is_delimited(content: bytes) -> bool:
    """Whether most lines of *content* have the same number of the same delimiter, as prose has not."""
    if not is_text(content):
        return False
    text = content.decode("utf-16" if content.startswith(UTF16) else "latin-1", "replace")
    lines = [each for each in text.splitlines() if each.strip()][:LINES]
    return any(_agree(lines, delimiter) for delimiter in ",;\t|")


def _agree(lines: list[str], delimiter: str) -> bool:
    counts = Counter(each.count(delimiter) for each in lines)
    del counts[0]
    return any(number >= 2 and number * 2 > len(lines) for number in counts.values())


def what_was_found(claims: list[Part], files: list[Part]) -> str:
    """The words for it, when it is not exactly one CSV file."""
    if claims:
        return f"{len(claims)} CSV files: {names(shown(name_of(each)) for each in claims)}"
    if not files:
        return "no CSV file, and no other attachment"
    others = names(f"{shown(each.name or 'one without a name')} ({shown(each.type)})" for each in files)
    packed = any((each.name or "").lower().endswith(PACKED_ENDINGS) for each in files)
    return f"no CSV file; found {others}" + (f"; {UNPACK}" if packed else "")


def names(each: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    found = list(each)
    more = len(found) - NAMED
    return ", ".join(found[:NAMED]) + (f" and {more} more" if more > 0 else "")
