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
        past = outcomes.past(row.sequence)
        if past is not None and past.state is State.RECEIVED:
            store.set_state(row.sequence, State.RECEIVED)
