"""The message of an SMTP session: behind DATA up to its dot, or in chunks of a size that is told before.

It goes to the disk as it comes, and a thread does the rest (taking.py).  First it is durable, then it is
told, then the reply leaves.
"""

# Twisted's SMTP has no types.

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from dorimportd.errors import NotAccepted, TooLarge
from dorimportd.events import DeliveryAccepted, MailArchived, MailConfirmed, MailRefused
from dorimportd.instants import reach
from dorimportd.receive.house import House
from dorimportd.receive.smtp.answering import AnsweringSession
from dorimportd.receive.smtp.commands import Breach, Chunk
from dorimportd.receive.smtp.envelope import MailEnvelope
from dorimportd.receive.smtp.incoming import IncomingMail
from dorimportd.receive.smtp.mended import Hold
from dorimportd.receive.smtp.taking import MailDesk, Taken
from dorimportd.receive.smtp.wire import Newlines
from dorimportd.receive.tls import TlsContexts
from dorimportd.receive.uploads import WAITING_LIMIT

BARE_NEWLINE: Final = (
    "The message has lines that end with CR or LF alone; send CR LF "
    "(in Python: send_message(), not sendmail() with bytes)."
)


class ReceivingSession(AnsweringSession):
    """A session with the message that is on its way, if there is one."""

    def __init__(self, house: House, tls: TlsContexts | None) -> None:
        super().__init__(house, tls)
        self._mails = 0  # that were begun
        self._progress_due: IDelayedCall | None = None
        self._overdue = False  # the time came while it was our turn
        self._envelope: MailEnvelope | None = None
        self._incoming: IncomingMail | None = None
        self._newlines = Newlines()  # of the chunks
        self._chunked = 0  # bytes of the message in the chunks so far
        self._last_chunk = False
        self._chunk_refusal: Exception | None = None  # the chunk is passed over, and then this is raised

    # The beginning.

    async def _begin_message(self) -> bool:
        """Have a place for a message; whether the connection is still there."""
        self._mails += 1
        self.progressed()
        largest = self._settings.limits.mail_size
        upload = await self._house.workers.run(self._house.spool.begin_mail, largest=largest)
        self._incoming = IncomingMail(upload, workers=self._house.workers, written=self._message_written)
        if self.lost:
            await self._drop_message()
        return not self.lost

    async def _drop_message(self) -> None:
        """What has come of a message is of no use."""
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            await incoming.drop()

    # Time.

    def progressed(self) -> None:
        """There is so much time for the next message, or for more of this one, whatever else is said."""
        super().progressed()
        self._stop_waiting()
        if not self.closing:
            seconds = self._settings.limits.idle_seconds
            self._progress_due = self._clock.callLater(seconds, self._no_progress)

    def _no_progress(self) -> None:
        self._overdue = bool(self._holds)
        if not self._holds and not self.closing:
            self.timeoutConnection()

    def release(self, why: Hold) -> None:
        super().release(why)
        if self._overdue and not self._holds:
            self.progressed()

    def _stop_waiting(self) -> None:
        self._overdue = False
        if self._progress_due is not None and self._progress_due.active():
            self._progress_due.cancel()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Half a message leaves nothing."""
        super().connectionLost(reason)
        self._stop_waiting()
        Deferred.fromCoroutine(self._drop_message()).addErrback(self._tell_fault)

    # Chunks (RFC 3030).

    async def _take_chunk(self, chunk: Chunk, refusal: Breach | None) -> None:
        """Take more of the message.

        The bytes of a *chunk* that is refused come, too: they are passed over, and then it is told.
        """
        self.begin_chunk(chunk.size)
        self._last_chunk = chunk.last
        self._chunk_refusal = refusal
        if refusal is None:
            try:
                await self._begin_chunk(chunk.size)
            except Exception as failure:  # noqa: BLE001  (chunk_ended raises it)
                self._chunk_refusal = failure
        if self._chunk_refusal is not None:
            await self._drop_message()

    async def _begin_chunk(self, size: int) -> None:
        if self._incoming is None:
            self._newlines, self._chunked = Newlines(), 0
            await self._begin_message()
        self._chunked += size
        if self._chunked > self._settings.limits.mail_size:
            raise TooLarge

    def chunk_came(self, content: bytes) -> None:
        self._newlines.see(content)
        self.message_came(content)

    async def chunk_ended(self) -> None:
        envelope = self._envelope
        try:
            await self._answer_chunk()
        except Breach as breach:
            self._breach(breach)
        except NotAccepted as refusal:
            if envelope is not None:
                self._mail_refused(envelope, str(refusal))
            self._refuse(refusal)

    async def _answer_chunk(self) -> None:
        """Answer it; raises why of this mail nothing more is taken."""
        try:
            if self._chunk_refusal is not None:
                raise self._chunk_refusal
            if self._last_chunk:
                await self.message_ended(bare_newline=self._newlines.have_bare())
            elif self._incoming is not None:
                await self._incoming.written()
                self._say(250, "2.0.0", f"{self._chunked} bytes of the message are here.")
        except Exception:
            self._envelope = self._incoming = None
            raise

    # The message.

    def message_came(self, content: bytes) -> None:
        if self._incoming is not None:
            self._incoming.write(content)
            if self._incoming.waiting > WAITING_LIMIT:
                self.hold(Hold.DISK)

    def _message_written(self) -> None:
        if self._incoming is None or self._incoming.waiting <= WAITING_LIMIT:
            self.release(Hold.DISK)

    async def message_ended(self, *, bare_newline: bool) -> None:
        incoming, envelope = self._incoming, self._envelope
        self._incoming = self._envelope = None
        if incoming is None or envelope is None:
            raise AssertionError("a message has an envelope")
        workers = self._house.workers
        desk = MailDesk(self._house.spool, peer=self._peer, mail_domain=self._settings.mail_domain)
        try:
            upload = await incoming.whole()
            if bare_newline:
                self._spoiled(await workers.run(desk.refuse, upload, envelope, BARE_NEWLINE))
            else:
                self._taken(envelope, await workers.run(desk.take, upload, envelope))
        except NotAccepted as refusal:
            self._mail_refused(envelope, str(refusal))
            self._refuse(refusal)
        finally:
            self.progressed()

    def _taken(self, envelope: MailEnvelope, taken: Taken) -> None:
        """Tell what became of the message, then answer it."""
        for delivery in taken.deliveries:
            self._house.tell(DeliveryAccepted(delivery))
        for delivery in taken.confirmed:
            self._house.tell(MailConfirmed(taken.mail.note.message_id, delivery))
        if taken.copy_of is not None:
            self._house.tell(MailArchived(taken.mail.note.message_id, taken.copy_of))
        if taken.refusal is not None:
            self._mail_refused(envelope, str(taken.refusal), str(taken.mail.path))
            self._refuse(taken.refusal)
            return
        self._errors = 0
        reach("smtp.accepted")
        self._say(250, "2.0.0", taken.sentence())
        reach("smtp.answered")

    def _spoiled(self, taken: Taken) -> None:
        note = taken.mail.note
        self._house.tell(MailRefused(note.reverse_path, self._peer, BARE_NEWLINE, str(taken.mail.path)))
        self._breach(Breach(550, "5.6.11", BARE_NEWLINE))

    def _mail_refused(self, envelope: MailEnvelope, reason: str, kept: str = "nowhere") -> None:
        self._house.tell(MailRefused(envelope.reverse_path, self._peer, reason, kept))
