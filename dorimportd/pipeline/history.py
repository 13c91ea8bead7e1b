"""How deliveries were read: kept in the spool, so that they can be read as they were read.

What the importer decided is written here before the store has it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Final

from dorimportd.errors import HoldFile, NotAccepted, StoreAway
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import Format, parse_format
from dorimportd.parse.written import written
from dorimportd.pipeline.importer import Plan
from dorimportd.spool.outcomes import NO_PAST, Outcomes, Past, Reading
from dorimportd.store.deliveries import DeliveryRow
from dorimportd.store.store import Store
from dorimportd.toml import BadToml
from dorimportd.words import Envelope, State

FORMATS_KEPT: Final = 64  # in memory, parsed


class History:
    """What was done with each delivery of a spool; may be called from several threads at once."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
        self._format = lru_cache(FORMATS_KEPT)(self._read_format)

    def past(self, sequence: int) -> Past | None:
        """What was done with a delivery; None when that is not known.  Raises SpoolFailing."""
        return self._outcomes.past(sequence)

    def plan(self, reading: Reading) -> Plan:
        """How it was read.  Raises HoldFile when the format is not there any more."""
        day = None if reading.received is None else date.fromisoformat(reading.received)
        defaults = Defaults(reading.timezone, reading.currency, day)
        return Plan(reading.format, self._format(reading.format), defaults)

    def imported(self, sequence: int, plan: Plan, *, released: bool) -> None:
        """Say that a delivery goes into the table by *plan*.  Raises StoreAway."""
        try:
            self._outcomes.keep_format(digest_of(plan.tag), written(plan.format))
            earlier = self.past(sequence) or NO_PAST
            self._outcomes.put(sequence, earlier.read(reading_by(plan.tag, plan.defaults, released)))
        except NotAccepted as refusal:
            raise not_written(sequence, refusal) from refusal

    def held(self, sequence: int, reason: str) -> None:
        """Say that a delivery is held.  Raises StoreAway."""
        try:
            earlier = (self.past(sequence) or NO_PAST).readings
            self._outcomes.put(sequence, Past(State.HELD, reason, earlier))
        except NotAccepted as refusal:
            raise not_written(sequence, refusal) from refusal

    def mend(self, store: Store, plan_now: Callable[[Envelope], Plan], newest: int) -> int:
        """Write anew, of the *newest* deliveries in *store*, the outcomes that a power cut took; how many.

        The store has said by which format each was read.  Time zone and currency are those of the customer
        by *plan_now*, which may raise HoldFile; then nothing is written, as where the format was not kept.
        Raises StoreAway.
        """
        return sum(self._mended(row, plan_now) for row in store.deliveries(limit=newest))

    def _mended(self, row: DeliveryRow, plan_now: Callable[[Envelope], Plan]) -> bool:
        try:
            begun = row.outcome.state.final or row.windows > 0
            if not begun or self.past(row.sequence) is not None:
                return False
            past = self._told_by(row, plan_now)
            if past is not None:
                self._outcomes.put(row.sequence, past)
        except NotAccepted as refusal:
            raise not_written(row.sequence, refusal) from refusal
        return past is not None

    def _told_by(self, row: DeliveryRow, plan_now: Callable[[Envelope], Plan]) -> Past | None:
        """What the store knows of it; None where the text of its format was never kept."""
        outcome = row.outcome
        if outcome.state is State.HELD:
            return Past(State.HELD, outcome.reason)
        if outcome.format is None or self._outcomes.format(digest_of(outcome.format)) is None:
            return None
        try:
            defaults = plan_now(row.delivery.envelope).defaults
        except HoldFile:
            return None
        return NO_PAST.read(reading_by(outcome.format, defaults, row.released))

    def _read_format(self, tag: str) -> Format:
        text = self._outcomes.format(digest_of(tag))
        if text is None:
            raise HoldFile(
                f"The format {tag}, by which it was read, is not in the spool any more; "
                "a retry reads it by the format as it is now."
            )
        try:
            return parse_format(text, f"{digest_of(tag)}.toml")
        except BadToml as error:
            raise HoldFile(f"The format {tag}, by which it was read, cannot be read: {error}") from error


class Recalled(History):
    """The same, of which nothing is written: what is built from it is another store's.

    Where only *store* knows that a delivery is held, it tells.
    """

    def __init__(self, outcomes: Outcomes, store: Store | None = None) -> None:
        super().__init__(outcomes)
        self._store = store

    def past(self, sequence: int) -> Past | None:
        past = super().past(sequence)
        row = None if past is not None or self._store is None else self._store.delivery(sequence)
        if row is not None and row.outcome.state is State.HELD:
            return Past(State.HELD, row.outcome.reason)
        return past

    def imported(self, sequence: int, plan: Plan, *, released: bool) -> None:
        """Nothing."""

    def held(self, sequence: int, reason: str) -> None:
        """Nothing."""


def reading_by(tag: str, defaults: Defaults, released: bool) -> Reading:
    """What is kept of a reading by the format *tag*."""
    day = None if defaults.received is None else defaults.received.isoformat()
    return Reading(tag, defaults.timezone, defaults.currency, day, released)


def digest_of(tag: str) -> str:
    """Of NAME@DIGEST."""
    return tag.rpartition("@")[2]


def not_written(sequence: int, refusal: NotAccepted) -> StoreAway:
    """What waits and is tried again, as when the database is away: the disk may be full."""
    return StoreAway(f"The outcome of delivery {sequence} cannot be written: {refusal.for_us()}")
