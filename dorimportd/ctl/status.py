"""dorimportctl status: what the running daemon says of itself."""

from __future__ import annotations

import argparse
from typing import Any

from dorimportd.ctl.desk import PROBLEM, Desk, say, say_json
from dorimportd.report.tables import table
from dorimportd.words import TlsStart


def add_arguments(words: Any) -> None:
    """The word `status`."""
    parser = words.add_parser("status", help="listeners, host keys, database, queue and the last deliveries")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=status)


def status(desk: Desk, asked: argparse.Namespace) -> int:
    """Exit status 1 when no daemon is running."""
    told = desk.daemon_status()
    if told is None:
        if asked.json:
            say_json({"running": False})
        else:
            say(f"No dorimportd is running on {desk.state_directory}.")
        return PROBLEM
    if asked.json:
        say_json(told)
    else:
        say(status_text(told))
    return 0


def status_text(told: dict[str, Any]) -> str:
    """The same for a person."""
    spool, database, queue = told["spool"], told["database"], told["queue"]
    states = told["deliveries"]
    counts = ", ".join(f"{number} {state}" for state, number in states.items()) if states else "not known now"
    facts = [
        ("dorimportd", f"{told['version']}, process {told['pid']}, since {told['started_at']}"),
        *((f"{each['channel']} on", listener_text(each)) for each in told["listeners"]),
        *(("host key", f"{each['type']} {each['fingerprint']}") for each in told["host_keys"]),
        ("mail domain", told["mail_domain"]),
        ("database", f"{database['url']}: {database_text(database)}"),
        ("spool", f"{spool['directory']}: {spool['free_bytes'] / 2**30:.1f} GiB free"),
        ("sessions", told["sessions"]),
        ("queue", f"{queue['waiting']} waiting, {queue['importing']} being imported"),
        ("event loop", delay_text(told["event_loop"])),
        ("deliveries", counts),
    ]
    lines = "".join(f"{name:<12} {value}\n" for name, value in facts)
    return lines + last_text(told["last_deliveries"])


def listener_text(listener: dict[str, Any]) -> str:
    """Where it listens, and what a client must know of TLS there."""
    return f"{listener['address']} port {listener['port']}{TlsStart(listener['tls']).note}"


def delay_text(delay: dict[str, float]) -> str:
    """By how much everything that the daemon does for its sessions is late."""
    return (
        f"{delay['p50_ms']:g} ms late (p50), {delay['p99_ms']:g} ms (p99) in the last "
        f"{delay['since_seconds']:g} s; {delay['max_ms']:g} ms at most since the start"
    )


def database_text(database: dict[str, Any]) -> str:
    """Its state; when it is away since when, why, and when it is tried again."""
    if database["state"] != "away":
        return str(database["state"])
    wait = f"next try in {database['next_try_seconds']:.0f} s"
    return f"away since {database['since']}, {wait}: {database['reason']}"


def last_text(last: list[dict[str, Any]]) -> str:
    """The last deliveries, when there are any."""
    if not last:
        return ""
    columns = ["sequence", "received_at", "customer", "channel", "name", "state", "imported", "rejected"]
    rows = [[each[column] for column in columns] for each in last]
    return "\n" + table(columns, rows, right=["sequence", "imported", "rejected"])
