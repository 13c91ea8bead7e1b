"""The commands about files that need no data connection: SIZE, ALLO, MDTM, MLST, RNFR, DELE, CWD …"""

from __future__ import annotations

from dorimportd.errors import NoFolders
from dorimportd.instants import reach
from dorimportd.receive.ftp.listing import facts_of, facts_of_root, moment
from dorimportd.receive.ftp.session import Session
from dorimportd.receive.ftp.wire import Answer, Declined
from dorimportd.spool.roots import Entry


async def pwd(session: Session, argument: bytes) -> Answer:
    """PWD: there is but one folder."""
    return Answer(257, '"/" is the current folder.')


async def cwd(session: Session, argument: bytes) -> Answer:
    """CWD: into the root folder only."""
    if session.avatar.name(argument):
        raise NoFolders
    return Answer(250, "This is the root folder.")


async def cdup(session: Session, argument: bytes) -> Answer:
    """CDUP: above the root folder is the root folder."""
    return Answer(250, "This is the root folder.")


async def size(session: Session, argument: bytes) -> Answer:
    """SIZE (RFC 3659 section 4): of an unfinished upload, how much of it is here."""
    return Answer(213, str((await entry(session, argument)).size))


async def allo(session: Session, argument: bytes) -> Answer:
    """ALLO (RFC 959 section 4.1.3): the size of the file that comes next, whose name is not said yet.

    Behind it may stand the largest record, which files have no more.  After REST that many bytes are here.
    """
    number = argument.partition(b" ")[0]
    if not number.isdigit():
        raise Declined(501, "ALLO takes a number of bytes.")
    await session.avatar.check_room(b"ALLO " + argument, int(number), session.restart_at or 0)
    return Answer(200, "Done.")


async def mdtm(session: Session, argument: bytes) -> Answer:
    """MDTM (RFC 3659 section 3).

    Some clients set a time by MDTM YYYYMMDDHHMMSS NAME.  It stays what it is, and so does the answer.
    """
    time, _, name = argument.partition(b" ")
    setting = name and time.isdigit() and len(time) == 14
    return Answer(213, moment((await entry(session, name if setting else argument)).modified_at))


async def mfmt(session: Session, argument: bytes) -> Answer:
    """MFMT TIME NAME (draft-somers-ftp-mfxx): answered, and nothing is changed."""
    time, _, name = argument.partition(b" ")
    if not time.isdigit() or not name:
        raise Declined(501, "MFMT takes a time and a name.")
    there = await entry(session, name)
    return Answer(213, f"Modify={moment(there.modified_at)}; {there.name}")


async def mlst(session: Session, argument: bytes) -> Answer:
    """MLST (RFC 3659 section 7): the facts of one file, or of the root folder."""
    there = await session.avatar.entry(argument)
    if there is None:
        return Answer(250, "Listing:", (f"{facts_of_root(session.facts)} /",))
    return Answer(250, "Listing:", (f"{facts_of(there, session.facts)} /{there.name}",))


async def rnfr(session: Session, argument: bytes) -> Answer:
    """RNFR: RNTO has to follow."""
    await entry(session, argument)
    session.rename_from = argument
    return Answer(350, "Send RNTO with the new name.")


async def rnto(session: Session, argument: bytes) -> Answer:
    """RNTO: an unfinished upload gets its final name, which accepts it."""
    old, session.rename_from = session.rename_from, None
    if old is None:
        raise Declined(503, "Send RNFR first.")
    delivery = await session.avatar.rename(old, argument)
    reach("ftp.accepted", delivery.envelope.name)
    return Answer(250, f"Stored as delivery {delivery.sequence}.")


async def dele(session: Session, argument: bytes) -> Answer:
    """DELE: where a client is about to replace a file it is told yes; nothing is ever deleted."""
    await session.avatar.remove(argument)
    return Answer(250, "Done: the new file will be a delivery of its own.")


async def folder(session: Session, argument: bytes) -> Answer:
    """MKD, RMD: never."""
    raise session.avatar.refuse_folder(argument)


async def entry(session: Session, path: bytes) -> Entry:
    """The file at *path*.  Raises NotAccepted, or Declined for the root folder."""
    there = await session.avatar.entry(path)
    if there is None:
        raise Declined(550, "That is the root folder, not a file.")
    return there
