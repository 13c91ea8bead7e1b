"""SSH algorithms that the old client of one customer can be allowed by name.

Some are offered to everybody anyway, unless sftp.modern_only drops them; the others are weak.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator

from dorimportd.toml import Unfit, nearest

# By what a client and we have to agree on, those that are less bad first.
ALLOWABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "key exchange": (
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group14-sha1",
    ),
    "host key": ("ssh-rsa",),  # also for the keys of the customer: signatures by SHA-1
    "cipher": ("aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"),
    "MAC": ("hmac-sha2-256", "hmac-sha2-512", "hmac-sha1"),
}


def legacy_algorithm(name: str) -> str:
    """The name of an algorithm that can be allowed."""
    known = [each for names in ALLOWABLE.values() for each in names]
    if name not in known:
        raise Unfit("is not an SSH algorithm that can be allowed such as 'hmac-sha1'", nearest(name, known))
    return name


LegacyAlgorithm = Annotated[str, AfterValidator(legacy_algorithm)]
