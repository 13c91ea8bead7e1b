"""The commands by which a session is secured, begins and ends: AUTH, PBSZ, PROT, USER, PASS, QUIT."""

from __future__ import annotations

from typing import Final

from twisted.internet.task import deferLater

from dorimportd.errors import LoginRefused, TooManySessions
from dorimportd.events import SessionEnded, SessionRefused
from dorimportd.receive.ftp.session import Session
from dorimportd.receive.ftp.wire import Answer, Declined
from dorimportd.words import Channel

FAILURE_SECONDS: Final = 1  # before the answer to a wrong password


async def auth(session: Session, argument: bytes) -> Answer | None:
    """AUTH TLS (RFC 4217 section 4): what the client says next is under TLS."""
    if session.tls is None:
        raise Declined(502, "TLS is not available here.")
    if argument.upper() not in (b"TLS", b"TLS-C"):
        raise Declined(504, "AUTH takes TLS, and nothing else.")
    if session.secured or session.logged_in:
        raise Declined(503, "AUTH comes once, before the login.")
    session.say(Answer(234, "TLS begins now."))
    session.login = None
    session.secured = True
    session.start_tls(session.tls)
    return None


async def pbsz(session: Session, argument: bytes) -> Answer:
    """PBSZ (RFC 2228 section 3): over TLS nothing is buffered."""
    require_tls(session)
    return Answer(200, "PBSZ=0")


async def prot(session: Session, argument: bytes) -> Answer:
    """PROT (RFC 2228 section 3): data connections Clear or Private."""
    require_tls(session)
    level = argument.upper()
    if level in (b"S", b"E"):
        raise Declined(536, "PROT takes P or C.")
    if level not in (b"P", b"C"):
        raise Declined(504, "PROT takes P or C.")
    if level == b"C" and session.needs_tls:
        raise Declined(534, "Data connections are private here: PROT P.")
    session.protected = level == b"P"
    return Answer(200, f"Data connections are {'private' if session.protected else 'clear'} now.")


def require_tls(session: Session) -> None:
    """Raises Declined when the control connection does not speak TLS."""
    if not session.secured:
        raise Declined(503, "Use AUTH TLS first.")


def refuse_in_the_clear(session: Session) -> None:
    """Raises Declined when a login must not be said before AUTH TLS (RFC 4217 section 7)."""
    if session.needs_tls and not session.secured:
        raise Declined(530, "Use AUTH TLS before the login: passwords are not taken in the clear here.")


async def user(session: Session, argument: bytes) -> Answer:
    """USER: any name is asked for its password."""
    if session.logged_in:
        raise Declined(530, "You are logged in; connect again to be somebody else.")
    refuse_in_the_clear(session)
    session.login = argument
    return Answer(331, "Please send the password.")


async def password(session: Session, argument: bytes) -> Answer | None:
    """PASS: one text for all that can be wrong."""
    login, session.login = session.login, None
    if login is None:
        refuse_in_the_clear(session)
        raise Declined(503, "Send USER first.")
    try:
        avatar = await session.house.doorkeeper.by_password(
            login, argument, Channel.FTP, session.peer, private=session.secured
        )
    except LoginRefused as refusal:
        return await wrong(session, refusal)
    if session.ended:
        return None
    try:
        session.enter(avatar)
    except TooManySessions as refusal:
        customer = avatar.customer.name
        reason = f"{customer} has too many sessions"
        session.house.tell(SessionRefused(Channel.FTP, session.peer, reason, customer))
        last(session, 421, str(refusal))
        return None
    return Answer(230, "Logged in. Put your files into this folder.")


async def wrong(session: Session, refusal: LoginRefused) -> Answer | None:
    """Answer a wrong login after a while, and after too many of them end the session."""
    session.failed_logins += 1
    await deferLater(session.house.clock, FAILURE_SECONDS)
    if session.failed_logins >= session.house.settings().limits.login_attempts:
        if not session.ended:
            reason = f"{session.failed_logins} logins failed"
            session.house.tell(SessionEnded(Channel.FTP, session.peer, reason))
        last(session, 421, f"{refusal} Too many attempts: goodbye.")
        return None
    if not session.secured and session.house.settings().some_require_tls:
        # To everybody in the clear, so that it tells nothing of this one.
        raise Declined(530, f"{refusal} Some logins are taken under TLS only.")
    raise refusal


async def goodbye(session: Session, argument: bytes) -> Answer | None:
    """QUIT, when all before it is done."""
    last(session, 221, "Goodbye.")
    return None


def last(session: Session, code: int, text: str) -> None:
    """Say this, and end the session."""
    session.say(Answer(code, text))
    session.close()
