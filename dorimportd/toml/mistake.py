"""What is wrong with a file, where, and how that reads.

One mistake is one line, `file:line:column: key: problem; got VALUE (did you mean 'x'?)`; the parts that
say nothing are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

KeyPath = tuple[str | int, ...]  # of keys and, in lists, positions from 0

SHOWN_CHARACTERS: Final = 60  # of a wrong value


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a key or a value begins."""

    file: str
    line: int  # from 1
    column: int  # from 1, in characters

    def __str__(self) -> str:
        # The name of a file may be bytes that are no text, or steer a terminal, and is told all the same.
        file = self.file if self.file.isprintable() else repr(self.file)[1:-1]
        return f"{file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a file, for the person who wrote it."""

    place: Place
    key: str  # with the tables around it: "smtp.mail_size"; empty when the file as a whole is meant
    problem: str  # goes on after the key: "must be a whole number"
    got: str | None = None  # the wrong value as `shown` writes it
    meant: str | None = None  # a name that is allowed and looks like the wrong one

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        got = f"; got {self.got}" if self.got is not None else ""
        meant = f" (did you mean {self.meant!r}?)" if self.meant is not None else ""
        return f"{self.place}: {key}{self.problem}{got}{meant}"


class BadToml(Exception):
    """A document that cannot be used, with everything that is wrong with it in the order of its lines."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes: tuple[Mistake, ...] = tuple(sorted(mistakes, key=lambda mistake: mistake.place))
        super().__init__(*self.mistakes)

    def __str__(self) -> str:
        return "\n".join(map(str, self.mistakes))


def shown(value: object) -> str:
    """*value* as a mistake tells it: on one line, cut when it is long."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        cut = value[:SHOWN_CHARACTERS]
        return repr(cut) if cut == value else f"{cut!r}..."
    return str(value)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of *known* that *name* was probably meant to be."""
    import difflib  # only a mistake needs it, and dorimportctl starts in a quarter of a second

    by_folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else None


def dotted(path: Iterable[str | int]) -> str:
    """The key at *path* as it would be written in the file; positions in lists are left out."""
    names = [part for part in path if isinstance(part, str)]
    return ".".join(name if re.fullmatch(r"[\w-]+", name, re.ASCII) else repr(name) for name in names)
