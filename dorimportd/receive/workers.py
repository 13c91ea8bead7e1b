"""The port through which a door has blocking work done.

The reactor thread never blocks: whatever touches the disk, hashes or checks keys goes through here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred

P = ParamSpec("P")
T = TypeVar("T")


class Workers(Protocol):
    """Threads that do blocking work."""

    def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Do *work* on a thread; the Deferred fires on the reactor thread with what it returned or raised."""
        ...
