"""The tables, as Peewee knows them; migrations/ makes them.

Unbound: whoever runs a query hands the database to `execute`.
"""

from __future__ import annotations

from typing import Final

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)

from dorimportd.words import Transaction


class Customers(Model):
    """A customer who has transactions: a small number to stand for the name in each row of them."""

    id = AutoField()
    name = TextField(unique=True)
    transactions = BigIntegerField()  # how many, so that nobody needs to count them

    class Meta:
        table_name = "customer"


class Deliveries(Model):
    """A delivery, and how far its import is."""

    sequence = BigIntegerField(primary_key=True)
    customer = TextField()
    channel = TextField()
    name = TextField()
    size = BigIntegerField()
    sha256 = TextField()
    peer = TextField()
    message_id = TextField(null=True)
    received_at = BigIntegerField()  # microseconds since 1970-01-01T00:00:00Z
    state = TextField()
    reason = TextField(null=True)
    format = TextField(null=True)  # that reads it; after a retry, that had read it to the end
    rows = BigIntegerField()
    imported = BigIntegerField()
    unchanged = BigIntegerField()
    replaced = BigIntegerField()
    duplicates = BigIntegerField()
    rejected = BigIntegerField()
    tries = IntegerField()
    windows = IntegerField()  # committed so far by `format`
    released = BooleanField()
    absent = BigIntegerField()
    absent_ids = TextField()  # the first of them, a JSON list

    class Meta:
        table_name = "delivery"


class Rejects(Model):
    """A row that was not imported."""

    sequence = BigIntegerField()
    number = BigIntegerField()  # within its delivery, from 0
    line = BigIntegerField()
    field = TextField()  # Reject.column, a word that SQL keeps for itself
    value = TextField()
    rule = TextField()
    raw_text = TextField()

    class Meta:
        table_name = "reject"
        primary_key = CompositeKey("sequence", "number")


class Samples(Model):
    """Some rows of a file that was imported lately: see samples.py."""

    sequence = BigIntegerField(primary_key=True)
    customer = TextField()
    format = TextField()  # its name without digest
    received_at = BigIntegerField()  # microseconds since 1970-01-01T00:00:00Z
    anew = BooleanField()
    shown = TextField()  # JSON

    class Meta:
        table_name = "sample"


class Told(Model):
    """What a file tells of a transaction: the fields of words.Transaction, in its order."""

    transaction_id = TextField()
    location = TextField()
    units = BigIntegerField()
    scale = SmallIntegerField()
    currency = TextField()
    occurred_at = BigIntegerField()  # microseconds since 1970-01-01T00:00:00Z
    utc_offset = IntegerField()  # seconds east of UTC
    line = BigIntegerField()
    withdrawn = BooleanField()


class Sales(Told):
    """A transaction, as the delivery with the highest sequence told it.

    One that is withdrawn stays here, lest an older delivery that is imported later bring it back.
    """

    customer = IntegerField()
    sequence = BigIntegerField()

    class Meta:
        table_name = "sale"
        primary_key = CompositeKey("customer", "transaction_id")


class Staged(Told):
    """A transaction on its way into the table.  Each connection has a temporary table of its own."""

    class Meta:
        table_name = "stage"
        primary_key = False


STAGED_COLUMNS: Final = Transaction._fields
REJECT_COLUMNS: Final = ("sequence", "number", "line", "field", "value", "rule", "raw_text")
