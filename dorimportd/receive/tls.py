"""The certificate of FTPS and STARTTLS: the one that is configured, or a self-signed one made here.

Two contexts come of it.  An FTP client that only sends never reads its data connection; the session
tickets of TLS 1.3 then lie there unread when it closes, its system turns the close into a reset, and
the tail of the file is lost.  Tickets cannot be turned off through pyOpenSSL, so data connections
speak TLS 1.2, which sends none.

Reading and making block on the disk: at a start and at a reload, not on the reactor thread.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions, TLSVersion

from dorimportd.config.settings import Settings
from dorimportd.errors import CertificateUnusable
from dorimportd.events import CertificateMade, Tell
from dorimportd.receive.tls_groups import restrict_groups
from dorimportd.spool.durable import sync_folder

CERTIFICATE: Final = "tls-certificate.pem"
PRIVATE_KEY: Final = "tls-key.pem"
LIFETIME: Final = timedelta(days=3653)
# Clocks of tills are not always right: one that is behind must not find a certificate of tomorrow.
CLOCK_TOLERANCE: Final = timedelta(days=2)

# Forward secrecy and authenticated encryption for TLS 1.2; TLS 1.3 has its own, all good.
CIPHERS: Final = AcceptableCiphers.fromOpenSSLCipherString(
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)


@dataclass(frozen=True, slots=True)
class TlsContexts:
    """What `transport.startTLS` is given, all for one certificate."""

    control: CertificateOptions  # TLS 1.2 and later: FTP control connections, SMTP
    data: CertificateOptions  # TLS 1.2 only: FTP data connections

    @classmethod
    def read(cls, certificate: Path, private_key: Path) -> TlsContexts:
        """The contexts of the certificate (its chain behind it) and the key in two PEM files.

        Raises CertificateUnusable.
        """
        chain, key = read_chain(certificate), read_key(private_key)
        if chain[0].public_key() != key.public_key():
            raise CertificateUnusable(f"{private_key}: this is not the key of the certificate {certificate}.")
        return cls(control=context(chain, key), data=context(chain, key, newest=TLSVersion.TLSv1_2))


def load_or_make(settings: Settings, folder: Path, tell: Tell) -> TlsContexts:
    """The contexts of the configured certificate; without one, of a self-signed one kept in *folder*.

    Raises CertificateUnusable.
    """
    if settings.tls is not None:
        return TlsContexts.read(settings.tls.certificate, settings.tls.private_key)
    certificate, private_key = folder / CERTIFICATE, folder / PRIVATE_KEY
    try:
        if not (certificate.exists() and private_key.exists()):
            make(certificate, private_key, settings.hostname)
            tell(CertificateMade(settings.hostname, str(certificate)))
    except OSError as error:
        raise CertificateUnusable(f"{folder}: no certificate can be made here: {error.strerror}.") from error
    return TlsContexts.read(certificate, private_key)


def context(
    chain: list[x509.Certificate], key: PrivateKeyTypes, newest: TLSVersion | None = None
) -> CertificateOptions:
    """TLS from 1.2 up to *newest*, the server's order of ciphers, good groups, no renegotiation.

    Raises CertificateUnusable.
    """
    try:
        options = CertificateOptions(
            # Twisted's types are still those of older versions of pyOpenSSL.
            privateKey=cast(PKey, key),
            certificate=cast(X509, chain[0]),
            extraCertChain=cast(list[X509], chain[1:]),
            acceptableCiphers=CIPHERS,
            lowerMaximumSecurityTo=newest,
        )
        options.getContext().set_options(SSL.OP_NO_RENEGOTIATION)
        restrict_groups(options.getContext())
    except (SSL.Error, TypeError) as error:
        # A key that is too short, or of a kind that TLS servers do not have.
        raise CertificateUnusable(f"The certificate and its key cannot be used for TLS: {error}.") from error
    return options


def read_chain(path: Path) -> list[x509.Certificate]:
    """The certificates in the PEM file *path*, the server's first.  Raises CertificateUnusable."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise CertificateUnusable(f"{path}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CertificateUnusable(f"{path}: there is no certificate in PEM format in it.") from error


def read_key(path: Path) -> PrivateKeyTypes:
    """The private key in the PEM file *path*.  Raises CertificateUnusable."""
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise CertificateUnusable(f"{path}: cannot be read: {error.strerror}.") from error
    except TypeError as error:
        raise CertificateUnusable(f"{path}: the key has a passphrase; it must have none.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateUnusable(f"{path}: there is no private key in PEM format in it.") from error


def make(certificate: Path, private_key: Path, hostname: str) -> None:
    """Put a new key and its self-signed certificate there; on return both are on the disk.

    The key gets its name first: a crash between the two leaves a key without a certificate, and the
    next start makes both anew.  Raises OSError.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    write_new(
        private_key,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        mode=0o600,
    )
    signed = self_signed(key, hostname, datetime.now(UTC))
    write_new(certificate, signed.public_bytes(serialization.Encoding.PEM), mode=0o644)


def self_signed(key: ec.EllipticCurvePrivateKey, hostname: str, now: datetime) -> x509.Certificate:
    """A certificate for this host that nobody else vouches for (RFC 5280 section 4.2.1)."""
    # A common name has at most 64 characters; clients look at the alternative names.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    names = [alternative_name(each) for each in dict.fromkeys((hostname, "localhost", "127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def alternative_name(host: str) -> x509.GeneralName:
    """*host*, a name or an address, as a certificate says it."""
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Put *content* at *path* in one step; nobody but us ever reads half of it.  Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)
    new.rename(path)
    sync_folder(path.parent)
