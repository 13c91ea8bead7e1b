"""What another format would make of files that are there: the same file read by both, row by row.

A row is told by the line on which it begins.  By each format it is stored, rejected, or left out; and where
rows are grouped, those of which nothing is told are taken as parts of a transaction:

    old        new        the row is
    stored     stored     same, or changed
    stored     rejected   newly rejected; also one that was left out
    rejected   stored     newly accepted; also one that was left out
    stored     left out   left out; also one that was rejected
    rejected   rejected   same

Beside that the IDs of the whole file are compared: of those that it has by one format only, the transactions
vanish or appear; a row that withdraws one is stored, but is none.  A file that is held by one of them has no
rows to compare.

One file is read at a time, by both formats in step.  What is remembered of it are its IDs, and where rows are
grouped all that it becomes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import merge
from operator import itemgetter
from typing import BinaryIO, Final, NamedTuple

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Batch
from dorimportd.parse.read import read
from dorimportd.pipeline.importer import Plan
from dorimportd.words import Delivery, Envelope, Reject, Transaction

EXAMPLES: Final = 5  # of each kind
OLD: Final = 1
NEW: Final = 2

FILES: Final = ("same", "changed", "newly_held", "no_longer_held", "held")
NO_DIFFERENCE: Final = ("same", "held")

Told = Transaction | Reject


class Kind(StrEnum):
    """What becomes of a row."""

    SAME = "same"
    CHANGED = "changed"
    NEWLY_REJECTED = "newly_rejected"
    NEWLY_ACCEPTED = "newly_accepted"
    LEFT_OUT = "left_out"


class Change(NamedTuple):
    """A row that another format reads otherwise."""

    line: int
    old: Told | None
    new: Told | None


@dataclass(slots=True)
class FileDiff:
    """What becomes of one file."""

    old_held: str | None = None  # the reason, where it is held as a whole
    new_held: str | None = None
    rows: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    examples: dict[Kind, list[Change]] = field(default_factory=lambda: {kind: [] for kind in Kind})
    vanish: list[str] = field(default_factory=list)  # IDs that only the old format finds
    appear: list[str] = field(default_factory=list)

    @property
    def becomes(self) -> str:
        """What becomes of the file as a whole, as FILES has it."""
        if self.old_held is not None:
            return "held" if self.new_held is not None else "no_longer_held"
        if self.new_held is not None:
            return "newly_held"
        changed = sum(count for kind, count in self.rows.items() if kind is not Kind.SAME)
        return "changed" if changed or self.vanish or self.appear else "same"

    def add(self, kind: Kind, change: Change, rows: int) -> None:
        self.rows[kind] += rows
        if kind is not Kind.SAME and len(self.examples[kind]) < EXAMPLES:
            self.examples[kind].append(change)


class Line(NamedTuple):
    """What a format says of the row that begins on a line."""

    line: int
    told: Told
    rows: int  # of the file, of which a transaction is made


class Reading:
    """A file, read by one plan: its lines in order, and whether it is held in the end."""

    def __init__(self, stream: BinaryIO, envelope: Envelope, plan: Callable[[], Plan]) -> None:
        self._stream = stream
        self._envelope = envelope
        self._plan = plan
        self.held: str | None = None
        self.groups = False  # so that rows of which nothing is told may be parts of a transaction

    def lines(self) -> Iterator[Line]:
        """To its end, and if that is to be held, to there."""
        try:
            plan = self._plan()
            self.groups = plan.format.group_by is not None
            batches = read(self._stream, plan.format, plan.defaults, self._envelope.name)
            if self.groups:  # what is told of them comes in the order of the file only in parts
                told = [line for batch in batches for line in lines_of(batch)]
                yield from sorted(told, key=itemgetter(0))
            else:
                for batch in batches:
                    yield from lines_of(batch)
        except HoldFile as reason:
            self.held = str(reason)


def lines_of(batch: Batch) -> Iterator[Line]:
    """What a batch tells, by line."""
    rejects = (Line(each.line, each, 1) for each in batch.rejects)
    transactions = (
        Line(each.line, each, 1 + batch.further.get(each.line, 0))
        for each in map(Transaction._make, batch.transactions)
    )
    return merge(transactions, rejects, key=itemgetter(0))


def compare(open_bytes: Callable[[], BinaryIO], envelope: Envelope, old: Plan | None, new: Plan) -> FileDiff:
    """What becomes of the file with this *envelope* that *open_bytes* opens; *old* is None without a format.

    Raises what *open_bytes* raises.
    """
    with ExitStack() as opened:
        one = Reading(opened.enter_context(open_bytes()), envelope, lambda: known(old))
        other = Reading(opened.enter_context(open_bytes()), envelope, lambda: new)
        found, ids = FileDiff(), dict[str, int]()
        for before, after in in_step(one.lines(), other.lines()):
            for line, side in ((before, OLD), (after, NEW)):
                if line is not None and isinstance(line.told, Transaction) and not line.told.withdrawn:
                    ids[line.told.transaction_id] = ids.get(line.told.transaction_id, 0) | side
            count_row(found, before, after, one.groups, other.groups)
    if one.held is not None or other.held is not None:
        return FileDiff(one.held, other.held)
    found.vanish = [each for each, sides in ids.items() if sides == OLD]
    found.appear = [each for each, sides in ids.items() if sides == NEW]
    return found


def known(plan: Plan | None) -> Plan:
    if plan is None:
        raise HoldFile("The customer has no format for a file of this name.")
    return plan


def in_step(one: Iterator[Line], other: Iterator[Line]) -> Iterator[tuple[Line | None, Line | None]]:
    """Both sides of each line of which one of them tells something."""
    before, after = next(one, None), next(other, None)
    while before is not None or after is not None:
        if after is None or (before is not None and before.line < after.line):
            yield before, None
            before = next(one, None)
        elif before is None or after.line < before.line:
            yield None, after
            after = next(other, None)
        else:
            yield before, after
            before, after = next(one, None), next(other, None)


def count_row(
    found: FileDiff, before: Line | None, after: Line | None, old_groups: bool, new_groups: bool
) -> None:
    """Add to *found* what becomes of a row."""
    line = before or after
    assert line is not None
    old, new = before and before.told, after and after.told
    kind = kind_of(old, new, old_groups=old_groups, new_groups=new_groups)
    rows = min(each.rows for each in (before, after) if each is not None)
    found.add(kind, Change(line.line, old, new), rows)


def kind_of(old: Told | None, new: Told | None, *, old_groups: bool, new_groups: bool) -> Kind:
    """What becomes of a row, by the table above."""
    old_stored = isinstance(old, Transaction) or (old is None and old_groups)
    new_stored = isinstance(new, Transaction) or (new is None and new_groups)
    if old_stored and new_stored:
        return Kind.SAME if old == new else Kind.CHANGED
    if new_stored:
        return Kind.NEWLY_ACCEPTED
    if isinstance(new, Reject):
        return Kind.SAME if isinstance(old, Reject) else Kind.NEWLY_REJECTED
    return Kind.LEFT_OUT


class Named(NamedTuple):
    """An example, and of which delivery it is."""

    sequence: int
    name: str
    example: Change | str  # a row; an ID; the reason to hold the file


@dataclass(slots=True)
class ArchiveDiff:
    """What becomes of all the files together; of those that differ a line each is kept."""

    files: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FILES, 0))
    gone: int = 0  # files of which the bytes are not there any more
    rows: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    vanish: int = 0
    appear: int = 0
    differing: list[tuple[Delivery, str]] = field(default_factory=list)
    examples: dict[str, list[Named]] = field(default_factory=lambda: defaultdict(list))

    @property
    def differs(self) -> bool:
        return bool(self.differing)

    def add(self, delivery: Delivery, found: FileDiff) -> None:
        """Add what becomes of one file."""
        becomes = found.becomes
        self.files[becomes] += 1
        if becomes not in NO_DIFFERENCE:
            self.differing.append((delivery, becomes))
        for kind, count in found.rows.items():
            self.rows[kind] += count
            self._keep(kind.value, delivery, found.examples[kind])
        self.vanish += len(found.vanish)
        self.appear += len(found.appear)
        self._keep("vanish", delivery, found.vanish)
        self._keep("appear", delivery, found.appear)
        if becomes in ("newly_held", "no_longer_held"):
            self._keep(becomes, delivery, [found.new_held or found.old_held or ""])

    def _keep(self, kind: str, delivery: Delivery, some: Sequence[Change | str]) -> None:
        kept = self.examples[kind]
        left = EXAMPLES - len(kept)
        kept += [Named(delivery.sequence, delivery.envelope.name, each) for each in some[:left]]
