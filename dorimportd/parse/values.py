"""Text fields, and values met again.

An ID or a location is text and stays text: leading zeros and nineteen digits survive.  What stands
around it are blanks; what stands in it is printed in logs and in CSV, so it holds no control character, and
no other that cannot be seen: two IDs that look alike must be alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

V = TypeVar("V")

TEXT_CHARACTERS: Final = 200  # of an ID or a location, at most
MEMO_VALUES: Final = 100_000  # kept at most, so that a file without repetition costs no memory
MEMO_KEY_CHARACTERS: Final = 100  # a longer text is not worth keeping

# C0, DEL and C1; the separators of lines and paragraphs; what turns the direction of writing.
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# What has no width: it comes by copying, and nobody finds the ID again in which it stands.
INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")

# What a spreadsheet makes of a long number, of a column that is too narrow, and of a formula that fails.
# The last two in the languages of western Europe: #N/A is #NV in German, #REF! is #¡REF! in Spanish.
RUINED: Final = re.compile(
    r"[-+]?[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{2,3}|#{2,}|#N/[ABD]|#NV|#[¡¿]?[A-ZÀ-Ý]+(?:/0)?[!?]"
)
RUINED_RULE: Final = "was ruined by a spreadsheet: export the column as text"

CURRENCY: Final = re.compile("[A-Z]{3}")  # the shape of ISO 4217


class BadValue(Exception):
    """A value breaks a rule.  The text is the rule, a sentence that goes on after the value."""

    @property
    def rule(self) -> str:
        return str(self.args[0])


class BadField(BadValue):
    """A value breaks a rule where it is known which: it need not be looked for."""

    def __init__(self, rule: str, column: str, value: str) -> None:
        super().__init__(rule)
        self.column = column
        self.value = value


class Memo(dict[str, V]):
    """Values by the text they were read from, so that what a file repeats is read once.

    Looking up a text that is not known reads it, and raises what the reading raises.
    """

    def __init__(self, read: Callable[[str], V], limit: int = MEMO_VALUES) -> None:
        super().__init__()
        self._read = read
        self._limit = limit

    def __missing__(self, text: str) -> V:
        value = self._read(text)
        if len(self) < self._limit and len(text) <= MEMO_KEY_CHARACTERS:
            self[text] = value
        return value


def read_text(text: str) -> str:
    """The ID or location in *text*, without the blanks around it.

    Raises BadValue when it is empty or too long, holds what cannot be seen, or is what a spreadsheet left.
    """
    stripped = text.strip()
    if not stripped:
        raise BadValue("is empty")
    refuse_long(stripped)
    # isprintable is the quick question; it also refuses signs that do no harm, such as NBSP.
    if not stripped.isprintable():
        refuse_unseen(stripped)
    # Again the quick question first: this is asked of every row.
    if ("+" in stripped or stripped[0] == "#") and RUINED.fullmatch(stripped):
        raise BadValue(RUINED_RULE)
    return stripped


def refuse_long(text: str) -> None:
    """Raises BadValue when *text* is too long for an ID or a location."""
    if len(text) > TEXT_CHARACTERS:
        raise BadValue(f"is longer than {TEXT_CHARACTERS} characters")


def refuse_unseen(text: str) -> None:
    """Raises BadValue when *text* holds a character that cannot be seen, or that disturbs what is."""
    if CONTROL.search(text):
        raise BadValue("holds a control character")
    if found := INVISIBLE.search(text):
        raise BadValue(f"holds an invisible character (U+{ord(found[0]):04X})")


def read_currency(text: str) -> str:
    """The currency code in *text*.

    Raises BadValue.
    """
    stripped = text.strip()
    if not stripped:
        raise BadValue("is empty")
    if not CURRENCY.fullmatch(stripped):
        raise BadValue("is not a currency code of three capital letters")
    return stripped
