"""The commands that ask what the server is and set how it behaves: FEAT, SYST, TYPE, OPTS …"""

from __future__ import annotations

from typing import Final

from dorimportd.receive.ftp.listing import FACTS
from dorimportd.receive.ftp.session import Session
from dorimportd.receive.ftp.wire import Answer, Declined
from dorimportd.words import TlsStart

# Files are stored and given back as they came, byte for byte, so all of these mean the same.
TYPES: Final = (b"A", b"A N", b"I", b"L 8", b"L8")


async def feat(session: Session, argument: bytes) -> Answer:
    """FEAT (RFC 2389 section 3): what is here beyond RFC 959.

    MFMT is not in it: it is answered and changes nothing, and a client that believed in it would send
    every file again because of its time.
    """
    secure = () if session.tls is None else ("PBSZ", "PROT")
    auth = () if session.tls is None or session.start is TlsStart.IMPLICIT else ("AUTH TLS",)
    facts = "".join(f"{fact}{'*' if fact in session.facts else ''};" for fact in FACTS)
    known = ("CLNT", "EPRT", "EPSV", "MDTM", f"MLST {facts}", "REST STREAM", "SIZE", "TVFS", "UTF8")
    return Answer(211, "Features:", tuple(sorted((*auth, *secure, *known))))


async def syst(session: Session, argument: bytes) -> Answer:
    """SYST: the listing looks like that of Unix."""
    return Answer(215, "UNIX Type: L8")


async def type_(session: Session, argument: bytes) -> Answer:
    """TYPE: a file keeps its bytes in any."""
    return chosen(argument, TYPES, "TYPE takes A or I.")


async def mode(session: Session, argument: bytes) -> Answer:
    """MODE: stream only."""
    return chosen(argument, (b"S",), "MODE takes S.")


async def stru(session: Session, argument: bytes) -> Answer:
    """STRU: file only."""
    return chosen(argument, (b"F",), "STRU takes F.")


def chosen(argument: bytes, allowed: tuple[bytes, ...], otherwise: str) -> Answer:
    """Yes to one of those that are *allowed*.  Raises Declined."""
    if argument.upper() not in allowed:
        raise Declined(504, otherwise)
    return Answer(200, "Done.")


async def opts(session: Session, argument: bytes) -> Answer:
    """OPTS UTF8 (names are UTF-8, always) and OPTS MLST (RFC 3659 section 7.9)."""
    option, _, value = argument.decode("ascii", "replace").partition(" ")
    if option.upper() == "MLST":
        wanted = value.lower().split(";")
        session.facts = tuple(fact for fact in FACTS if fact in wanted)
        return Answer(200, "MLST OPTS " + "".join(f"{fact};" for fact in session.facts))
    if option.upper() in ("UTF8", "UTF-8") and value.upper() in ("", "ON", "NLST"):
        return Answer(200, "Names are in UTF-8.")
    raise Declined(501, "OPTS takes UTF8 ON, or MLST and facts.")


async def nothing(session: Session, argument: bytes) -> Answer:
    """NOOP, CLNT: heard, and nothing to do."""
    return Answer(200, "Done.")


async def site(session: Session, argument: bytes) -> Answer:
    """SITE CHMOD and SITE UTIME succeed and change nothing."""
    word = argument.split(b" ")[0].upper()
    if word not in (b"CHMOD", b"UTIME"):
        raise Declined(504, "SITE takes CHMOD and UTIME; both change nothing.")
    return Answer(200, "Done: files stay as they were sent.")
