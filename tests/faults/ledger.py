"""What was sent and acknowledged, against what is in the spool and the store.

Nothing here asks the daemon: the spool is read as files, and the table is worked out from what was sent, in
the order of the sequences.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from faults.sales import SalesFile, Told

from dorimportd.pipeline.window import WINDOW
from dorimportd.store.store import Store
from dorimportd.words import Counts, State

Row = tuple[Any, ...]  # location, ID, total, currency, time and delivery of a transaction


@dataclass(slots=True)
class Sent:
    """A file that was sent, once or several times."""

    file: SalesFile
    attempts: int = 0
    acknowledged: int = 0
    sequences: list[int] = field(default_factory=list)  # that the sender was told


class Accepted(NamedTuple):
    """A delivery as it lies in the spool."""

    sequence: int
    envelope: dict[str, Any]
    sha256: str  # of its bytes

    @property
    def customer(self) -> str:
        return str(self.envelope["customer"])


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What must come of all that was accepted."""

    tables: dict[str, dict[str, Row]]  # by customer and ID
    overtaken: frozenset[int]  # deliveries between whose windows newer ones may have been imported


@dataclass(slots=True)
class Books:
    """All that was sent to one appliance."""

    sent: dict[tuple[str, str], Sent] = field(default_factory=dict)  # by customer and name
    retried: Counter[int] = field(default_factory=Counter)  # deliveries that were held, how often
    begun_again: bool = False  # an import found rows that it had put in itself, which are unchanged then

    def entry(self, file: SalesFile) -> Sent:
        return self.sent.setdefault((file.customer, file.name), Sent(file))

    def mistakes(self, state: Path, store: Store, log: str) -> list[str]:
        """What is not as it must be, when everything has its outcome."""
        spool = {each.sequence: each for each in accepted(state / "spool")}
        reckoned = self._reckon(spool.values())
        return [
            *self._wrong_deliveries(spool),
            *self._wrong_outcomes(spool, reckoned.overtaken, store),
            *self._wrong_rows(reckoned.tables, store),
            *self._wrong_leftovers(state / "spool"),
            *told_twice(log, self.retried),
        ]

    def _reckon(self, spool: Iterable[Accepted]) -> Reckoned:
        """The newest one first: what a newer one told stays.

        An older one that tells some of it again, and in several windows, may be overtaken: one at which the
        daemon died comes after the others of its customer.
        """
        tables: dict[str, dict[str, Row]] = {customer: {} for customer, _ in self.sent}
        overtaken = set()
        for each in sorted(spool, reverse=True):
            table, told = tables[each.customer], self._told(each)
            if told.rows > WINDOW and not told.sales.keys().isdisjoint(table):
                overtaken.add(each.sequence)
            for key, sale in told.sales.items():
                if key not in table:
                    table[key] = (sale.location, key, sale.total, "EUR", sale.occurred_at, each.sequence)
        return Reckoned(tables, frozenset(overtaken))

    def _told(self, delivery: Accepted) -> Told:
        return self.sent[delivery.customer, delivery.envelope["name"]].file.told()

    def _wrong_deliveries(self, spool: dict[int, Accepted]) -> Iterator[str]:
        """Every one acknowledged is there, and nothing that nobody sent."""
        found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for each in spool.values():
            envelope = each.envelope
            key = each.customer, envelope["name"]
            found[key].append(each.sequence)
            if key not in self.sent:
                yield f"delivery {each.sequence} is {key}, which nobody sent"
                continue
            file = self.sent[key].file
            said = (envelope["channel"], envelope["size"], envelope["sha256"], each.sha256)
            digest = hashlib.sha256(file.content).hexdigest()
            if said != (file.channel, len(file.content), digest, digest):
                yield f"delivery {each.sequence} is {said}, and {key} was sent"
        for key, sent in self.sent.items():
            there = found[key]
            if not sent.acknowledged <= len(there) <= sent.attempts:
                yield f"{key} is {there}, sent {sent.attempts} times, acknowledged {sent.acknowledged} times"
            if not set(sent.sequences) <= set(there):
                yield f"{key} is {there}, and its sender was told {sent.sequences}"

    def _wrong_outcomes(self, spool: dict[int, Accepted], overtaken: Set[int], store: Store) -> Iterator[str]:
        """Each is imported or held once, and counts add up."""
        rows = {each.sequence: each for each in store.deliveries()}
        if rows.keys() != spool.keys():
            yield f"deliveries {sorted(rows.keys() ^ spool.keys())} are in one of spool and store"
            return
        for sequence, row in rows.items():
            envelope, outcome = row.delivery.envelope, row.outcome
            file = self.sent[envelope.customer, envelope.name].file
            told = file.told()
            states = {State.HELD} if file.held else {State.IMPORTED, State.DUPLICATE}
            if outcome.state not in states:
                yield f"delivery {sequence} is {outcome.state}: {outcome.reason}"
            found = wrong_counts(told, outcome.counts, overtaken=sequence in overtaken)
            yield from (f"delivery {sequence}: {each}" for each in found)
            lines = [reject.line for reject in store.rejects(sequence)]
            if not file.held and lines != told.rejected:
                yield f"delivery {sequence} has rejects {lines}, not {told.rejected}"

    def _wrong_rows(self, tables: dict[str, dict[str, Row]], store: Store) -> Iterator[str]:
        """The table is what the files told, the highest sequence last."""
        for customer, expected in sorted(tables.items()):
            table = {each.transaction_id: each[1:6] + each[7:] for each in store.transactions(customer)}
            wrong = {key for key in table.keys() | expected.keys() if table.get(key) != expected.get(key)}
            for key in sorted(wrong)[:5]:
                yield f"{customer} {key} is {table.get(key)}, not {expected.get(key)}"
            if wrong:
                yield f"{customer}: {len(wrong)} of {len(expected)} transactions are wrong"
            counts = [each.outcome.counts for each in store.deliveries(customer)]
            fresh = sum(each.imported - each.replaced for each in counts)
            numbers = (store.transaction_counts().get(customer, 0), fresh)
            if numbers[0] != len(expected) or (fresh != len(expected) and not self.begun_again):
                yield f"{customer} has {numbers[0]} transactions, put in {numbers[1]}, not {len(expected)}"

    def _wrong_leftovers(self, spool: Path) -> Iterator[str]:
        """What was not accepted is the beginning of what was sent, if anything is left of it."""
        for folder in spool.glob("incoming/*/*"):
            note, data = folder / "upload", folder / "data"
            if not note.exists() or not note.read_text():
                continue  # nobody finds it, and age removes it
            name = json.loads(note.read_text())["name"].removesuffix(".part")
            content = self.sent[folder.parent.name, name].file.content
            gap = folder / "gap"
            size = int(gap.read_text()) if gap.exists() else data.stat().st_size
            if data.read_bytes()[:size] != content[:size]:
                yield f"{folder} is not the beginning of {name}"


def accepted(spool: Path) -> Iterator[Accepted]:
    for folder in sorted(spool.glob("accepted/*/[0-9]*")):
        envelope = json.loads((folder / "envelope").read_text())
        digest = hashlib.sha256((folder / "data").read_bytes()).hexdigest()
        yield Accepted(int(folder.name), envelope, digest)


def wrong_counts(told: Told, counts: Counts, *, overtaken: bool) -> Iterable[str]:
    """Of one that was *overtaken* a later row may meet a newer delivery where its earlier row was.

    That one is `unchanged` then, and no duplicate.
    """
    met_newer = told.duplicates - counts.duplicates if overtaken else 0
    whole = (counts.rows, counts.rejected, counts.duplicates, counts.imported + counts.unchanged)
    expected = (told.rows, len(told.rejected), told.duplicates - met_newer, len(told.sales) + met_newer)
    if (
        whole != expected
        or not 0 <= counts.replaced <= counts.imported
        or not 0 <= met_newer <= counts.unchanged
    ):
        return [f"{counts} do not add up to {expected}"]
    return []


def told_twice(log: str, retried: Mapping[int, int]) -> Iterator[str]:
    """An outcome is told once, and once more when it was *retried*; one that a kill came before by nobody."""
    found = Counter(re.findall(r"delivery (\d+) (?:imported|held|is a duplicate)", log))
    return (
        f"the outcome of delivery {number} was told {times} times"
        for number, times in found.items()
        if times > 1 + retried.get(int(number), 0)
    )
