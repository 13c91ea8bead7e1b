"""Samples of the files that were imported lately, by which the next one is known again."""

from __future__ import annotations

from typing import Final

from dorimportd.store.migrations.version import Version

TABLES: Final = (
    """
    CREATE TABLE sample (
        sequence {key} REFERENCES delivery,
        customer {text} NOT NULL,
        format {text} NOT NULL,
        received_at BIGINT NOT NULL,
        anew BOOLEAN NOT NULL,
        shown {text} NOT NULL
    )
    """,
    "CREATE INDEX sample_of ON sample (customer, format, sequence)",
)

VERSION: Final = Version(both=TABLES)
