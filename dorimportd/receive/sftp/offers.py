"""What one side of an SSH connection would take, as it says in its KEXINIT (RFC 4253 section 7.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dorimportd.config.legacy import ALLOWABLE
from dorimportd.events import NothingInCommon
from dorimportd.receive.sftp.directions import WITH_TAG
from dorimportd.receive.sftp.fields import Fields, string

COOKIE: Final = 16  # random bytes that a KEXINIT begins with
# Of what a KEXINIT has lists, in their order; the second of two is for what we send.
KINDS: Final = ("key exchange", "host key", "cipher", "cipher", "MAC", "MAC", "compression", "compression")
MAC_OF: Final = {2: 4, 3: 5}  # by cipher, in KINDS

STRICT_CLIENT: Final = b"kex-strict-c-v00@openssh.com"
MARKERS: Final = (b"ext-info-c", STRICT_CLIENT)  # are named among the exchanges of keys, and are none
SHOWN: Final = 300  # characters of an offer in a log line

Names = Sequence[bytes]  # of algorithms, the preferred one first


@dataclass(frozen=True, slots=True)
class Offer:
    """One KEXINIT."""

    cookie: bytes
    names: tuple[Names, ...]  # as KINDS
    rest: bytes  # languages, and whether a guess follows

    @classmethod
    def read(cls, packet: bytes) -> Offer:
        """The offer in *packet*, whose kind has been taken off.  Raises Unreadable."""
        fields = Fields(packet[COOKIE:])
        return cls(packet[:COOKIE], tuple(fields.string().split(b",") for _ in KINDS), fields.rest())

    def written(self) -> bytes:
        """The packet that read reads."""
        return self.cookie + b"".join(string(b",".join(names)) for names in self.names) + self.rest

    def with_macs(self, ciphers: Names, macs: Names) -> Offer:
        """The same with *macs* wherever a cipher is agreed on that needs none, of the *ciphers* that we have.

        Which MACs the client has says nothing there (OpenSSH's PROTOCOL, section 1.6).
        """
        names = list(self.names)
        for cipher, mac in MAC_OF.items():
            if first_common(names[cipher], ciphers) in WITH_TAG:
                names[mac] = macs
        return replace(self, names=tuple(names))


def first_common(client: Names, server: Names) -> bytes | None:
    """What is agreed on: the client's first that the server has, too."""
    return next((name for name in client if name in server), None)


def nothing_in_common(peer: str, client: Offer, server: Sequence[Names]) -> NothingInCommon | None:
    """What keeps a session from beginning, for the log; None when all is agreed on.

    *server* is what we have, as KINDS.
    """
    missing = {
        kind: (theirs, ours)
        for kind, theirs, ours in zip(KINDS, client.names, server, strict=True)
        if first_common(theirs, ours) is None
    }
    if not missing:
        return None
    return NothingInCommon(
        peer,
        " and no ".join(missing),
        " / ".join(shown(theirs) for theirs, _ in missing.values()),
        " / ".join(shown(ours) for _, ours in missing.values()),
        hint({kind: theirs for kind, (theirs, _) in missing.items()}),
    )


def hint(missing: Mapping[str, Names]) -> str:
    """What the sysadmin could do about a client that has only these, by kind."""
    allowed = [
        first_common([name.encode() for name in ALLOWABLE.get(kind, ())], theirs)
        for kind, theirs in missing.items()
    ]
    if None in allowed:
        return "nothing can allow that, a newer client is needed"
    names = ", ".join(f'"{name.decode()}"' for name in allowed if name is not None)
    return f"legacy_algorithms = [{names}] in customers.d/NAME.toml would allow it"


def shown(names: Names) -> str:
    """*names* on one line, whatever is in them."""
    real = (name.decode("latin-1") for name in names if name not in MARKERS)
    text = ", ".join(name.encode("unicode_escape").decode() for name in real)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
