"""The commands that agree on a data connection, or do without it: PASV, EPSV, PORT, EPRT, ABOR."""

from __future__ import annotations

from dorimportd.config.keys import lies_in
from dorimportd.config.schema import Ftp
from dorimportd.receive.ftp.session import Session
from dorimportd.receive.ftp.wire import (
    Answer,
    Declined,
    check_target,
    extended_passive_answer,
    passive_answer,
    read_extended_port,
    read_port,
)


async def pasv(session: Session, argument: bytes) -> Answer:
    """PASV: the client connects to us."""
    refuse_after_epsv_all(session)
    if ":" in session.local:
        raise Declined(425, "Use EPSV: PASV cannot tell an IPv6 address.")
    ftp = session.house.settings().ftp
    return passive_answer(told_address(session, ftp), await session.data.listen(ftp.passive_ports))


def told_address(session: Session, ftp: Ftp) -> str:
    """The address at which this client reaches us."""
    for each in ftp.public_addresses:
        if lies_in(session.peer, (each.clients,)):
            return each.address
    return ftp.public_address or session.local


async def epsv(session: Session, argument: bytes) -> Answer:
    """EPSV (RFC 2428 section 3)."""
    if argument.upper() == b"ALL":
        session.only_extended = True
        return Answer(200, "Only EPSV from now on.")
    ours = b"2" if ":" in session.local else b"1"
    if argument not in (b"", ours):
        raise Declined(522, f"Network protocol not supported, use ({ours.decode()}).")
    return extended_passive_answer(await session.data.listen(session.house.settings().ftp.passive_ports))


async def port(session: Session, argument: bytes) -> Answer:
    """PORT: we connect to the client."""
    return aim(session, *read_port(argument))


async def eprt(session: Session, argument: bytes) -> Answer:
    """EPRT (RFC 2428 section 2)."""
    return aim(session, *read_extended_port(argument))


def aim(session: Session, address: str, number: int) -> Answer:
    """Let the next transfer connect there, when it is where the client is."""
    refuse_after_epsv_all(session)
    check_target(address, number, session.peer)
    session.data.aim(address, number)
    return Answer(200, "Done.")


def refuse_after_epsv_all(session: Session) -> None:
    """Raises Declined after EPSV ALL (RFC 2428 section 4)."""
    if session.only_extended:
        raise Declined(503, "You said EPSV ALL.")


async def abor(session: Session, argument: bytes) -> Answer:
    """ABOR: the control connection has broken the transfer off already, and answered it."""
    session.data.close()
    return Answer(226, "No transfer is going on.")
