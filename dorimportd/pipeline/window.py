"""Rows of a file that go into the store together, and what is kept of them until that is decided.

A large file is read to its end before the first row of it is written.  Packed, a row takes some twenty bytes
and a microsecond each way, where to read it again takes several times as long.  The rows of a file that are
too many for the shelf are not kept: it is read again.
"""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, NamedTuple

from dorimportd.parse.batch import Batch
from dorimportd.words import Reject, TransactionRow

WINDOW: Final = 100_000  # rows in one database transaction
CHARACTERS: Final = 33_554_432  # of its rejects
SHELF_BYTES: Final = 33_554_432  # some two million rows
# While these are turned into bytes all other threads wait: some milliseconds.
ROWS_AT_ONCE: Final = 5_000
REJECTS_AT_ONCE: Final = 100
LEVEL: Final = 1  # zlib's quickest
CLEARED_AT_ONCE: Final = 2_000  # rows


@dataclass(slots=True)
class Window:
    """Rows that go into the store together.

    There are up to 100,000 of them; fewer where rejects have much text, so that memory is bounded.
    """

    transactions: list[TransactionRow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    rows: int = 0
    further: dict[int, int] = field(default_factory=dict)
    characters: int = 0  # of the rejects

    def has_room_for(self, batch: Batch) -> bool:
        """Whether *batch* is to go into this one; an empty window takes any."""
        many = self.rows + batch.rows > WINDOW
        long = self.characters + characters_of(batch.rejects) > CHARACTERS
        return not self.rows or not (many or long)

    def clear(self) -> None:
        """Let go of the rows, in steps: a hundred thousand at once would hold up all other threads."""
        while self.transactions:
            del self.transactions[-CLEARED_AT_ONCE:]

    def add(self, batch: Batch) -> None:
        self.transactions += batch.transactions
        self.rejects += batch.rejects
        self.characters += characters_of(batch.rejects)
        self.rows += batch.rows
        self.further |= batch.further


def characters_of(rejects: Sequence[Reject]) -> int:
    return sum(len(reject.raw) + len(reject.value) for reject in rejects)


class Packed(NamedTuple):
    """A window, packed in parts."""

    transactions: list[bytes]
    rejects: list[bytes]
    counts: bytes  # its rows, and those of line items

    @property
    def size(self) -> int:
        return sum(map(len, chain(self.transactions, self.rejects, [self.counts])))


class Shelf:
    """The windows of one file, in their order."""

    def __init__(self) -> None:
        self._windows: list[Packed] = []
        self._bytes = 0
        self.is_whole = True  # whether all that was put here is still here

    def put(self, window: Window) -> None:
        """Keep what *window* holds now, which is then free to be cleared."""
        if not self.is_whole:
            return
        packed = pack(window)
        self._bytes += packed.size
        self._windows.append(packed)
        if self._bytes > SHELF_BYTES:
            self.is_whole = False
            self._windows.clear()

    def take(self) -> Iterator[Window]:
        """All windows, each let go as it is taken."""
        self._windows.reverse()
        while self._windows:
            yield unpack(self._windows.pop())


def pack(window: Window) -> Packed:
    rejects = list(map(tuple, window.rejects))  # marshal takes none of a type of its own
    return Packed(
        in_parts(window.transactions, ROWS_AT_ONCE),
        in_parts(rejects, REJECTS_AT_ONCE),
        squeezed((window.rows, window.further)),
    )


def unpack(packed: Packed) -> Window:
    rows, further = spread(packed.counts)
    window = Window(rows=rows, further=further)
    for part in packed.transactions:
        window.transactions += spread(part)
    for part in packed.rejects:
        window.rejects += map(Reject._make, spread(part))
    return window


def in_parts(rows: Sequence[tuple[Any, ...]], size: int) -> list[bytes]:
    return [squeezed(rows[start : start + size]) for start in range(0, len(rows), size)]


def squeezed(value: Any) -> bytes:
    return zlib.compress(marshal.dumps(value), LEVEL)


def spread(part: bytes) -> Any:
    return marshal.loads(zlib.decompress(part))
