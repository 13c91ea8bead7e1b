"""dorimportctl help: the manual."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from dorimportd.ctl.desk import Desk, Stopped
from dorimportd.report.manual import topic, topics


def add_arguments(words: Any) -> None:
    """The word `help`."""
    parser = words.add_parser("help", help="the manual: one topic, or the list of topics")
    parser.add_argument("topic", nargs="?", metavar="TOPIC")
    parser.set_defaults(command=manual)


def manual(desk: Desk, asked: argparse.Namespace) -> int:
    """Needs no configuration, so that it helps to make one."""
    if asked.topic is None:
        for name, title in topics().items():
            print(f"{name:<15} {title}")
        return 0
    if asked.topic not in topics():
        raise Stopped(f"There is no topic {asked.topic!r}. Topics: {', '.join(topics())}.")
    sys.stdout.write(topic(asked.topic))
    return 0
