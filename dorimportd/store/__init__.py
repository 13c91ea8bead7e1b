"""THE TABLE: what was sold, who told it, and what became of each delivery.

    open_store(url) ──> Store ──┬── deliveries.py    states, counts, rejects
                                ├── imports.py ──┬── upsert.py       windows of rows, highest sequence wins
                                │                ├── meetings.py     what they meet in the table
                                │                └── absent.py       what a file of whole days does not tell
                                ├── samples.py       what the last files were like
                                ├── sales.py         the transactions, as they are read
                                └── transfer.py      out of one database into another
    models.py       the tables          migrations/    how they came to be; the view `sales`
    connect.py      connections and their faults       sqlite.py  postgresql.py    where the two differ
    patience.py     how long PostgreSQL is waited for

The only room that knows Peewee.  The database is derived from the spool, plus outcomes; it can be built
again.  Everything here blocks and runs on worker threads or in dorimportctl.  It knows nothing of files,
formats and configuration.
"""

from __future__ import annotations

from dorimportd.store.deliveries import DeliveryRow, Waiting
from dorimportd.store.imports import Run
from dorimportd.store.sales import SalesRow, ToldRow
from dorimportd.store.samples import Sample, Shown
from dorimportd.store.store import Store, open_new_store, open_store

__all__ = [
    "DeliveryRow",
    "Run",
    "SalesRow",
    "Sample",
    "Shown",
    "Store",
    "ToldRow",
    "Waiting",
    "open_new_store",
    "open_store",
]
