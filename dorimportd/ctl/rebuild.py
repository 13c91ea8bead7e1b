"""dorimportctl rebuild: the database once more, from what was accepted."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dorimportd.ctl.desk import PROBLEM, SQLITE, Desk, Stopped, say, say_json
from dorimportd.ctl.diff import progress
from dorimportd.errors import StoreAway, StoreUnusable
from dorimportd.report.lines import complain
from dorimportd.words import State

if TYPE_CHECKING:
    from dorimportd.pipeline.rebuild import Rebuilt
    from dorimportd.store.store import Store


def add_arguments(words: Any) -> None:
    """The word `rebuild`."""
    parser = words.add_parser("rebuild", help="fill an empty database from all deliveries, as they were read")
    parser.add_argument(
        "--into", required=True, metavar="URL", help="an empty database: sqlite:////PATH or postgresql://…"
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=rebuild)


def rebuild(desk: Desk, asked: argparse.Namespace) -> int:
    """Exit status 1 when a delivery cannot be read any more."""
    from dorimportd.pipeline.history import Recalled
    from dorimportd.pipeline.importer import Importer
    from dorimportd.pipeline.rebuild import rebuild as rebuild_store

    spool, store = desk.spool, opened(desk, asked.into)
    try:
        importer = Importer(spool, store, desk.plan_now, history=Recalled(spool.outcomes))
        with spool.reading_all(), progress(sum(1 for _ in spool.sequences())) as step:
            done = rebuild_store(spool, store, importer, present(desk), step=step)
    except BaseException:
        complain(f"{store.url_shown} is not complete: remove what is in it before you begin again.")
        raise
    finally:
        store.close()
    tell(done, store.url_shown, asked.json)
    complain(*(f"Delivery {sequence} is lost: {reason}" for sequence, reason in done.lost))
    return PROBLEM if done.lost else 0


def opened(desk: Desk, url: str) -> Store:
    """The empty database.  Raises Stopped when it is none, or the one in use."""
    from dorimportd.store.store import open_new_store

    if url == desk.settings.database_url:
        raise Stopped("This is the database in use; give an empty one.")
    try:
        return open_new_store(url)
    except StoreUnusable as error:
        raise Stopped(str(error)) from error


def present(desk: Desk) -> Store | None:
    """The database in use, if there is one."""
    url = desk.settings.database_url
    if url.startswith(SQLITE) and not Path(url.removeprefix(SQLITE)).exists():
        return None
    try:
        return desk.store
    except (StoreAway, StoreUnusable) as error:
        complain(str(error))
        return None


def tell(done: Rebuilt, url: str, as_json: bool) -> None:
    """Tell it in the way that was asked for."""
    states = {state.value: done.deliveries[state] for state in State if state.final}
    if as_json:
        lost = [{"delivery": sequence, "reason": reason} for sequence, reason in done.lost]
        removed = len(done.taken.deliveries)
        say_json({"deliveries": states, "removed": removed, "unknown": done.unknown, "lost": lost})
        return
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    say(f"Deliveries in {url}: {counts}.")
    if done.taken.deliveries:
        say(f"Taken from the database in use, since their bytes were removed: {len(done.taken.deliveries)}.")
    if done.unknown:
        say(f"Read by the format as it is now, since it was not known how they were: {done.unknown}.")
