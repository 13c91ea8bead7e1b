"""What is known of one session: who it is, and what its commands have agreed on so far.

The commands read and change it; the control connection owns it.
"""

from __future__ import annotations

from collections.abc import Callable

from dorimportd.receive.avatar import CustomerAvatar
from dorimportd.receive.ftp.data import DataConnections
from dorimportd.receive.ftp.flow import Flow
from dorimportd.receive.ftp.listing import FACTS
from dorimportd.receive.ftp.wire import Answer, Declined
from dorimportd.receive.house import House
from dorimportd.receive.tls import TlsContexts
from dorimportd.words import TlsStart


class Session:
    """One session of *peer*, at the address *local* of ours."""

    def __init__(
        self,
        house: House,
        tls: TlsContexts | None,
        *,
        start: TlsStart,
        local: str,
        peer: str,
        data: DataConnections,
        say: Callable[[Answer], None],
        start_tls: Callable[[TlsContexts], None],
        close: Callable[[], None],
    ) -> None:
        self.house = house
        self.tls = tls
        self.start = start
        self.local = local
        self.peer = peer
        self.data = data
        self.say = say  # an answer before the command's last one
        self.start_tls = start_tls  # on the control connection; what was sent before it is dropped
        self.close = close  # after what was said has left
        self.ended = False  # the control connection is lost
        self.login: bytes | None = None
        self.failed_logins = 0
        self.secured = start is TlsStart.IMPLICIT  # the control connection speaks TLS
        self.protected = self.secured  # data connections do
        self.only_extended = False  # EPSV ALL was given
        self.restart_at: int | None = None
        self.rename_from: bytes | None = None
        self.facts = tuple(FACTS)
        self.flow: Flow | None = None  # the transfer that is going on
        self._avatar: CustomerAvatar | None = None

    @property
    def logged_in(self) -> bool:
        return self._avatar is not None

    @property
    def avatar(self) -> CustomerAvatar:
        """The customer.  Raises Declined before the login."""
        if self._avatar is None:
            raise Declined(530, "Please log in with USER and PASS.")
        return self._avatar

    @property
    def needs_tls(self) -> bool:
        """Whether password and files come under TLS only: where it listens, or this customer, asks for it."""
        on_this_listener = self.start in (TlsStart.EXPLICIT, TlsStart.IMPLICIT)
        return on_this_listener or (self._avatar is not None and self._avatar.customer.require_tls)

    def enter(self, avatar: CustomerAvatar) -> None:
        """The login was right.  Raises TooManySessions."""
        self.house.sessions.enter(avatar.customer.name)
        self._avatar = avatar

    def abort(self, why: str) -> None:
        """Break off the transfer, if one is going on or about to begin."""
        if self.flow is not None:
            self.flow.abort(why)
        self.data.close()

    def end(self) -> None:
        """The control connection is lost: no file of this session becomes a delivery any more."""
        self.ended = True
        self.abort("the control connection was lost")
        self.data.end()
        if self._avatar is not None:
            self.house.sessions.leave(self._avatar.customer.name)
