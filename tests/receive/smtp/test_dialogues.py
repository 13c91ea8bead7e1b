"""Conversations as files: tests/dialogues/smtp/*.txt.

C: lines of the client that follow one another are sent in one piece; S: lines are all that comes back.
A line without either is a remark.  «é» in a C: line is sent as UTF-8.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

DIALOGUES = sorted((Path(__file__).parents[2] / "dialogues" / "smtp").glob("*.txt"))


def turns(text: str) -> list[tuple[str, str]]:
    """Who says what, line ends as LF."""
    lines = [each for each in text.splitlines() if each[:2] in ("C:", "S:")]
    return [
        (who, "".join(f"{line[3:]}\n" for line in said))
        for who, said in groupby(lines, key=lambda line: line[0])
    ]


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_a_dialogue_goes_as_it_is_written(path: Path, door: Any):
    client = door.connect()
    heard = client.read()
    for who, said in turns(path.read_text(encoding="utf-8")):
        if who == "S":
            assert heard == said
            heard = ""
        else:
            assert heard == "", "the server said more than is written"
            heard = client.send(said)
    assert heard == ""


def test_there_are_dialogues():
    assert len(DIALOGUES) >= 8
