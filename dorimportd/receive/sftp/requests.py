"""Every request that SFTP version 3 has: how it is read, what answers it, how much it takes.

draft-ietf-secsh-filexfer-02 section 6; extensions by the names of OpenSSH's PROTOCOL, section 4.
Bytes behind the last field are passed over: some clients pad (rclone 1.60 its last WRITE).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from twisted.conch.ssh.filetransfer import (
    FXP_CLOSE,
    FXP_EXTENDED,
    FXP_FSETSTAT,
    FXP_FSTAT,
    FXP_LSTAT,
    FXP_MKDIR,
    FXP_OPEN,
    FXP_OPENDIR,
    FXP_READ,
    FXP_READDIR,
    FXP_READLINK,
    FXP_REALPATH,
    FXP_REMOVE,
    FXP_RENAME,
    FXP_RMDIR,
    FXP_SETSTAT,
    FXP_STAT,
    FXP_SYMLINK,
    FXP_WRITE,
)

from dorimportd.receive.sftp.fields import Fields
from dorimportd.receive.sftp.handles import LONGEST_READ, PAGE
from dorimportd.receive.sftp.session import SftpSession
from dorimportd.receive.sftp.wire import Answer, Packet, read_attrs

STRING: Final = Fields.string
CONTENT: Final = Fields.content
UINT32: Final = Fields.uint32
UINT64: Final = Fields.uint64
ATTRS: Final = read_attrs

LEAST_WEIGHT: Final = 16 << 10  # bytes of memory that any request takes, generously
ENTRY_WEIGHT: Final = 600  # bytes: the longest name twice, and what goes with it


@dataclass(frozen=True, slots=True)
class Request:
    """One kind of request."""

    answer: Callable[..., Awaitable[Answer]]
    fields: tuple[Callable[[Fields], Any], ...]
    weight: int = LEAST_WEIGHT  # bytes of memory that it or its answer takes, at most


REQUESTS: Final[Mapping[int, Request]] = {
    FXP_OPEN: Request(SftpSession.open, (STRING, UINT32, ATTRS)),
    FXP_CLOSE: Request(SftpSession.close, (STRING,)),
    FXP_READ: Request(SftpSession.read, (STRING, UINT64, UINT32), weight=LONGEST_READ),
    FXP_WRITE: Request(SftpSession.write, (STRING, UINT64, CONTENT)),
    FXP_LSTAT: Request(SftpSession.stat, (STRING,)),
    FXP_FSTAT: Request(SftpSession.fstat, (STRING,)),
    FXP_SETSTAT: Request(SftpSession.setstat, (STRING, ATTRS)),
    FXP_FSETSTAT: Request(SftpSession.fsetstat, (STRING, ATTRS)),
    FXP_OPENDIR: Request(SftpSession.opendir, (STRING,)),
    FXP_READDIR: Request(SftpSession.readdir, (STRING,), weight=PAGE * ENTRY_WEIGHT),
    FXP_REMOVE: Request(SftpSession.remove, (STRING,)),
    FXP_MKDIR: Request(SftpSession.refuse_folder, (STRING,)),
    FXP_RMDIR: Request(SftpSession.refuse_folder, (STRING,)),
    FXP_REALPATH: Request(SftpSession.realpath, (STRING,)),
    FXP_STAT: Request(SftpSession.stat, (STRING,)),
    FXP_RENAME: Request(SftpSession.rename, (STRING, STRING)),
    FXP_READLINK: Request(SftpSession.readlink, (STRING,)),
    FXP_SYMLINK: Request(SftpSession.refuse_link, (STRING, STRING)),
}

EXTENSIONS: Final[Mapping[bytes, Request]] = {
    b"posix-rename@openssh.com": Request(SftpSession.rename, (STRING, STRING)),
    b"fsync@openssh.com": Request(SftpSession.fsync, (STRING,)),
    b"limits@openssh.com": Request(SftpSession.limits, ()),
    b"statvfs@openssh.com": Request(SftpSession.statvfs, (STRING,)),
}
SECOND_VERSION: Final = (b"statvfs@openssh.com",)
ADVERTISED: Final = tuple((name, b"2" if name in SECOND_VERSION else b"1") for name in EXTENSIONS)


def weight(packet: Packet) -> int:
    """Bytes of memory that *packet* and its answer take at most while it is worked on."""
    request = REQUESTS.get(packet.kind)
    return max(request.weight if request else LEAST_WEIGHT, packet.size)


def understood(packet: Packet) -> Callable[[SftpSession], Awaitable[Answer]]:
    """What answers *packet*, to be called with the session; it raises NotAccepted or SFTPError.

    Raises Unreadable when the fields do not fit.
    """
    fields = Fields(packet.body)
    request = EXTENSIONS.get(fields.string()) if packet.kind == FXP_EXTENDED else REQUESTS.get(packet.kind)
    if request is None:
        return SftpSession.refuse_unknown
    values = [read(fields) for read in request.fields]
    return lambda session: request.answer(session, *values)
