"""dorimportd in a process whose time of day is shifted: python at_another_time.py FILE WORDS...

FILE holds the seconds by which, and is read again each time the time is asked for.  The monotonic clock goes
on as it does, also where somebody sets the time of day.
"""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path

SHIFT = Path(sys.argv[1])
real_time, real_datetime = time.time, datetime.datetime


def shifted_time() -> float:
    return real_time() + float(SHIFT.read_text() or 0)


class ShiftedType(type(real_datetime)):
    def __instancecheck__(cls, other: object) -> bool:
        return isinstance(other, real_datetime)


class Shifted(real_datetime, metaclass=ShiftedType):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> real_datetime:
        return cls.fromtimestamp(shifted_time(), tz)


time.time = shifted_time
datetime.datetime = Shifted

# Only now, since they take the names from there.
from dorimportd.daemon.main import main  # noqa: E402

sys.exit(main(sys.argv[2:]))
