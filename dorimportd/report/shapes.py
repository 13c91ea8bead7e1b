"""The JSON that scripts rely on: fields are added here, never renamed and never taken away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from dorimportd.words import Channel, Delivery, Outcome, Reject, State, TlsStart, Transaction, instant, iso

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
    "absent",
    "absent_ids",
)


def delivery_shape(delivery: Delivery, outcome: Outcome) -> dict[str, Any]:
    """A delivery and what became of it."""
    envelope = asdict(delivery.envelope) | {"received_at": iso(delivery.envelope.received_at)}
    told = asdict(outcome.counts) | {name: getattr(outcome, name) for name in ("state", "reason", "format")}
    absent = {"absent": outcome.absent.count, "absent_ids": list(outcome.absent.first)}
    known = {"sequence": delivery.sequence, **envelope, **told, **absent}
    return {name: known[name] for name in DELIVERY}


def accepted_shape(delivery: Delivery) -> dict[str, Any]:
    """A delivery of which the database knows nothing yet, in the same shape."""
    return delivery_shape(delivery, Outcome(State.RECEIVED))


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
    listeners: Iterable[tuple[Channel, str, int, TlsStart]],
    hostname: str,
    mail_domain: str,
    host_keys: Iterable[tuple[str, str]],
    database: Mapping[str, Any],
    spool: str,
    free_bytes: int,
    free_floor_bytes: int,
    sessions: int,
    waiting: int,
    importing: int,
    event_loop: Mapping[str, float],
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
            {"channel": channel.value, "address": address, "port": port, "tls": tls.value}
            for channel, address, port, tls in listeners
        ],
        "hostname": hostname,
        "mail_domain": mail_domain,
        "host_keys": [{"type": kind, "fingerprint": fingerprint} for kind, fingerprint in host_keys],
        "database": dict(database),
        "spool": {"directory": spool, "free_bytes": free_bytes, "free_floor_bytes": free_floor_bytes},
        "queue": {"waiting": waiting, "importing": importing},
        "event_loop": dict(event_loop),
        "sessions": sessions,
        "deliveries": None if counts is None else {state.value: counts.get(state, 0) for state in State},
        "last_deliveries": list(last),
    }
