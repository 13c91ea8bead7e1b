"""dorimportctl backup, dorimportctl restore: all that dorimportd has, in a folder and out of it."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dorimportd.config.read import CUSTOMERS, FORMATS, KEYS
from dorimportd.config.refer import URL_FILE, text_at
from dorimportd.config.secrets import secret_path
from dorimportd.ctl.desk import PROBLEM, SQLITE, Desk, Stopped, say, say_json
from dorimportd.ctl.diff import progress
from dorimportd.errors import NotAccepted
from dorimportd.report.lines import complain
from dorimportd.spool.bytes import DATA, PACKED, REMOVED, file_of
from dorimportd.spool.layout import Layout
from dorimportd.spool.mail import EML
from dorimportd.toml import read_toml
from dorimportd.words import Envelope, State

if TYPE_CHECKING:
    from dorimportd.pipeline.backup import BackupWriter

NOTHING: Final = "Nothing was restored."
CLOCK: Final = timedelta(milliseconds=100)  # by which a file may look older than it is


def add_arguments(words: Any) -> None:
    """The words `backup` and `restore`."""
    for name, command, text in (
        ("backup", backup, "copy spool, database, configuration and keys; the daemon may run"),
        ("restore", restore, "fill an empty state directory from a backup; the daemon does not run"),
    ):
        parser = words.add_parser(name, help=text)
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(command=command)


# Out.


def backup(desk: Desk, asked: argparse.Namespace) -> int:
    """Exit status 1 when a delivery is not as it was sent, or there can be no backup."""
    from dorimportd.pipeline.backup import DATABASE

    spool, store, began = desk.spool, desk.store, datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="backup-", dir=desk.state_directory) as beside:
        copy = Path(beside) / "dorimportd.db"
        has_database = store.copy_to(copy)
        last = spool.sequence.last()  # after that, so that the spool has all that the database has
        with spool.reading_all(), desk.as_caller():
            writer = opened(asked.folder)
            try:
                done = put_everything(desk, writer, last, began)
                if has_database:
                    read_again(copy, done.touched)
                    writer.put(DATABASE, copy)
                writer.finish()
            finally:
                writer.close()
    if asked.json:
        database = "sqlite" if has_database else None
        told = {"directory": str(asked.folder), "deliveries": done.deliveries, "last_delivery": last}
        say_json({**told, "database": database, "problems": done.problems})
    else:
        say(f"{asked.folder} is a backup of everything up to delivery {last}.")
        if not has_database:
            say("The database is not in it: back up the PostgreSQL server by its own means.")
    complain(*done.problems)
    return PROBLEM if done.problems else 0


def opened(folder: Path) -> BackupWriter:
    """Raises Stopped for a folder that has something else."""
    from dorimportd.pipeline.backup import BackupWriter, BadBackup

    try:
        return BackupWriter(folder)
    except BadBackup as error:
        raise Stopped(str(error)) from error


class Done(NamedTuple):
    """What is in a backup."""

    deliveries: int
    problems: list[str]  # a line about each delivery that is not as it was sent
    touched: list[int]  # of which something was decided since it began


def put_everything(desk: Desk, writer: BackupWriter, last: int, began: datetime) -> Done:
    """Put in all but the database."""
    layout = desk.spool.layout
    problems: list[str] = []
    touched: list[int] = []
    sequences = [each for each in desk.spool.sequences() if each <= last]
    with progress(len(sequences)) as step:
        for sequence in sequences:
            step()
            problems += put_delivery(desk, writer, sequence)
            if desk.spool.outcomes.was_put_since(sequence, began - CLOCK):  # asked when it is copied
                touched.append(sequence)
    for path in sorted(layout.formats.glob("*.toml")):
        writer.put(f"spool/{path.relative_to(layout.root)}", path)
    put_mails(writer, layout)
    for path in layout.alone.glob("*"):
        writer.put_text(f"spool/{path.relative_to(layout.root)}", "")
    writer.put("spool/version", layout.version)
    writer.put_text("spool/sequence", f"{last:020}")
    for name, path in configuration(desk):
        writer.put(name, path)
    return Done(len(sequences), problems, touched)


def read_again(copy: Path, touched: list[int]) -> None:
    """Have the deliveries that were imported again meanwhile be so in the *copy*, too, at its first start.

    What was decided of them is in the backup, and the copy may be older than that.
    """
    from dorimportd.store.store import open_store

    store = open_store(f"{SQLITE}{copy}")
    try:
        for sequence in touched:
            row = store.delivery(sequence)
            if row is not None and row.outcome.state.final:
                store.set_state(sequence, State.RECEIVED)
    finally:
        store.close()


def put_delivery(desk: Desk, writer: BackupWriter, sequence: int) -> Iterator[str]:
    """The files of one delivery, the envelope after the bytes; what is wrong with it."""
    folder = desk.spool.layout.delivery(sequence)
    name = f"spool/{folder.relative_to(desk.spool.layout.root)}"
    try:
        envelope = desk.spool.delivery(sequence).envelope
    except NotAccepted as refusal:
        yield f"Delivery {sequence} is not in the backup: {refusal.__cause__ or refusal}."
        return
    source = file_of(folder / DATA)
    if source is not None and source.name == DATA:
        if put_bytes(writer, name, source, envelope) != envelope.sha256:
            yield f"Delivery {sequence} has other bytes than were sent."
    elif source is not None:
        put_compressed(writer, name, source)
    elif desk.spool.removed_at(sequence) is None:
        yield f"Delivery {sequence} has lost its bytes."
    for each in {DATA, f"{DATA}{PACKED}"} - {source and source.name}:
        writer.drop(f"{name}/{each}")  # an earlier backup may have them otherwise
    for each in ("upload", "envelope", "outcome", REMOVED):
        if (folder / each).exists():
            writer.put(f"{name}/{each}", folder / each)


def put_bytes(writer: BackupWriter, name: str, source: Path, envelope: Envelope) -> str:
    """Those of one delivery, as they came; their digest."""
    data = f"{name}/{DATA}"
    there = writer.has(f"{name}/envelope", source.with_name("envelope"))
    if there and writer.size(data) == envelope.size:
        writer.list(data, envelope.sha256)
        return envelope.sha256
    return writer.put(data, source)


def put_compressed(writer: BackupWriter, name: str, source: Path) -> None:
    """The same of one whose bytes are compressed.  They are what was sent: that was looked at before."""
    writer.put(f"{name}/{source.name}", source)


def put_mails(writer: BackupWriter, layout: Layout) -> None:
    """Those that are kept, and none that an earlier backup has and that was removed since."""
    there = set()
    for path in layout.mail.glob(f"*/*/*{EML}*"):
        if path.suffix in (EML, PACKED):
            note = path.with_name(path.name.partition(".")[0]).with_suffix(".json")
            for each in (note, path):
                writer.put(f"spool/{each.relative_to(layout.root)}", each)
                there.add(each)
    for path in writer.folder.glob("spool/mail/*/*/*"):
        if layout.root / path.relative_to(writer.folder / "spool") not in there:
            path.unlink()


def configuration(desk: Desk) -> Iterator[tuple[str, Path]]:
    """The files of the configuration and the keys in the state directory, with their names in a backup."""
    settings, folder = desk.settings, desk.config.absolute().parent
    paths = [desk.config.absolute()]
    for name, pattern in ((CUSTOMERS, "*.toml"), (FORMATS, "*.toml"), (KEYS, "*")):
        paths += sorted(each for each in (folder / name).glob(pattern) if each.is_file())
    if settings.tls is not None:
        paths += [settings.tls.certificate, settings.tls.private_key]
    secret = text_at(read_toml(desk.config.read_text("utf-8-sig"), desk.config.name), URL_FILE)
    if secret:
        paths.append(secret_path(secret, folder))
    for path in dict.fromkeys(paths):
        inside = path.is_relative_to(folder)
        yield (f"configuration/{path.relative_to(folder)}" if inside else f"elsewhere{path}"), path
    for path in sorted((desk.state_directory / "keys").glob("*")):
        yield f"keys/{path.name}", path


# In.


def restore(desk: Desk, asked: argparse.Namespace) -> int:
    """Exit status 1 when nothing was restored."""
    from dorimportd.pipeline.backup import BadBackup, entries
    from dorimportd.pipeline.restore import fill

    state, database = empty_place(desk, asked.folder)
    try:
        count = sum(1 for _ in entries(asked.folder))
        check_all(asked.folder, count)
        with progress(count) as step:
            deliveries = fill(asked.folder, state, database, step)
    except BadBackup as error:
        raise Stopped(str(error), NOTHING) from error
    if asked.json:
        say_json({"directory": str(state), "deliveries": deliveries})
        return 0
    say(f"{state} is filled from the backup. Deliveries: {deliveries}.")
    say(f"Its configuration is in {asked.folder / 'configuration'}: compare it with {desk.config.parent}.")
    if database is None or not database.exists():
        say("The database is not in it: restore the server's; an empty one fills itself from the spool.")
    say("Then start the daemon.")
    return 0


def empty_place(desk: Desk, folder: Path) -> tuple[Path, Path | None]:
    """The state directory and the file of the database, if it is one.

    Raises Stopped when something is there, or when the configuration does not tell.
    """
    try:
        settings = desk.settings
    except Stopped as stopped:
        where = f"The configuration of the backup is in {folder / 'configuration'}; put it in place first."
        raise Stopped(*stopped.lines, where) from stopped
    state, url = settings.state_directory, settings.database_url
    if state.exists() and any(state.iterdir()):
        raise Stopped(f"{state} is not empty: stop the daemon, and move what is there away.", NOTHING)
    database = Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None
    if database is not None and database.exists():
        raise Stopped(f"The database {database} is there already: move it away.", NOTHING)
    return state, database


def check_all(folder: Path, count: int) -> None:
    """Raises Stopped with every file of the backup that is not as it was."""
    from dorimportd.pipeline.backup import entries
    from dorimportd.pipeline.restore import fault

    with progress(count) as step:
        faults = []
        for entry in entries(folder):
            step()
            if problem := fault(folder, entry):
                faults.append(problem)
    if faults:
        raise Stopped(*faults, NOTHING)
