from __future__ import annotations

import pytest

from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool

ROOM = Room(largest=1 << 40, free_floor=0)


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool", room=ROOM)
