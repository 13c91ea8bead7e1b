"""The commands that use a data connection: STOR, RETR, LIST …; and STAT, which looks at them.

226 is said only for a file that is a delivery, or, under a temporary name, on the disk.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import islice
from typing import Final

from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater

from dorimportd.instants import reach
from dorimportd.receive.ftp.flow import Inflow, Outflow
from dorimportd.receive.ftp.listing import Render, facts_of, is_pattern, lines, long_line, matching
from dorimportd.receive.ftp.session import Session
from dorimportd.receive.ftp.wire import (
    Answer,
    Declined,
)
from dorimportd.receive.uploads import IncomingUpload
from dorimportd.spool.names import decode_name
from dorimportd.spool.roots import Entry

PIECE: Final = 256 << 10  # bytes read from the disk at a time
PAGE: Final = 500  # files of a listing that are written down at a time, which takes a few milliseconds
LONGEST_STAT: Final = 1000  # files that STAT shows: an answer on the control connection waits in memory
# A client that dies closes both its connections at once, in any order; one that lives waits for our
# answer.  So long the control connection has to outlive the end of the data connection.
SETTLE_SECONDS: Final = 0.02


# Files to us.


async def rest(session: Session, argument: bytes) -> Answer:
    """REST (RFC 3659 section 5): where the next transfer begins, in bytes."""
    if not argument.isdigit() or len(argument) > 18:
        raise Declined(501, "REST takes a number of bytes.")
    session.restart_at = int(argument)
    return Answer(350, f"The next transfer begins at byte {session.restart_at}.")


async def stor(session: Session, argument: bytes) -> Answer:
    """STOR: a file from its first byte on, or after REST from a later one."""
    offset = take_restart(session)
    if not offset:
        return await store(session, session.avatar.begin(argument))
    return await store(session, resume_at(session, argument, offset))


async def appe(session: Session, argument: bytes) -> Answer:
    """APPE: a file from the end of what is here of it on."""
    take_restart(session)
    return await store(session, session.avatar.resume(argument))


async def resume_at(session: Session, path: bytes, offset: int) -> IncomingUpload:
    """An upload that goes on at *offset*.  Raises Declined when less than that is here, NotAccepted."""
    upload = await session.avatar.resume(path, offset)
    if upload.size != offset:
        await upload.abandon(f"REST asked for byte {offset}")
        raise Declined(554, f"Only {upload.size} bytes of this file are here; REST cannot begin behind them.")
    return upload


async def store(session: Session, beginning: Awaitable[IncomingUpload]) -> Answer:
    """Receive a file.  Unless the answer is 226, what came is kept for resuming."""
    try:
        upload = await beginning
        try:
            return await receive(session, upload)
        finally:
            await upload.abandon("the transfer was broken off")
    finally:
        close_data(session)


async def receive(session: Session, upload: IncomingUpload) -> Answer:
    """Receive all bytes of *upload* and accept it.  Raises Declined and NotAccepted."""
    limits = session.house.settings().limits
    session.say(Answer(150, "Send the file now."))
    connection = await session.data.open()
    session.flow = flow = Inflow(
        connection, upload, session.house.clock, limits.idle_seconds, limits.minimum_rate
    )
    end = await flow.run(data_tls(session))
    if upload.refusal is None:
        if end.clean:
            await deferLater(session.house.clock, SETTLE_SECONDS)
        why = "the control connection was lost" if session.ended else end.why
        if why:
            await upload.abandon(why)
            raise Declined(426, f"The transfer was broken off: {why}. {upload.size} bytes are kept.")
    delivery = await upload.accept()
    reach("ftp.accepted", upload.name)
    if delivery is None:
        return Answer(226, "Stored until it is renamed.")
    return Answer(226, f"Stored as delivery {delivery.sequence}.")


# Files and listings from us.


async def retr(session: Session, argument: bytes) -> Answer:
    """RETR: one of the customer's own files, byte for byte."""
    offset = take_restart(session) or 0
    run = session.house.workers.run
    try:
        file = await session.avatar.read(argument)
        try:
            await run(file.seek, offset)
            return await send(session, partial(run, file.read, PIECE))
        finally:
            await run(file.close)
    finally:
        close_data(session)


async def list_(session: Session, argument: bytes) -> Answer:
    """LIST: as `ls -l` shows it."""
    return await show(session, argument, long_listing(session))


async def nlst(session: Session, argument: bytes) -> Answer:
    """NLST: names only."""
    return await show(session, argument, lambda each: each.name)


async def mlsd(session: Session, argument: bytes) -> Answer:
    """MLSD (RFC 3659 section 7): of the root folder only."""
    if session.avatar.name(argument):
        close_data(session)
        raise Declined(501, "MLSD lists a folder; that is none.")
    facts = session.facts
    return await show(session, b"", lambda each: f"{facts_of(each, facts)} {each.name}")


def long_listing(session: Session) -> Render:
    """How LIST shows a file in this session."""
    owner, now = session.avatar.customer.name, time.time()
    return lambda each: long_line(each, owner, now)


async def named(session: Session, argument: bytes) -> Iterator[Entry]:
    """The files that *argument* names: all for the root folder, those that fit a pattern, or one.

    Options such as -la, which many clients send, mean nothing here.  A pattern is tried on many names
    before one fits, so the next file is to be asked for through workers.
    """
    while argument.startswith(b"-"):
        argument = argument.partition(b" ")[2]
    name = decode_name(argument)
    if is_pattern(name):
        return matching(await session.avatar.entries(), name.removeprefix("./").lstrip("/"))
    there = await session.avatar.entry(argument)
    return iter(await session.avatar.entries() if there is None else [there])


async def show(session: Session, argument: bytes, render: Render) -> Answer:
    """Send a listing of what *argument* names, page by page, as the client takes it."""
    run = session.house.workers.run
    try:
        found = await named(session, argument)
        return await send(session, lambda: run(lines, islice(found, PAGE), render))
    finally:
        close_data(session)


async def send(session: Session, read: Callable[[], Awaitable[bytes]]) -> Answer:
    """Send all that *read* gives.  Raises Declined."""
    session.say(Answer(150, "It comes now."))
    connection = await session.data.open()
    limits = session.house.settings().limits
    session.flow = flow = Outflow(connection, session.house.clock, limits.idle_seconds)
    end = await flow.run(read, data_tls(session))
    if not end.clean:
        raise Declined(426, f"The transfer was broken off: {end.why}.")
    return Answer(226, "That was all.")


def take_restart(session: Session) -> int | None:
    """What REST said, which holds for one transfer."""
    offset, session.restart_at = session.restart_at, None
    return offset


def data_tls(session: Session) -> CertificateOptions | None:
    """What the data connection is secured with, None for a clear one."""
    return session.tls.data if session.tls is not None and session.protected else None


def close_data(session: Session) -> None:
    """The transfer is over, however it went: its port and its connection are too."""
    session.flow = None
    session.data.close()


# What is going on.


async def stat(session: Session, argument: bytes) -> Answer:
    """STAT: the session, or with a name what LIST would show, on the control connection."""
    if not argument:
        return status(session)
    found, render = await named(session, argument), long_listing(session)
    return Answer(213, "Listing:", await session.house.workers.run(first_lines, found, render))


def first_lines(found: Iterator[Entry], render: Render) -> tuple[str, ...]:
    """The lines of the first of *found*, and one that says so when there are more."""
    first = tuple(render(each) for each in islice(found, LONGEST_STAT))
    if next(found, None) is None:
        return first
    return (*first, f"Only the first {LONGEST_STAT} files are shown here. LIST shows all.")


def status(session: Session) -> Answer:
    """How the session stands, also while a transfer is going on."""
    moved = "No transfer is going on." if session.flow is None else f"{session.flow.size} bytes have moved."
    return Answer(
        211,
        "Status:",
        (
            f"Logged in as {session.avatar.customer.name}.",
            f"The control connection is {'private' if session.secured else 'clear'}.",
            f"Data connections are {'private' if session.protected else 'clear'}.",
            moved,
        ),
    )
