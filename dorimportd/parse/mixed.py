"""UTF-8 where the format says another encoding, as a whole or in some lines; and the other way round.

Encodings in which nearly any bytes are text would take UTF-8 in silence and make "KÃ¶ln" of "Köln".  A file
is UTF-8 instead when, from its beginning, each byte beyond ASCII is part of a UTF-8 character, and

    cp1252, latin-1   one of these characters is an everyday one of western Europe (ö, €), or four differ
    cp932             four of them differ that have three bytes or more; two may be two letters of katakana

Text in these encodings has that by no accident: Ã¶ or â‚¬ would have to stand for themselves, and nowhere an
accented letter beside a plain one.

A file that is not UTF-8 as a whole was put together from several when one of its lines is: in cp1252 and
latin-1 one with an everyday character, in cp932 one in which four differ.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from dorimportd.errors import HoldFile

if TYPE_CHECKING:
    from dorimportd.parse.decode import Readable

BLOCK_BYTES: Final = 262_144
LINE_BYTES: Final = 4_194_304  # of a line; behind a longer one none is looked at

# Encodings as sentences name them; others go by the name that the format uses.
NAMES: Final[Mapping[str, str]] = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 (little-endian)",
    "utf-16-be": "UTF-16 (big-endian)",
    "latin-1": "Latin-1",
}

# Not among these is à, which is Ã and a blank that does not break.
WESTERN: Final = frozenset("ÄÖÜÉÈÇßáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ€£§°‘’“”„–—…")
TELLING: Final = 4  # different characters
LINES_TOLD: Final = 5

# Encodings in which UTF-8 is text as well, each with the characters that count, and those of which one is
# enough.
LENIENT: Final[Mapping[str, tuple[re.Pattern[str], frozenset[str]]]] = {
    "cp1252": (re.compile("[^\x00-\x7f]"), WESTERN),
    "latin-1": (re.compile("[^\x00-\x7f]"), WESTERN),
    "cp932": (re.compile("[^\x00-\u07ff]"), frozenset()),
}


class Utf8Suspicion:
    """Looks whether a file that is read in a lenient *encoding* is UTF-8, by the rules above."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._counted, self._enough = LENIENT[encoding]
        self._open = True  # until a byte shows that the file is no UTF-8
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._found: set[str] = set()
        misread = {sign.encode().decode(encoding, errors="ignore") for sign in self._enough}
        self._misread = re.compile("|".join(map(re.escape, sorted(misread))) or self._counted.pattern)

    def look_at(self, received: bytes) -> None:
        """Look at the next bytes of the file.  Raises HoldFile when it is UTF-8."""
        if not self._open:
            return
        try:
            text = self._decoder.decode(received)
        except UnicodeDecodeError:
            self._open = False
            return
        self._found.update(self._counted.findall(text))
        if self._found & self._enough or len(self._found) >= TELLING:
            raise HoldFile(
                f'The file is UTF-8, but the format says {name_of(self._encoding)}; set encoding = "utf-8".'
            )

    def holds_a_line(self, text: str, split: Callable[[str], Sequence[str]]) -> bool:
        """Whether a line of *text*, as it was read, is UTF-8 by itself; *split* makes lines of it."""
        misread = self._misread
        if misread.search(text) is None:  # nearly always
            return False
        suspected = (line.encode(self._encoding) for line in split(text) if misread.search(line))
        return any(is_utf_8_in(self._encoding, line) for line in suspected)


def is_utf_8_in(encoding: str, line: bytes) -> bool:
    """Whether a *line* of a file in a lenient *encoding* is UTF-8."""
    counted, enough = LENIENT[encoding]
    try:
        found = set(counted.findall(line.decode()))
    except UnicodeDecodeError:
        return False
    return bool(found & enough) if enough else len(found) >= TELLING


def is_other_than_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return True
    return False


def is_foreign_in(encoding: str, line: bytes) -> bool:
    """Whether *line* is of another encoding than the file, which is said to be in *encoding*."""
    if encoding == "utf-8":
        return is_other_than_utf_8(line)
    return encoding in LENIENT and is_utf_8_in(encoding, line)


def several_encodings(stream: Readable, encoding: str) -> str:
    """A sentence with the lines of *stream* that are not in this *encoding* while others are.

    Empty when it is not so.
    """
    foreign: list[int] = []  # the first of them
    many, other = 0, 0
    for number, line in enumerate(byte_lines(stream), 1):
        if line.isascii():
            continue
        if not is_foreign_in(encoding, line):
            other = other or number
            continue
        many += 1
        foreign += [number] if many <= LINES_TOLD else []
    if not foreign or not other:
        return ""
    what = "not UTF-8" if encoding == "utf-8" else "UTF-8"
    return (
        f"{numbered(foreign, many)} {what}, but line {other} is {name_of(encoding)}:"
        " the file was put together from several encodings. Export it in one."
    )


def byte_lines(stream: Readable) -> Iterator[bytes]:
    """The lines of *stream* from its beginning."""
    stream.seek(0)
    rest = b""
    while len(rest) <= LINE_BYTES and (received := stream.read(BLOCK_BYTES)):
        lines = (rest + received).splitlines(keepends=True)
        rest = lines.pop()  # what follows may be a part of it, or the second half of its end
        yield from lines
    yield rest


def numbered(first: Sequence[int], many: int) -> str:
    """So *many* lines and a verb; *first* are those that are told."""
    if many == 1:
        return f"Line {first[0]} is"
    told = [str(line) for line in first]
    if many > len(first):
        told.append(f"{many - len(first):,} more")
    return f"Lines {', '.join(told[:-1])} and {told[-1]} are"


def name_of(encoding: str) -> str:
    return NAMES.get(encoding, encoding)
