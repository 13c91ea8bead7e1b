"""The JSON that scripts rely on: fields are added here, never renamed and never taken away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, Protocol

from dorimportd.words import Channel, Counts, Delivery, Reject, State, Transaction, instant, iso

DELIVERY: Final = (
    "sequence",
    "customer",
    "channel",
    "name",
    "size",
    "sha256",
    "peer",
    "message_id",
    "received_at",
    "state",
    "reason",
    "format",
    "rows",
    "imported",
    "unchanged",
    "replaced",
    "duplicates",
    "rejected",
)
TRANSACTION: Final = (
    "customer",
    "location",
    "transaction_id",
    "total",
    "currency",
    "occurred_at",
    "local_time",
    "delivery",
)


class DeliveryLike(Protocol):
    """What has the fields of DELIVERY; the store's rows do."""

    @property
    def received_at(self) -> datetime: ...


def delivery_shape(row: DeliveryLike) -> dict[str, Any]:
    """A delivery and what became of it."""
    return {name: getattr(row, name) for name in DELIVERY} | {"received_at": iso(row.received_at)}


def accepted_shape(delivery: Delivery) -> dict[str, Any]:
    """A delivery of which the database knows nothing yet, in the same shape."""
    envelope = delivery.envelope
    known = {name: getattr(envelope, name) for name in DELIVERY if hasattr(envelope, name)}
    numbers = {field.name: 0 for field in fields(Counts)}
    return {
        **dict.fromkeys(DELIVERY),
        **numbers,
        **known,
        "sequence": delivery.sequence,
        "received_at": iso(envelope.received_at),
        "state": State.RECEIVED,
    }


def reject_shape(reject: Reject) -> dict[str, Any]:
    """A row that was not imported."""
    return reject._asdict()


def rehearsed_shape(transaction: Transaction, customer: str | None) -> dict[str, Any]:
    """A transaction as it would be stored; no delivery brought it yet."""
    return {
        "customer": customer,
        "location": transaction.location,
        "transaction_id": transaction.transaction_id,
        "total": str(transaction.total),
        "currency": transaction.currency,
        "occurred_at": iso(instant(transaction.occurred_at)),
        "local_time": local_time(transaction),
        "delivery": None,
    }


def local_time(transaction: Transaction) -> str:
    """The time on the location's own clock, ISO 8601 without a zone."""
    shifted = instant(transaction.occurred_at + transaction.utc_offset * 1_000_000)
    return shifted.replace(tzinfo=None).isoformat()


def status_shape(
    *,
    version: str,
    pid: int,
    started_at: datetime,
    listeners: Iterable[tuple[Channel, str, int]],
    hostname: str,
    mail_domain: str,
    host_keys: Iterable[tuple[str, str]],
    database: str,
    database_state: str,
    spool: str,
    free_bytes: int,
    free_floor_bytes: int,
    sessions: int,
    waiting: int,
    importing: int,
    counts: Mapping[State, int] | None,
    last: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """What `status --json` prints of a running daemon."""
    return {
        "running": True,
        "version": version,
        "pid": pid,
        "started_at": iso(started_at),
        "listeners": [
            {"channel": channel.value, "address": address, "port": port}
            for channel, address, port in listeners
        ],
        "hostname": hostname,
        "mail_domain": mail_domain,
        "host_keys": [{"type": kind, "fingerprint": fingerprint} for kind, fingerprint in host_keys],
        "database": {"url": database, "state": database_state},
        "spool": {"directory": spool, "free_bytes": free_bytes, "free_floor_bytes": free_floor_bytes},
        "queue": {"waiting": waiting, "importing": importing},
        "sessions": sessions,
        "deliveries": None if counts is None else {state.value: counts.get(state, 0) for state in State},
        "last_deliveries": list(last),
    }
