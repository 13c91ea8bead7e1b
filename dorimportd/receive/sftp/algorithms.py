"""What is agreed on with an SSH client: one table of algorithms, ours by preference.

The client's order decides (RFC 4253 section 7.1).  Left out of what Conch has: CBC modes and triple
DES, SHA-1 and MD5, NIST curves, group exchange, and compression, which would let a client that has
not logged in take memory a thousand times the size of what it sends.

What ssh-audit marks yellow is here only for clients of today that know nothing else: Debian 12's have no
post-quantum exchange, paramiko before 5 knows the curve only by its older name, and libssh2 1.10, and so
curl in Debian 12, has no cipher with a tag and no MAC over what is encrypted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from twisted.conch.ssh.transport import SSHTransportBase

from dorimportd import __version__
from dorimportd.config.legacy import ALLOWABLE

VERSION: Final = b"SSH-2.0-dorimportd_" + __version__.encode("ascii")

STRICT: Final = b"kex-strict-s-v00@openssh.com"  # is named among the exchanges of keys, and is none
POST_QUANTUM: Final = b"mlkem768x25519-sha256"
KEY_EXCHANGES: Final = tuple(
    name
    for name in (POST_QUANTUM, b"curve25519-sha256", b"curve25519-sha256@libssh.org")
    if name in SSHTransportBase.supportedKeyExchanges  # ML-KEM needs a cryptography that has it
)
CIPHERS: Final = (
    b"chacha20-poly1305@openssh.com",
    b"aes128-gcm@openssh.com",
    b"aes256-gcm@openssh.com",
    b"aes128-ctr",
    b"aes192-ctr",
    b"aes256-ctr",
)
ENCRYPT_THEN_MAC: Final = (b"hmac-sha2-256-etm@openssh.com", b"hmac-sha2-512-etm@openssh.com")
MACS: Final = (*ENCRYPT_THEN_MAC, b"hmac-sha2-256", b"hmac-sha2-512")
COMPRESSIONS: Final = [b"none"]

# How a key may sign, for hosts and customers alike (RFC 8332, RFC 8709): algorithm -> type of key.
SIGNATURES: Final[Mapping[bytes, bytes]] = {
    b"ssh-ed25519": b"ssh-ed25519",
    b"rsa-sha2-512": b"ssh-rsa",
    b"rsa-sha2-256": b"ssh-rsa",
}
RSA_BITS: Final = 2048  # at least


@dataclass(frozen=True, slots=True)
class Offered:
    """What one connection may be agreed on."""

    key_exchanges: tuple[bytes, ...]
    signatures: Mapping[bytes, bytes]  # as SIGNATURES
    ciphers: tuple[bytes, ...]
    macs: tuple[bytes, ...]

    def all(self) -> frozenset[bytes]:
        return frozenset((*self.key_exchanges, *self.signatures, *self.ciphers, *self.macs))


DEFAULT: Final = Offered(KEY_EXCHANGES, SIGNATURES, CIPHERS, MACS)
MODERN: Final = Offered(
    tuple(name for name in KEY_EXCHANGES if name == POST_QUANTUM), SIGNATURES, CIPHERS, ENCRYPT_THEN_MAC
)


def offered(*, modern_only: bool, legacy: Collection[str] = ()) -> Offered:
    """What is offered by the setting of that name, and behind it what of *legacy* is not there yet."""
    base = MODERN if modern_only else DEFAULT

    def added(kind: str, names: Iterable[bytes]) -> tuple[bytes, ...]:
        more = (name.encode() for name in ALLOWABLE[kind] if name in legacy)
        return tuple(dict.fromkeys((*names, *more)))

    exchanges = added("key exchange", base.key_exchanges)
    return Offered(
        tuple(name for name in exchanges if name in SSHTransportBase.supportedKeyExchanges),
        {name: SIGNATURES.get(name, name) for name in added("host key", base.signatures)},
        added("cipher", base.ciphers),
        added("MAC", base.macs),
    )
