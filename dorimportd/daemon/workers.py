"""Real threads for blocking work, in pools that cannot starve one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class ThreadWorkers:
    """At most *threads* threads, called *name* in a debugger."""

    def __init__(self, reactor: IReactorFromThreads, name: str, threads: int) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=threads, name=name)

    def start(self) -> None:
        self._pool.start()

    def stop(self) -> None:
        """Wait until all work that was begun has ended."""
        self._pool.stop()

    def resize(self, threads: int) -> None:
        """From now on at most *threads*; work that was begun goes on."""
        self._pool.adjustPoolsize(maxthreads=threads)

    def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """See receive.workers.Workers."""
        return deferToThreadPool(self._reactor, self._pool, work, *args, **kwargs)
