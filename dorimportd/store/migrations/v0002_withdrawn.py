"""Withdrawn transactions, which the view leaves out, and those that a file of whole days leaves untold."""

from __future__ import annotations

from typing import Final

from dorimportd.store.migrations.v0001_tables import POSTGRESQL_VIEW, SQLITE_VIEW
from dorimportd.store.migrations.version import Version

COLUMNS: Final = (
    "ALTER TABLE sale ADD COLUMN withdrawn BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE delivery ADD COLUMN absent BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE delivery ADD COLUMN absent_ids {text} NOT NULL DEFAULT '[]'",
    # An import that was begun by the version before starts again: files are cut into other windows now.
    "UPDATE delivery SET windows = 0",
)
SHOWN: Final = "WHERE NOT withdrawn"

# Replaced and not made anew, lest those who were granted it lose it.
REPLACED: Final = POSTGRESQL_VIEW.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")

VERSION: Final = Version(
    both=COLUMNS,
    sqlite=("DROP VIEW sales", f"{SQLITE_VIEW}{SHOWN}"),
    postgresql=(f"{REPLACED}{SHOWN}",),
)
