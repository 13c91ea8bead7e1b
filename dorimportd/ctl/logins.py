"""The last logins of a customer, as `dorimportctl customer show` tells them."""

from __future__ import annotations

from typing import Any

from dorimportd.ctl.desk import Desk, Stopped
from dorimportd.report.tables import shown


def logins(desk: Desk, name: str) -> dict[str, Any] | str:
    """What the running daemon knows of them, or why that is not known."""
    try:
        told = desk.ask_daemon("logins", customer=name)
    except Stopped as stopped:
        return f"not known: {stopped.lines[0]}"
    return told if told is not None else "not known: no daemon is running"


def login_lines(told: dict[str, Any] | str) -> list[str]:
    """The same for a person."""
    if isinstance(told, str):
        return [told]
    until = told["guarded_until"]
    guarded = f"too many wrong passwords: until {until} they count only from where they did before"
    lines = [guarded] if until else []
    lines += [login_line(each) for each in told["logins"]]
    return lines or ["none since the daemon was started"]


def login_line(login: dict[str, Any]) -> str:
    """One of them."""
    result = f"by {login['how']}" if login["accepted"] else f"refused: {login['how']}"
    times = f" ({login['times']} times, this the last)" if login["times"] > 1 else ""
    return shown(f"{login['at']} {login['channel']} from {login['address']}, {result}{times}")
