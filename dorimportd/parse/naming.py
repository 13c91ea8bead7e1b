"""The names of columns: what of them counts, and by which name a file may call which column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator

Naming = Callable[[str], str]  # a name as it stands in a file or a format -> what counts of it


def folded(name: str) -> str:
    """What of a column's name counts: neither case nor blanks around it, nor which blanks are in it."""
    return " ".join(name.split()).casefold()


def with_aliases(aliases: Mapping[str, Sequence[str]]) -> Naming:
    """The same where a column may be called otherwise: *aliases* has the other names of each."""
    if not aliases:
        return folded
    meant = {folded(other): folded(name) for name, others in aliases.items() for other in others}

    def naming(name: str) -> str:
        plain = folded(name)
        return meant.get(plain, plain)

    return naming


def column_name(text: str) -> str:
    if not text.strip():
        raise ValueError("must be the name of a column")
    return text.strip()


Column = Annotated[str, AfterValidator(column_name)]
