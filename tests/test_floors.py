"""The arrows of the map in dorimportd/__init__.py: an import goes down, never sideways, never up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).parent.parent / "dorimportd"
FLOORS = [
    {"words", "errors", "events", "toml", "instants", "__version__"},
    {"spool", "parse", "store"},
    {"config", "pipeline", "report", "suggest"},
    {"receive"},
    {"daemon", "ctl"},
]
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def imports() -> Iterator[tuple[str, str]]:
    for path in HOUSE.rglob("*.py"):
        room = path.relative_to(HOUSE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                yield from ((room, f"{node.module}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((room, alias.name) for alias in node.names)


def test_every_room_has_a_floor():
    rooms = {
        path.name.removesuffix(".py") for path in HOUSE.iterdir() if path.suffix == ".py" or path.is_dir()
    }
    assert rooms - {"__init__", "__pycache__"} == set(FLOOR) - {"__version__"}


def test_imports_only_go_down():
    wrong = [
        (room, module)
        for room, module in imports()
        if module.startswith("dorimportd.")
        and (target := module.split(".")[1]) != room
        and FLOOR[target] >= max(FLOOR[room], 1)
    ]
    assert wrong == []


def test_twisted_lives_in_two_rooms_and_peewee_in_one():
    assert {room for room, module in imports() if module.split(".")[0] == "twisted"} == {"receive", "daemon"}
    assert {room for room, module in imports() if module.split(".")[0] in ("peewee", "playhouse")} == {
        "store"
    }


def test_a_reply_does_not_need_the_database():
    """Guarantee 1: no acknowledgement depends on the database being up."""
    reached = {
        module.split(".")[1] for room, module in imports() if room == "receive" and "dorimportd." in module
    }
    assert reached <= {"receive", "spool", "config", "words", "errors", "events", "instants", "__version__"}
