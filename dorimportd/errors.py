"""What can go wrong, by whose move it is next.

A row that is wrong is no error but a `Reject`, a value.  Everything else that stops something is one
of these, and carries the sentence that a person reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from dorimportd.words import Reject


class NotAccepted(Exception):
    """An upload that does not become a delivery."""

    text: ClassVar[str]  # one plain sentence for the sender
    hint: ClassVar[str] = ""  # what to do next

    def for_us(self) -> str:
        """The sentence, and what lies behind it: not for the sender."""
        return f"{self} ({self.__cause__})" if isinstance(self.__cause__, OSError) else str(self)

    def __str__(self) -> str:
        detail = super().__str__()
        return " ".join(part for part in (self.text, detail, self.hint) if part)


class Refused(NotAccepted):
    """The sender must change something; the same again would be refused again (5yz)."""


class TryLater(NotAccepted):
    """Nothing is wrong with what was sent; we cannot take it now (4yz)."""


class NoSpace(TryLater):
    text = "There is no space left for new files."
    hint = "Please send it again later."


class SpoolFailing(TryLater):
    text = "The file could not be stored."
    hint = "Please send it again later."


class UploadBusy(TryLater):
    text = "Another session is writing this file."
    hint = "Wait until it has ended, or send it under another name."


class TooManyUnfinished(TryLater):
    text = "There are too many unfinished files."
    hint = "Send the rest of them, or rename those that are whole to their final names."


class TooManySessions(TryLater):
    text = "There are too many sessions."
    hint = "Please try again later."


class AddressBanned(TryLater):
    text = "Too many logins from your address have failed."
    hint = "Please try again later."


class TooLarge(Refused):
    text = "The file is larger than this server takes."


class BadName(Refused):
    text = "This file name cannot be used:"


class NoSuchFile(Refused):
    text = "There is no such file."


class BytesRemoved(NoSuchFile):
    text = "The file was removed, since its time is over."


class NoFolders(Refused):
    text = "There are no folders here."
    hint = "Put the file into the root folder."


class Incomplete(Refused):
    text = "Parts of the file are missing."
    hint = "Send the whole file, then close it."


class NameChangeRefused(Refused):
    text = "Files that were sent cannot be renamed."
    hint = "To correct data, send a file with the same transaction IDs."


class DeleteRefused(Refused):
    text = "Files that were sent cannot be deleted."
    hint = "To correct data, send a file with the same transaction IDs."


class FolderRefused(Refused):
    text = "Folders cannot be made or removed here."
    hint = "Put the file into the root folder."


class LinkRefused(Refused):
    text = "Links cannot be made here."
    hint = "Put the file itself into the root folder."


class LoginRefused(Refused):
    text = "The user name, password or key is not right."


class AccountClosed(Refused):
    text = "This account takes no files any more."


class UnknownAddress(Refused):
    text = "There is no such address here."


class AddressReplaced(Refused):
    text = "This address has been replaced by:"


class SenderRefused(Refused):
    text = "This sender may not send to this address."


class BadMail(Refused):
    text = "The mail cannot be read."


class NotOneAttachment(Refused):
    text = "A mail must carry exactly one CSV file."


class SpoolUnusable(Exception):
    """The spool cannot be used until a person changes something; the text says what."""


class SpoolInUse(Exception):
    """Another daemon works on this state folder."""


class StoreAway(Exception):
    """The database cannot be used now; the same may work later."""


class StoreUnusable(Exception):
    """The database cannot be used until a person changes something: a bad URL, a newer schema."""


class HoldFile(Exception):
    """The file as a whole cannot be imported; the text says why, for a person.

    Raised before the first row of the file was handed on, or while it is read; then what was handed
    on before must not be kept.
    """

    def __init__(self, reason: str, rejects: Sequence[Reject] = ()) -> None:
        super().__init__(reason)
        self.rejects = tuple(rejects)  # examples of what is wrong with it


class NotWaiting(Exception):
    """A delivery has its outcome already; there is nothing to import."""


class TooLargeForSeveral(Exception):
    """A delivery is imported alone, since it has more rows than go into the store together with others."""


class Interrupted(Exception):
    """Work was stopped between two steps, because the daemon stops; it goes on at the next start."""


class CertificateUnusable(Exception):
    """The TLS certificate or its private key cannot be used until a person changes something."""


class HostKeyUnusable(Exception):
    """The SFTP door cannot show who it is; the text says which file is wrong."""
