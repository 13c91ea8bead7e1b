"""Withdrawn transactions, which the view leaves out."""

from __future__ import annotations

from typing import Final

from dorimportd.store.migrations.v0001_tables import POSTGRESQL_VIEW, SQLITE_VIEW
from dorimportd.store.migrations.version import Version

COLUMNS: Final = ("ALTER TABLE sale ADD COLUMN withdrawn BOOLEAN NOT NULL DEFAULT FALSE",)
SHOWN: Final = "WHERE NOT withdrawn"

# Replaced and not made anew, lest those who were granted it lose it.
REPLACED: Final = POSTGRESQL_VIEW.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")

VERSION: Final = Version(
    both=COLUMNS,
    sqlite=("DROP VIEW sales", f"{SQLITE_VIEW}{SHOWN}"),
    postgresql=(f"{REPLACED}{SHOWN}",),
)
