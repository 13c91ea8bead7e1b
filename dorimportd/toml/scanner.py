"""Where each key of a TOML text begins.

tomllib tells values and not places, so the text is read a second time.  That it is valid is known by
then; this reader knows just enough of TOML 1.0 to walk from key to key, and checks nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from itertools import count
from typing import Final

from dorimportd.toml.mistake import KeyPath

NOTHING: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
BETWEEN: Final = re.compile(r"(?:[ \t\r\n,]+|#[^\n]*)*")  # the entries of a list or an inline table
BLANKS: Final = re.compile(r"[ \t]*")
STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
BARE: Final = re.compile(r"[^\s.=\]\"'#]+")
SCALAR: Final = re.compile(r"[^,\]}#\n]*")  # a date may hold a blank


class Scanner:
    """Reads *text*, which tomllib has found good, once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._offsets: dict[KeyPath, int] = {(): 0}
        self._last: dict[KeyPath, int] = {}  # the position of the newest table of each [[list]]

    def offsets(self) -> dict[KeyPath, int]:
        """Where each key and each entry of a list begins, in characters from the beginning of the text."""
        table: KeyPath = ()
        while self._skip(NOTHING) < len(self._text):
            if self._text.startswith("[[", self._at):
                table = self._list_header()
            elif self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._value(self._assigned(table))
        return self._offsets

    def _header(self) -> KeyPath:
        self._at += 1
        path, offset = self._key(())
        # The table may have been there without a header of its own: [a.b] before [a].
        self._offsets[path] = offset
        self._at += 1
        return path

    def _list_header(self) -> KeyPath:
        self._at += 2
        path, offset = self._key(())
        self._offsets.setdefault(path, offset)
        self._last[path] = self._last.get(path, -1) + 1
        path = self._newest(path)
        self._offsets[path] = offset
        self._at += 2
        return path

    def _assigned(self, table: KeyPath) -> KeyPath:
        """Read a key of *table* with its equals sign."""
        path, offset = self._key(table)
        self._offsets[path] = offset
        self._at += 1
        return path

    def _key(self, path: KeyPath) -> tuple[KeyPath, int]:
        """Read the key at hand: its path under *path*, and where its last part begins."""
        while True:
            offset = self._skip(BLANKS)
            path = (*path, self._name())
            self._skip(BLANKS)
            if not self._text.startswith(".", self._at):
                return path, offset
            self._at += 1
            self._offsets.setdefault(path, offset)
            path = self._newest(path)

    def _newest(self, path: KeyPath) -> KeyPath:
        """On the way through a key, a [[list]] stands for its newest table."""
        return (*path, self._last[path]) if path in self._last else path

    def _name(self) -> str:
        begin = self._at
        if self._text[begin] not in "\"'":
            return self._text[begin : self._skip(BARE)]
        token = self._text[begin : self._skip(STRING)]
        return str(tomllib.loads(f"name = {token}")["name"])

    def _value(self, path: KeyPath) -> None:
        """Read the value at hand and all that is in it, without a call for each level of depth."""
        inside: list[tuple[KeyPath, Iterator[int] | None]] = []  # lists, with their positions, and tables
        while True:
            first = self._text[self._skip(BLANKS)]
            if first in "[{":
                self._at += 1
                inside.append((path, count() if first == "[" else None))
            else:
                self._skip(STRING if first in "\"'" else SCALAR)
            while inside and self._text[self._skip(BETWEEN)] in "]}":
                self._at += 1
                inside.pop()
            if not inside:
                return
            path = self._entry(*inside[-1])

    def _entry(self, path: KeyPath, positions: Iterator[int] | None) -> KeyPath:
        """Go to the value of the next entry of the list or table at *path*."""
        if positions is None:
            return self._assigned(path)
        path = (*path, next(positions))
        self._offsets[path] = self._at
        return path

    def _skip(self, pattern: re.Pattern[str]) -> int:
        """Go on behind *pattern*, if it is here at all; the offset there."""
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at
