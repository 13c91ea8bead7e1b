"""Which names on the wire stand for which ciphers and MACs."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes

from dorimportd.receive.sftp.ciphers import ChaCha, Direction, EncryptAndMac, EncryptThenMac, Gcm, Mac


class InBlocks(NamedTuple):
    """A block cipher and how it is used."""

    algorithm: Callable[[bytes], BlockCipherAlgorithm]
    key_size: int  # bytes
    mode: Callable[[bytes], modes.CTR | modes.CBC]
    block: int = 16  # bytes


IN_BLOCKS: Final[Mapping[bytes, InBlocks]] = {
    b"aes128-ctr": InBlocks(algorithms.AES, 16, modes.CTR),
    b"aes192-ctr": InBlocks(algorithms.AES, 24, modes.CTR),
    b"aes256-ctr": InBlocks(algorithms.AES, 32, modes.CTR),
    b"aes128-cbc": InBlocks(algorithms.AES, 16, modes.CBC),
    b"aes192-cbc": InBlocks(algorithms.AES, 24, modes.CBC),
    b"aes256-cbc": InBlocks(algorithms.AES, 32, modes.CBC),
    b"3des-cbc": InBlocks(TripleDES, 24, modes.CBC, 8),
}
GCM: Final[Mapping[bytes, int]] = {b"aes128-gcm@openssh.com": 16, b"aes256-gcm@openssh.com": 32}  # key bytes
CHACHA: Final = b"chacha20-poly1305@openssh.com"
WITH_TAG: Final = frozenset([*GCM, CHACHA])  # that need no MAC; which one is agreed on says nothing then
MACS: Final[Mapping[bytes, str]] = {
    b"hmac-sha2-256": "sha256",
    b"hmac-sha2-512": "sha512",
    b"hmac-sha1": "sha1",
}
AFTERWARDS: Final = b"-etm@openssh.com"  # the end of a MAC's name: it is over what is encrypted


def direction(cipher: bytes, mac: bytes, *, iv: bytes, key: bytes, mac_key: bytes, opens: bool) -> Direction:
    """A direction by the agreed names, for opening or for sealing.

    Of the three secrets only so much is taken as the algorithm needs (RFC 4253 section 7.2).
    """
    if cipher == CHACHA:
        return ChaCha(key)
    if cipher in GCM:
        return Gcm(key[: GCM[cipher]], iv)
    kind = IN_BLOCKS[cipher]
    both = Cipher(kind.algorithm(key[: kind.key_size]), kind.mode(iv[: kind.block]))
    stream = both.decryptor() if opens else both.encryptor()
    digest = MACS[mac.removesuffix(AFTERWARDS)]
    code = Mac(mac_key[: hmac.new(b"", digestmod=digest).digest_size], digest)
    return (EncryptThenMac if mac.endswith(AFTERWARDS) else EncryptAndMac)(stream, kind.block, code)
