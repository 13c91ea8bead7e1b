"""The groups in which TLS exchanges keys.

OpenSSL's own list has groups that auditors mark (X448, P-521, finite fields).  pyOpenSSL has no way to give
it another one, so two names are used here that are private (seen on pyOpenSSL 25.0 and 26.4), and a call that
cryptography has from 47 on.  Where one of them is missing OpenSSL's own list stays, which is not weak; a test
says so for the newest versions.
"""

from __future__ import annotations

from typing import Final

from OpenSSL import SSL, _util

# The one that quantum computers do not break comes first; older OpenSSLs do not know it, and refuse the list.
LISTS: Final = (b"X25519MLKEM768:X25519:P-256:P-384", b"X25519:P-256:P-384")


def restrict_groups(context: SSL.Context) -> bool:
    """Let *context* take the groups of Mozilla's intermediate profile only; whether that could be said."""
    lib, pointer = getattr(_util, "lib", None), getattr(context, "_context", None)
    set_list = getattr(lib, "SSL_CTX_set1_curves_list", None)
    if set_list is None or pointer is None:
        return False
    return any(set_list(pointer, each) == 1 for each in LISTS)
