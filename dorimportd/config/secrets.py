"""What nobody may read.

Passwords are kept as Argon2id only (RFC 9106), in PHC syntax: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH.
A verification takes some 50 ms and 19 MiB: it belongs on a worker thread, and never many at once.
Other secrets may be in files of their own, or in systemd's credentials.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2
LANES: Final = 1
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
LONGEST_PASSWORD: Final = 1024  # bytes

# Of no password that anyone has: for a login that does not exist the same work is done.
DUMMY_HASH: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$ZG9yaW1wb3J0ZC1kdW1teQ$SMGPAaGJ7bOlBHmiLd1lQ3kUnRiVrVJiXMzGVkS1OBQ"
)

# Where systemd puts the unit's credentials; root may look there while the daemon runs, and has no
# CREDENTIALS_DIRECTORY of its own (systemd.exec(5)).
CREDENTIALS: Final = "/run/credentials/dorimportd.service"


class BadPassword(ValueError):
    """A password that cannot be used; the text goes on after "The password"."""


def hash_password(password: str) -> str:
    """The hash of *password* for a customer's file, with a salt of its own.

    Raises BadPassword for one that is empty, longer than 1024 bytes, or that clients cannot send.
    """
    # Imported here: dorimportctl answers in a quarter of a second, and seldom has a password to hash.
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    encoded = checked(password)
    kdf = Argon2id(
        salt=os.urandom(SALT_BYTES),
        length=HASH_BYTES,
        iterations=PASSES,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(encoded)


def verify_password(password: str | bytes, password_hash: str | None) -> bool:
    """Whether *password* is the one that was hashed.

    *password_hash* is None for a login that does not exist or has no password: that takes as long, and is
    False.  So does an empty password; only one that is too long is refused before any work.
    """
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    encoded = password if isinstance(password, bytes) else password.encode("utf-8", "surrogateescape")
    if len(encoded) > LONGEST_PASSWORD:
        return False
    try:
        Argon2id.verify_phc_encoded(encoded, password_hash or DUMMY_HASH)
    except InvalidKey:
        return False
    return password_hash is not None


def checked(password: str) -> bytes:
    """The bytes of a password that every channel can carry."""
    encoded = password.encode("utf-8", "surrogateescape")
    if not encoded:
        raise BadPassword("is empty.")
    if len(encoded) > LONGEST_PASSWORD:
        raise BadPassword(f"is longer than {LONGEST_PASSWORD} bytes.")
    if not password.isprintable():
        raise BadPassword("holds a line end or another character that clients cannot send.")
    return encoded


def secret_path(name: str, folder: Path) -> Path:
    """Where the secret *name* is: the credential of that name, or else the file, which begins at *folder*."""
    for credentials in filter(None, (os.environ.get("CREDENTIALS_DIRECTORY"), CREDENTIALS)):
        credential = Path(credentials, name)
        if os.access(credential, os.R_OK):  # False, too, where we may not look
            return credential
    return folder / name
