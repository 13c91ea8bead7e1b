"""How long an answer of a PostgreSQL server is waited for: as long as the server is there.

A server that stands still keeps its connections open, and its kernel acknowledges what is sent, so that
neither keepalive nor a limit of the server's own ends the waiting.  Where nothing was heard for a while,
a new connection is tried; if that is not answered either, the server is away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, Final, TypeVar

T = TypeVar("T")

QUIET_SECONDS: Final = 15.0  # without a word, before the server is asked whether it is there
LONGEST_SECONDS: Final = 20 * 60.0  # beyond the server's own limit for a statement


class NoAnswer(Exception):
    """The server stands still."""


def patient(
    work: Generator[Any, Any, T],
    is_there: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Any, Any, T]:
    """*work*, one of psycopg's, as it is; it waits for the server by yielding, and what comes back says
    whether that spoke.

    Raises NoAnswer.
    """
    try:
        wish = next(work)
        began = heard = clock()
        while True:
            ready = yield wish
            now = clock()
            if ready:
                began = heard = now
            elif now - began > LONGEST_SECONDS:
                raise NoAnswer("it did not answer for too long")
            elif now - heard > QUIET_SECONDS:
                if not is_there():
                    raise NoAnswer("it does not answer")
                heard = clock()
            wish = work.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result
