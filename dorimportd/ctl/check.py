"""dorimportctl check: the whole configuration, as the daemon would read it."""

from __future__ import annotations

import argparse
from typing import Any

from dorimportd.config.read import read_settings
from dorimportd.config.settings import BadConfig
from dorimportd.ctl.desk import PROBLEM, Desk, Stopped, say, say_json


def add_arguments(words: Any) -> None:
    """The word `check`."""
    parser = words.add_parser("check", help="read the whole configuration and tell every mistake in it")
    parser.add_argument("--quiet", action="store_true", help="say nothing when all is well")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=check)


def check(desk: Desk, asked: argparse.Namespace) -> int:
    """Exit status 1 when there is a mistake; a warning is none."""
    try:
        settings = read_settings(desk.config)
    except BadConfig as error:
        return tell_mistakes(list(map(str, error.mistakes)), asked.json)
    except Stopped as stopped:
        return tell_mistakes(list(stopped.lines), asked.json)
    warnings = [str(each) for each in settings.warnings]
    if asked.json:
        say_json({"mistakes": [], "warnings": warnings})
        return 0
    for warning in warnings:
        say(f"warning: {warning}")
    if not asked.quiet:
        say(f"{desk.config} is right: {len(settings.customers)} customers, {len(settings.formats)} formats.")
    return 0


def tell_mistakes(mistakes: list[str], as_json: bool) -> int:
    """Tell them in the way that was asked for."""
    if as_json:
        say_json({"mistakes": mistakes, "warnings": []})
        return PROBLEM
    for mistake in mistakes:
        say(mistake)
    say("1 mistake." if len(mistakes) == 1 else f"{len(mistakes)} mistakes.")
    return PROBLEM
