"""What the wire says: one table from our refusals to SFTP status, FTP reply and SMTP reply.

A test walks NotAccepted and finds each class here: 4yz for TryLater, 5yz for Refused (RFC 959 section
4.2.1, RFC 5321 section 4.2.1, RFC 3463 section 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from twisted.conch.ssh.filetransfer import FX_FAILURE, FX_NO_SUCH_FILE, FX_PERMISSION_DENIED

from dorimportd import errors
from dorimportd.errors import NotAccepted


@dataclass(frozen=True, slots=True)
class Reply:
    """How each protocol says it."""

    sftp: int  # a status of draft-ietf-secsh-filexfer-02 section 7
    ftp: int  # RFC 959 section 4.2
    smtp: int  # RFC 5321 section 4.2
    enhanced: str  # RFC 3463


REPLIES: Final[Mapping[type[NotAccepted], Reply]] = {
    errors.NoSpace: Reply(FX_FAILURE, 452, 452, "4.3.1"),
    errors.SpoolFailing: Reply(FX_FAILURE, 452, 452, "4.3.0"),
    errors.UploadBusy: Reply(FX_FAILURE, 450, 450, "4.2.0"),
    errors.TooManyUnfinished: Reply(FX_FAILURE, 452, 452, "4.3.1"),
    errors.TooManySessions: Reply(FX_FAILURE, 421, 421, "4.7.0"),
    errors.AddressBanned: Reply(FX_FAILURE, 421, 421, "4.7.0"),
    errors.TooLarge: Reply(FX_FAILURE, 552, 552, "5.3.4"),
    errors.BadName: Reply(FX_PERMISSION_DENIED, 553, 554, "5.6.0"),
    errors.NoSuchFile: Reply(FX_NO_SUCH_FILE, 550, 550, "5.1.1"),
    errors.BytesRemoved: Reply(FX_NO_SUCH_FILE, 550, 550, "5.1.1"),
    errors.NoFolders: Reply(FX_NO_SUCH_FILE, 550, 550, "5.1.1"),
    errors.Incomplete: Reply(FX_FAILURE, 550, 554, "5.6.0"),
    errors.NameChangeRefused: Reply(FX_PERMISSION_DENIED, 550, 550, "5.7.1"),
    errors.DeleteRefused: Reply(FX_PERMISSION_DENIED, 550, 550, "5.7.1"),
    errors.FolderRefused: Reply(FX_PERMISSION_DENIED, 550, 550, "5.7.1"),
    errors.LinkRefused: Reply(FX_PERMISSION_DENIED, 550, 550, "5.7.1"),
    errors.LoginRefused: Reply(FX_PERMISSION_DENIED, 530, 535, "5.7.8"),
    errors.AccountClosed: Reply(FX_PERMISSION_DENIED, 550, 550, "5.7.1"),
    errors.NotOneAttachment: Reply(FX_FAILURE, 550, 554, "5.6.0"),
    errors.BadMail: Reply(FX_FAILURE, 550, 554, "5.6.0"),
    errors.UnknownAddress: Reply(FX_FAILURE, 550, 550, "5.1.1"),
    errors.AddressReplaced: Reply(FX_FAILURE, 550, 550, "5.1.6"),
    errors.SenderRefused: Reply(FX_FAILURE, 550, 550, "5.7.1"),
}


def reply_to(refusal: NotAccepted) -> Reply:
    """The reply for *refusal*."""
    return REPLIES[type(refusal)]
