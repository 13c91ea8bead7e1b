"""A TOML text as values that know their place, or the error of syntax in plain words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from dorimportd.toml.mistake import BadToml, KeyPath, Mistake, Place, shown
from dorimportd.toml.scanner import Scanner

# What tomllib says of an error (its first words), and what we say.
SENTENCES: Final[Mapping[str, str]] = {
    "Invalid value": 'is not a value: text stands in "quotes", a list in [ ]',
    "Invalid statement": "is not a line of the form key = value",
    "Invalid initial character": "a key is made of letters, digits, _ and -",
    "Expected '='": "a key needs = and a value after it",
    "Expected newline": "more follows on the line than one value",
    "Expected ']": "the ] after the name of a table is missing",
    "Unclosed array": "the ] that ends a list is missing",
    "Unclosed inline table": "the } that ends a table is missing",
    "Unterminated string": "the quote that ends a text is missing",
    "Expected '\"": "the quote that ends a text is missing",
    "Expected \"'": "the quote that ends a text is missing",
    "Illegal character '\\n'": "the quote that ends a text is missing on this line",
    "Illegal character": "a control character cannot stand here",
    "Found invalid character": "a control character cannot stand here",
    "Unescaped '\\'": "a backslash begins an escape here: write it twice, or the text in 'single quotes'",
    "Invalid hex value": "needs hexadecimal digits after \\u",
    "Escaped character": "is not a character of Unicode",
    "Invalid date": "is not a date or time of the calendar",
    "Cannot overwrite": "is set further up already",
    "Cannot declare": "is set further up already",
    "Duplicate inline": "is set further up already",
    "Cannot mutate": "is set further up already",
    "Cannot redefine": "is set further up already",
}
# These it tells where the value ends, not where the key stands.
OF_A_KEY: Final = ("Cannot", "Duplicate")


class Document:
    """The values of a TOML text, and where each of them stands."""

    def __init__(self, text: str, file: str, values: dict[str, Any]) -> None:
        self.file = file
        self.values = values
        self._text = text

    def get(self, path: KeyPath) -> Any:
        """What stands at *path*; None when nothing does."""
        here: Any = self.values
        for part in path:
            known = here if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
            if part not in known:
                return None
            here = here[part]
        return here

    def place(self, path: Sequence[str | int]) -> Place:
        """Where the key or entry at *path* begins; when it is not there, where its nearest parent does."""
        known = tuple(path)
        while known not in self._offsets:
            known = known[:-1]
        return place_at(self._text, self._offsets[known], self.file)

    @cached_property
    def _offsets(self) -> dict[KeyPath, int]:
        # Only a mistake asks for a place: a good file is never scanned.
        return Scanner(self._text).offsets()


def read_toml(text: str, file: str) -> Document:
    """The document that *text* is; *file* is the name under which its mistakes are told.

    Raises BadToml with the first error of syntax: what follows it cannot be trusted.
    """
    begin = Place(file, 1, 1)
    try:
        values = tomllib.loads(text)
        repr(values)  # What cannot be written cannot be told in a mistake either.
        return Document(text, file, values)
    except tomllib.TOMLDecodeError as error:
        raise BadToml([syntax_mistake(str(error), text, file)]) from None
    except RecursionError:
        raise BadToml([Mistake(begin, "", "has lists or tables too deep in one another")]) from None
    except ValueError:  # Python neither reads nor writes numbers of more than 4300 digits
        raise BadToml([Mistake(begin, "", "has a number that is too long")]) from None


def place_at(text: str, offset: int, file: str) -> Place:
    """The place of the character at *offset*."""
    line_begin = text.rfind("\n", 0, offset) + 1
    return Place(file, text.count("\n", 0, offset) + 1, offset - line_begin + 1)


def syntax_mistake(told: str, text: str, file: str) -> Mistake:
    """What *told*, tomllib's words for the first error in *text*, means to a person."""
    problem = next((ours for theirs, ours in SENTENCES.items() if told.startswith(theirs)), told)
    lines = text.split("\n")
    found = re.search(r"\(at line (\d+), column (\d+)\)$", told)
    line, column = (int(found[1]), int(found[2])) if found else (len(lines), len(lines[-1]) + 1)
    statement = re.match(r"[\s\[]*([^=\]\s]+)", lines[line - 1])
    if told.startswith(OF_A_KEY) and statement:
        return Mistake(Place(file, line, statement.start(1) + 1), statement[1], problem)
    if told.startswith("Unescaped"):  # told behind the escape, which may be on the next line
        offset = sum(len(before) + 1 for before in lines[: line - 1]) + column - 1
        return Mistake(place_at(text, text.rindex("\\", 0, offset), file), "", problem)
    rest = lines[line - 1][column - 1 :].strip()
    got = shown(rest) if rest and told.startswith(("Invalid value", "Invalid statement")) else None
    return Mistake(Place(file, line, column), "", problem, got)
