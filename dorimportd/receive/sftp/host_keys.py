"""Who we are: the host keys, made once and kept, because clients remember them.

    ssh_host_ed25519_key   Ed25519
    ssh_host_rsa_key       RSA of 3072 bits, for clients that know no other

Each is an OpenSSH private key that only its owner can read, whole or not there at all.  Blocks on the
disk and on making the RSA key: at a start and at a reload, not on the reactor thread.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.conch.ssh.keys import BadKeyError, EncryptedKeyError, FingerprintFormats, Key

from dorimportd.errors import HostKeyUnusable
from dorimportd.events import HostKeyMade, Tell
from dorimportd.receive.sftp import algorithms
from dorimportd.spool.durable import sync_folder


def make_rsa() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=3072)


KINDS: Final[Mapping[str, Callable[[], Ed25519PrivateKey | RSAPrivateKey]]] = {
    "ssh_host_ed25519_key": Ed25519PrivateKey.generate,
    "ssh_host_rsa_key": make_rsa,
}

NO_KEY: Final = (
    "this is no Ed25519 or RSA private key without a passphrase; put the right one there, or remove it and "
    "a new one is made, of which clients will warn."
)


def load_or_make(folder: Path, *, tell: Tell) -> list[Key]:
    """The host keys in *folder*, Ed25519 first; one that is missing is made, durably, and told.

    Raises HostKeyUnusable with the path and what is wrong.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
        return [load_or_make_one(folder / name, tell) for name in KINDS]
    except OSError as error:
        raise HostKeyUnusable(f"{error.filename}: {error.strerror}.") from error


def fingerprints(keys: Iterable[Key]) -> list[tuple[str, str]]:
    """Type and fingerprint of each key, as ssh-keygen -l prints them: ("ssh-rsa", "SHA256:…")."""
    return [(key.sshType().decode("ascii"), fingerprint(key)) for key in keys]


def fingerprint(key: Key) -> str:
    digest: str = key.public().fingerprint(FingerprintFormats.SHA256_BASE64)
    return "SHA256:" + digest.rstrip("=")


def load_or_make_one(path: Path, tell: Tell) -> Key:
    return load(path) if path.exists() else make(path, tell)


def load(path: Path) -> Key:
    """The private key in the file *path*.  Raises HostKeyUnusable and OSError."""
    if path.stat().st_mode & 0o077:
        raise HostKeyUnusable(f"{path}: others can read this private key; chmod it to 600.")
    try:
        key: Key = Key.fromString(path.read_bytes())
    except (BadKeyError, EncryptedKeyError, ValueError) as error:
        raise HostKeyUnusable(f"{path}: {NO_KEY}") from error
    if key.isPublic() or key.sshType() not in algorithms.SIGNATURES.values():
        raise HostKeyUnusable(f"{path}: {NO_KEY}")
    return key


def make(path: Path, tell: Tell) -> Key:
    """Make the private key *path*; on return it and its name are on the disk.  Raises OSError."""
    text = KINDS[path.name]().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.link(new, path)  # fails where another process was faster, so that a key is never replaced
    finally:
        new.unlink()
    sync_folder(path.parent)
    key: Key = Key.fromString(text)
    tell(HostKeyMade(key.sshType().decode("ascii"), fingerprint(key)))
    return key
