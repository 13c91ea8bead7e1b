"""The store from the spool: every delivery once more, in their order, each as it was read.

One of which that is not known is read by the format as it is now.  What those told whose bytes were removed
comes first, out of the database in use; then it wins against older deliveries and not against newer ones.
Works beside a daemon: deliveries that come meanwhile are taken along, up to the last one at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from dorimportd.errors import NotAccepted
from dorimportd.pipeline.importer import Importer
from dorimportd.spool.spool import Spool
from dorimportd.store.store import Store
from dorimportd.store.transfer import Taken
from dorimportd.words import Delivery, Outcome, State

REGISTERED_AT_ONCE: Final = 1000  # deliveries in one database transaction
ENDLESS: Final = (1 << 63) - 1


@dataclass(slots=True)
class Rebuilt:
    """What was done."""

    deliveries: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))  # by their outcome
    unknown: int = 0  # deliveries of which was not known how they were read
    lost: list[tuple[int, str]] = field(default_factory=list)  # that cannot be read any more, and why
    taken: Taken = field(default_factory=Taken)  # of those whose bytes were removed

    @property
    def total(self) -> int:
        return sum(self.deliveries.values())


def rebuild(
    spool: Spool,
    store: Store,
    importer: Importer,
    present: Store | None,
    *,
    step: Callable[[], None],
    upto: int = ENDLESS,
) -> Rebuilt:
    """Import all deliveries of *spool* up to *upto* by *importer*, whose store *store* has none of them.

    Nothing may be removed meanwhile.  What was comes from the *present* store.
    Calls *step* before each.  Raises StoreAway; then, as after a crash, the store is half filled.
    """
    done, last = Rebuilt(), 0
    removed = {each for each in below(spool.sequences(), upto) if is_removed(spool, each)}
    if removed and present is not None:
        done.taken = store.take_over(present, removed)
    while some := list(islice(below(spool.sequences(last), upto), REGISTERED_AT_ONCE)):
        last = some[-1]
        found = list(readable(spool, some, done))
        store.register(found)
        for delivery in found:
            step()
            if delivery.sequence in removed:
                count_removed(spool, store, delivery.sequence, done)
                continue
            outcome = imported(store, importer, delivery, done)
            done.deliveries[outcome.state] += 1
            done.unknown += spool.outcomes.past(delivery.sequence) is None
    return done


def below(sequences: Iterator[int], upto: int) -> Iterator[int]:
    return (each for each in sequences if each <= upto)


def is_removed(spool: Spool, sequence: int) -> bool:
    """Whether its bytes were, as far as that can be read."""
    try:
        return spool.removed_at(sequence) is not None
    except NotAccepted:
        return False


def count_removed(spool: Spool, store: Store, sequence: int, done: Rebuilt) -> None:
    """Count one whose bytes were removed; without what it told in another store it is held, and lost."""
    if sequence not in done.taken.deliveries:
        day = f"{spool.removed_at(sequence):%Y-%m-%d}"
        reason = f"Its bytes were removed on {day}, and the database in use does not know what it told."
        done.lost.append((sequence, reason))
        store.set_state(sequence, State.HELD, reason)
    row = store.delivery(sequence)
    assert row is not None
    done.deliveries[row.outcome.state] += 1


def readable(spool: Spool, sequences: list[int], done: Rebuilt) -> Iterator[Delivery]:
    """Those whose envelope can be read; the others are lost."""
    for sequence in sequences:
        try:
            yield spool.delivery(sequence)
        except NotAccepted as refusal:
            done.lost.append((sequence, cause_of(refusal)))


def imported(store: Store, importer: Importer, delivery: Delivery, done: Rebuilt) -> Outcome:
    """Import one; without its bytes it is held."""
    try:
        return importer.import_delivery(delivery.sequence)[1]
    except NotAccepted as refusal:
        done.lost.append((delivery.sequence, cause_of(refusal)))
        reason = f"It cannot be read any more: {cause_of(refusal)}"
        store.set_state(delivery.sequence, State.HELD, reason)
        return Outcome(State.HELD, reason=reason)


def cause_of(refusal: NotAccepted) -> str:
    """What lies behind it, without what a sender would be told."""
    cause = refusal.__cause__
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause or refusal)
