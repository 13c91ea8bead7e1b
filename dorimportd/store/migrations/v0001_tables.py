"""The first tables, and the view for SQL and BI tools."""

from __future__ import annotations

from typing import Final

from dorimportd.store.migrations.version import Version

TABLES: Final = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL)",
    "INSERT INTO schema_version VALUES (0)",
    """
    CREATE TABLE customer (
        id {number},
        name {text} NOT NULL UNIQUE,
        transactions BIGINT NOT NULL
    )
    """,
    """
    CREATE TABLE delivery (
        sequence {key},
        customer {text} NOT NULL,
        channel {text} NOT NULL,
        name {text} NOT NULL,
        size BIGINT NOT NULL,
        sha256 {text} NOT NULL,
        peer {text} NOT NULL,
        message_id {text},
        received_at BIGINT NOT NULL,
        state {text} NOT NULL,
        reason {text},
        format {text},
        "rows" BIGINT NOT NULL,
        imported BIGINT NOT NULL,
        unchanged BIGINT NOT NULL,
        replaced BIGINT NOT NULL,
        duplicates BIGINT NOT NULL,
        rejected BIGINT NOT NULL,
        tries INTEGER NOT NULL,
        windows INTEGER NOT NULL,
        released BOOLEAN NOT NULL
    )
    """,
    "CREATE INDEX delivery_state ON delivery (state, sequence)",
    "CREATE INDEX delivery_customer ON delivery (customer, sequence)",
    "CREATE INDEX delivery_bytes ON delivery (sha256, customer, sequence)",
    """
    CREATE TABLE reject (
        sequence BIGINT NOT NULL REFERENCES delivery,
        number BIGINT NOT NULL,
        line BIGINT NOT NULL,
        field {text} NOT NULL,
        value {text} NOT NULL,
        rule {text} NOT NULL,
        raw_text {text} NOT NULL,
        PRIMARY KEY (sequence, number)
    ) {sorted_by_key}
    """,
    # No further index, and no foreign key that is looked up for each row: either halves the speed.  The
    # order of the columns leaves PostgreSQL no gaps to fill.
    """
    CREATE TABLE sale (
        units BIGINT NOT NULL,
        occurred_at BIGINT NOT NULL,
        sequence BIGINT NOT NULL,
        line BIGINT NOT NULL,
        customer INTEGER NOT NULL,
        utc_offset INTEGER NOT NULL,
        scale SMALLINT NOT NULL,
        transaction_id {text} NOT NULL,
        location {text} NOT NULL,
        currency {text} NOT NULL,
        PRIMARY KEY (customer, transaction_id)
    ) {sorted_by_key}
    """,
)

# SQLite has no exact decimals and no times: both are text.  Its % has the sign of the left side, so that
# the fraction of a second before 1970 takes two steps.
SQLITE_VIEW: Final = """
    CREATE VIEW sales AS
    SELECT
        customer.name AS customer,
        location,
        transaction_id,
        CASE scale
            WHEN 0 THEN CAST(units AS TEXT)
            ELSE printf(
                '%s%d.%0*d',
                CASE WHEN units < 0 THEN '-' ELSE '' END,
                abs(units) / CAST(substr('10000', 1, scale + 1) AS INTEGER),
                scale,
                abs(units) % CAST(substr('10000', 1, scale + 1) AS INTEGER)
            )
        END AS total,
        currency,
        strftime('%Y-%m-%dT%H:%M:%S', (occurred_at - micros) / 1000000, 'unixepoch')
            || CASE micros WHEN 0 THEN '' ELSE printf('.%06d', micros) END || 'Z' AS occurred_at,
        strftime('%Y-%m-%dT%H:%M:%S', (occurred_at - micros) / 1000000 + utc_offset, 'unixepoch')
            || CASE micros WHEN 0 THEN '' ELSE printf('.%06d', micros) END AS local_time,
        units < 0 AS is_refund,
        sequence AS delivery
    FROM (SELECT *, (occurred_at % 1000000 + 1000000) % 1000000 AS micros FROM sale) AS sale
    JOIN customer ON customer.id = sale.customer
"""

POSTGRESQL_VIEW: Final = """
    CREATE VIEW sales AS
    SELECT
        customer.name AS customer,
        location,
        transaction_id,
        units * CASE scale WHEN 0 THEN 1 WHEN 1 THEN 0.1 WHEN 2 THEN 0.01 WHEN 3 THEN 0.001 ELSE 0.0001 END
            AS total,
        currency,
        timestamptz 'epoch' + occurred_at * interval '1 microsecond' AS occurred_at,
        timestamp 'epoch' + (occurred_at + utc_offset * 1000000::bigint) * interval '1 microsecond'
            AS local_time,
        units < 0 AS is_refund,
        sequence AS delivery
    FROM sale
    JOIN customer ON customer.id = sale.customer
"""

VERSION: Final = Version(both=TABLES, sqlite=(SQLITE_VIEW,), postgresql=(POSTGRESQL_VIEW,))
