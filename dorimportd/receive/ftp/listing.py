"""What LIST, NLST, MLSD and MLST show of a customer's root folder.

Made of values only; a listing takes a while and is made on a worker thread, page by page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from fnmatch import translate
from typing import Final

from dorimportd.spool.names import is_temporary
from dorimportd.spool.roots import Entry

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
YEAR_SHOWN_AFTER: Final = 180 * 86_400  # seconds
GLOB: Final = frozenset("*?[")

Render = Callable[[Entry], str]


def moment(seconds: int) -> str:
    """A time as MDTM and the fact `modify` have it: UTC (RFC 3659 section 2.3)."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%d%H%M%S}"


# Facts of a file (RFC 3659 section 7.5), in the order in which they are shown.  Appending, reading and
# sending again are possible for all; only a temporary name may be renamed.
FACTS: Final[dict[str, Render]] = {
    "type": lambda entry: "file",
    "size": lambda entry: str(entry.size),
    "modify": lambda entry: moment(entry.modified_at),
    "perm": lambda entry: "afrw" if is_temporary(entry.name) else "arw",
    "unique": lambda entry: "" if entry.sequence is None else str(entry.sequence),
}
# What can be done in the root folder: files made, entered, listed.
ROOT_FACTS: Final = {"type": "dir", "perm": "cel"}


def facts_of(entry: Entry, wanted: Iterable[str]) -> str:
    """The *wanted* facts that the file has; a blank and its name go behind them."""
    known = ((fact, FACTS[fact](entry)) for fact in wanted)
    return "".join(f"{fact}={value};" for fact, value in known if value)


def facts_of_root(wanted: Iterable[str]) -> str:
    """The *wanted* facts of the root folder."""
    return "".join(f"{fact}={ROOT_FACTS[fact]};" for fact in wanted if fact in ROOT_FACTS)


def long_line(entry: Entry, owner: str, now: float) -> str:
    """One line of LIST, as `ls -l` writes it, which is what clients read."""
    modified = datetime.fromtimestamp(entry.modified_at, UTC)
    recent = abs(now - entry.modified_at) < YEAR_SHOWN_AFTER
    when = f"{modified:%H:%M}" if recent else f"{modified.year:5}"
    date = f"{MONTHS[modified.month - 1]} {modified.day:2} {when}"
    return f"-rw-r----- 1 {owner} {owner} {entry.size:>12} {date} {entry.name}"


def lines(entries: Iterable[Entry], render: Render) -> bytes:
    """What goes over the data connection."""
    return "".join(f"{render(each)}\r\n" for each in entries).encode()


def matching(entries: Iterable[Entry], pattern: str) -> Iterator[Entry]:
    """Those of *entries* whose name fits *pattern*, with * ? and [ ]."""
    fits = re.compile(translate(pattern)).match
    yield from (each for each in entries if fits(each.name))


def is_pattern(name: str) -> bool:
    """Whether *name* is meant for several files."""
    return not GLOB.isdisjoint(name)
