"""How a file differs from its format, in a sentence for the person who has to mend one of them.

Asked when no line of the file has all the columns.  The likeliest header is the line that has most of
them; what it lacks is compared with what it has besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from dorimportd.parse.header import HEADER_LINES, candidates
from dorimportd.parse.naming import Naming, folded
from dorimportd.parse.rows import Dialect

DELIMITERS: Final = (",", ";", "\t", "|")
DELIMITER_NAMES: Final = {"\t": "tab"}

NAMES_TOLD: Final = 20  # of the columns that the file has
SHOWN_CHARACTERS: Final = 60  # of a name or a value
HEADER_LOST: Final = (
    " If the file has lost its header, send it again with one; if it has none from now on, set"
    ' header = "none" and number its columns.'
)
ALIKE: Final = 0.6  # of two names of which one may have become the other


class Candidate(NamedTuple):
    """A line that may have been meant as the header."""

    line: int
    names: tuple[str, ...]
    found: frozenset[str]  # of the wanted columns, folded


def explain(
    lines: Sequence[str],
    wanted: Sequence[str],
    dialect: Dialect,
    naming: Naming = folded,
    at: int | None = None,
) -> str:
    """Why none of *lines*, the first of a file, is a header with the *wanted* columns.

    Of *at* see find_header.
    """
    if not any(line.strip() for line in lines):
        return "The file is empty."
    best = likeliest(lines, wanted, dialect, naming, at)
    for delimiter in DELIMITERS:
        other = likeliest(lines, wanted, Dialect(delimiter, dialect.quote), naming, at)
        if not best.found and len(other.found) > len(wanted) // 2:
            name = DELIMITER_NAMES.get(delimiter, delimiter)
            hint = f'set delimiter = "{name}"'
            return f"The columns in line {other.line} are separated by {shown(delimiter)}; {hint}."
    if not best.found:
        lost = HEADER_LOST if len(best.names) >= len(wanted) > 1 else ""
        if at is not None:
            none = f"Line {at}, the header, has none of the columns {listed(wanted)}, but"
            return f"{none} {listed(best.names)}.{lost}"
        none = f"None of the first {HEADER_LINES} lines has any of the columns {listed(wanted)}"
        return f"{none}; line {best.line} has {listed(best.names)}.{lost}"
    missing = [name for name in wanted if naming(name) not in best.found]
    extra = [name for name in best.names if naming(name) not in map(naming, wanted)]
    new = new_names(missing, extra)
    told = ", ".join(changes(missing, new, best.names))
    return (
        f"The header in line {best.line} does not fit the format: {told}."
        f" Its columns are {listed(best.names)}.{renamed(new)}"
    )


def likeliest(
    lines: Sequence[str], wanted: Sequence[str], dialect: Dialect, naming: Naming, at: int | None
) -> Candidate:
    """The line that has most of the *wanted* columns; of several, that with most columns, then the first."""
    needed = {naming(name) for name in wanted}
    found = []
    for _, line, row in candidates(lines, dialect, at):
        names = tuple(name.strip() for name in row if name.strip())
        found.append(Candidate(line, names, frozenset(needed & set(map(naming, names)))))
    nothing = Candidate(1, (), frozenset())
    return max(found, key=lambda each: (len(each.found), len(each.names)), default=nothing)


def new_names(missing: Sequence[str], extra: Sequence[str]) -> dict[str, str]:
    """What *missing* columns may be called now, the likest first; no name of *extra* twice."""
    pairs = ((likeness(folded(name), folded(other)), name, other) for name in missing for other in extra)
    found: dict[str, str] = {}
    for score, name, other in sorted(pairs, key=lambda pair: -pair[0]):
        if score >= ALIKE and name not in found and other not in found.values():
            found[name] = other
    return found


def changes(missing: Iterable[str], new: Mapping[str, str], names: Sequence[str]) -> Iterable[str]:
    """What became of each missing column: it has a *new* name, or is a misspelt one of all *names*."""
    left = [name for name in names if name not in new.values()]
    for name in missing:
        if name in new:
            yield f"column `{name}` is gone; `{printable(new[name])}` is new and looks like it"
        elif like := most_alike(name, left):
            yield f"column `{name}` is gone (is `{printable(like)}` meant?)"
        else:
            yield f"column `{name}` is gone"


def renamed(new: Mapping[str, str]) -> str:
    """The line that mends it where columns have *new* names, as a sentence; empty for no such column."""
    told = ", ".join(f'"{printable(name)}" = ["{printable(like)}"]' for name, like in new.items())
    same = "it is the same" if len(new) == 1 else "they are the same"
    return f" If {same}, set aliases = {{ {told} }}." if new else ""


def most_alike(name: str, others: Iterable[str]) -> str | None:
    """The one of *others* that *name* may have become."""
    scored = [(likeness(folded(name), folded(other)), other) for other in others]
    best = max(scored, default=(0.0, ""), key=lambda pair: pair[0])
    return best[1] if best[0] >= ALIKE else None


def likeness(one: str, other: str) -> float:
    """From 0 to 1; a name that holds all words of the other is a near one."""
    words = (set(one.split()), set(other.split()))
    if words[0] <= words[1] or words[1] <= words[0]:
        return 0.9
    return SequenceMatcher(None, one, other).ratio()


def listed(names: Sequence[str]) -> str:
    """*names* in a row, cut where there are many."""
    told = ", ".join(f"`{printable(name)}`" for name in names[:NAMES_TOLD])
    more = len(names) - NAMES_TOLD
    return f"{told} and {more} more" if more > 0 else told or "no columns"


def printable(text: str) -> str:
    """*text* of a file as a sentence may quote it: on one line, cut when it is long."""
    return "".join(sign if sign.isprintable() else " " for sign in text[:SHOWN_CHARACTERS])


def shown(delimiter: str) -> str:
    return DELIMITER_NAMES.get(delimiter, f'"{delimiter}"')
