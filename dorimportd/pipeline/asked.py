"""Deliveries that somebody asked for while the store could not be told: it still says that they are held.

The spool says so first, always: whoever asks for one may be unable to reach the store, or killed before.
"""

from __future__ import annotations

from dorimportd.spool.outcomes import Outcomes
from dorimportd.store.store import Store
from dorimportd.words import State


def ask_store_again(outcomes: Outcomes, store: Store) -> None:
    """Let those wait in the store that are held there, and not in the spool.

    Raises StoreAway, SpoolFailing.
    """
    for row in store.deliveries(state=State.HELD):
        if was_asked_for(outcomes, row.sequence):
            store.set_state(row.sequence, State.RECEIVED)


def was_asked_for(outcomes: Outcomes, sequence: int) -> bool:
    """Whether a delivery that the store holds is to be read again.

    Ask it also after holding one: it may have been asked for while its outcome was on its way to the store.
    Raises SpoolFailing.
    """
    past = outcomes.past(sequence)
    return past is not None and past.state is State.RECEIVED
