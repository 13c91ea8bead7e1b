"""What stands behind a header: its value, its parameters, and the name of a file in them.

RFC 2045 section 5.1 with what real mailers write beside it; RFC 2231 for long names and names beyond
ASCII, RFC 2047 in a parameter, which no standard allows and half of all mailers send.  Works on one header
of limited length.
"""

from __future__ import annotations

import binascii
import encodings
import re
import unicodedata
from collections.abc import Mapping
from encodings.aliases import aliases
from pkgutil import iter_modules
from typing import Final
from urllib.parse import unquote_to_bytes

from dorimportd.spool.names import LIMIT

UNNAMED: Final = "attachment.csv"

PARAMETER: Final = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
WORD: Final = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
CODECS: Final = frozenset(each.name for each in iter_modules(encodings.__path__))
BETWEEN_WORDS: Final = re.compile(r"(?<=\?=)\s+(?==\?)")


def header_text(value: bytes) -> str:
    """*value* as text: ASCII or UTF-8 (RFC 6532), or what an old mailer put there."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def read_parameters(value: str) -> tuple[str, dict[str, str]]:
    """The first word of *value* and its parameters, names in small letters; the first of a name counts."""
    first = value.partition(";")[0].strip().lower()
    found: dict[str, str] = {}
    for name, text in PARAMETER.findall(value):
        found.setdefault(name.lower(), unquoted(text.strip()))
    return first, found


def unquoted(text: str) -> str:
    """*text* without its quotes.  Only \\" and \\\\ are escapes: some mailers write "C:\\sales\\x.csv"."""
    if not text.startswith('"'):
        return text
    return re.sub(r'\\(["\\])', r"\1", text[1:].removesuffix('"'))


def file_name(parameters: Mapping[str, str], key: str) -> str | None:
    """The file name that *parameters* give under *key*, decoded; None when they give none."""
    whole = parameters.get(f"{key}*")
    sections = continued(parameters, key) if whole is None else [(whole, True)]
    return (decode_extended(sections) if sections else "") or decode_words(parameters.get(key, "")) or None


def continued(parameters: Mapping[str, str], key: str) -> list[tuple[str, bool]]:
    """The sections of a parameter that was split (RFC 2231 section 3), and which of them are encoded."""
    sections: list[tuple[str, bool]] = []
    while True:
        name = f"{key}*{len(sections)}"
        if (text := parameters.get(f"{name}*")) is not None:
            sections.append((text, True))
        elif (text := parameters.get(name)) is not None:
            sections.append((text, False))
        else:
            return sections


def decode_extended(sections: list[tuple[str, bool]]) -> str:
    """The text of CHARSET'LANGUAGE'TEXT with %XX in it (RFC 2231 section 4)."""
    charset, (first, encoded) = "utf-8", sections[0]
    if encoded and first.count("'") >= 2:
        charset, _, first = first.split("'", 2)
    pieces = [(first, encoded), *sections[1:]]
    return decode(
        b"".join(unquote_to_bytes(text) if coded else text.encode() for text, coded in pieces), charset
    )


def decode_words(text: str) -> str:
    """*text* with the encoded words in it decoded (RFC 2047 section 2)."""
    return WORD.sub(decode_word, BETWEEN_WORDS.sub("", text))


def decode_word(match: re.Match[str]) -> str:
    charset, encoding, content = match.groups()
    if encoding in "qQ":
        return decode(binascii.a2b_qp(content.encode(), header=True), charset)
    try:
        # An encoder that leaves the padding out is forgiven here: it is a name, not the file.
        return decode(binascii.a2b_base64(content.encode() + b"==="), charset)
    except binascii.Error:
        return match[0]


def decode(content: bytes, charset: str) -> str:
    """*content* in *charset*; an unknown one is read as Latin-1, which can read everything.

    Python is asked only for what it has, by one spelling: it keeps each name that it was ever asked for.
    """
    name = encodings.normalize_encoding(charset or "ascii").lower()
    if aliases.get(name, name) not in CODECS:
        return content.decode("latin-1")
    try:
        return content.decode(name, "replace")
    except (LookupError, ValueError):
        return content.decode("latin-1")


def clean_name(name: str | None) -> str:
    """A name under which a delivery can be kept: *name* without folders and control characters.

    At most as long as a file name may be; the ending stays, since formats are chosen by it.
    """
    base = re.split(r"[/\\]", name or "")[-1]
    text = "".join("_" if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") else each for each in base)
    text = text.strip()
    if text in ("", ".", ".."):
        return UNNAMED
    stem, dot, ending = text.rpartition(".")
    tail = (dot + ending).encode() if stem and len(ending) < 20 else b""
    head = text.encode()[: len(text.encode()) - len(tail)]
    return (head[: LIMIT - len(tail)].decode("utf-8", "ignore")) + tail.decode()


def shown(name: str) -> str:
    """*name* for a sentence on the wire and in the log: one line, not long, nothing that moves a cursor."""
    text = "".join(each if each.isprintable() else "?" for each in name)
    return text if len(text) <= 60 else f"{text[:60]}..."
