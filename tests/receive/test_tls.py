"""The certificate: configured, or made here."""

from __future__ import annotations

import contextlib
import ssl
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL.SSL import TLS_METHOD, Connection, Error, WantReadError
from OpenSSL.SSL import Context as TlsContext
from twisted.internet.ssl import CertificateOptions

from dorimportd.config.read import read_settings
from dorimportd.config.settings import Certificate, Settings
from dorimportd.errors import CertificateUnusable
from dorimportd.events import CertificateMade
from dorimportd.receive.tls import TlsContexts, load_or_make, self_signed
from dorimportd.receive.tls_groups import restrict_groups


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "dorimportd.toml"
    path.write_text('hostname = "pos.example"\n')
    return read_settings(path)


def handshake(options: CertificateOptions) -> tuple[str, str]:
    """Version and cipher that a client of today gets."""
    server, client = Connection(options.getContext()), Connection(TlsContext(TLS_METHOD))
    server.set_accept_state()
    client.set_connect_state()
    for _ in range(4):
        for end, other in ((client, server), (server, client)):
            with contextlib.suppress(WantReadError):
                end.do_handshake()
            with contextlib.suppress(WantReadError):
                other.bio_write(end.bio_read(65536))
    return client.get_protocol_version_name(), str(client.get_cipher_name())


def meet(options: CertificateOptions, curve: str) -> str | None:
    """The version that a client gets which knows only this curve; None when it is refused."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ecdh_curve(curve)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = context.wrap_bio(incoming, outgoing), Connection(options.getContext())
    server.set_accept_state()
    for _ in range(4):
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        if outgoing.pending:
            server.bio_write(outgoing.read())
        try:
            with contextlib.suppress(WantReadError):
                server.do_handshake()
        except Error:
            return None
        with contextlib.suppress(WantReadError):
            incoming.write(server.bio_read(65536))
    return client.version()


def test_keys_are_exchanged_in_the_groups_of_mozillas_intermediate_profile_only(settings, tmp_path):
    contexts = load_or_make(settings, tmp_path, lambda _: None)
    assert {curve: meet(contexts.control, curve) for curve in ("prime256v1", "secp384r1", "secp521r1")} == {
        "prime256v1": "TLSv1.3",
        "secp384r1": "TLSv1.3",
        "secp521r1": None,
    }
    # By TLS 1.2 a client must know the curve of our own certificate, too, which is P-256.
    assert meet(contexts.data, "prime256v1") == "TLSv1.2"


def test_the_private_names_of_pyopenssl_are_there():
    """Where this fails a name in tls_groups.py has changed, or cryptography is older than 47."""
    assert restrict_groups(TlsContext(TLS_METHOD))


def test_a_certificate_is_made_once(settings, tmp_path):
    told = []
    load_or_make(settings, tmp_path, told.append)
    certificate, key = tmp_path / "tls-certificate.pem", tmp_path / "tls-key.pem"
    assert told == [CertificateMade("pos.example", str(certificate))]
    assert [stat.S_IMODE(each.stat().st_mode) for each in (certificate, key)] == [0o644, 0o600]
    before = certificate.read_bytes(), key.read_bytes()
    load_or_make(settings, tmp_path, told.append)
    assert (certificate.read_bytes(), key.read_bytes(), len(told)) == (*before, 1)
    assert sorted(each.name for each in tmp_path.glob("*tls*")) == ["tls-certificate.pem", "tls-key.pem"]


def test_when_a_crash_left_half_both_are_made_anew(settings, tmp_path):
    load_or_make(settings, tmp_path, lambda _: None)
    for name in ("tls-certificate.pem", "tls-key.pem"):
        (tmp_path / name).unlink()
        (tmp_path / f".{name}.new").write_text("half")
        told = []
        load_or_make(settings, tmp_path, told.append)
        assert len(told) == 1


def test_the_made_certificate_is_for_this_host_and_for_ten_years(settings, tmp_path):
    load_or_make(settings, tmp_path, lambda _: None)
    made = x509.load_pem_x509_certificate((tmp_path / "tls-certificate.pem").read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [
        x509.DNSName("pos.example"),
        x509.DNSName("localhost"),
        x509.IPAddress(ip_address("127.0.0.1")),
    ]
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    left = made.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=3652) < left <= timedelta(days=3653)
    assert made.not_valid_before_utc < datetime.now(UTC) - timedelta(days=1)


def test_a_long_host_name_fits(settings):
    host = ".".join(["a" * 60] * 3)
    made = self_signed(ec.generate_private_key(ec.SECP256R1()), host, datetime.now(UTC))
    assert made.subject.rfc4514_string() == "CN=" + "a" * 60 + ".aaa"


def test_control_connections_speak_tls_1_3_and_data_connections_1_2(settings, tmp_path):
    contexts = load_or_make(settings, tmp_path, lambda _: None)
    assert handshake(contexts.control)[0] == "TLSv1.3"
    assert handshake(contexts.data) == ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")


def test_the_configured_certificate_is_used_and_told_from_a_wrong_one(settings, tmp_path):
    load_or_make(settings, tmp_path, lambda _: None)
    good = Certificate(tmp_path / "tls-certificate.pem", tmp_path / "tls-key.pem")
    other = tmp_path / "other"
    other.mkdir()
    load_or_make(replace(settings, tls=good), other, pytest.fail)
    assert list(other.iterdir()) == []

    key = ec.generate_private_key(ec.SECP256R1())
    for name, encryption in {
        "wrong.pem": serialization.NoEncryption(),
        "locked.pem": serialization.BestAvailableEncryption(b"secret"),
    }.items():
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        (tmp_path / name).write_bytes(pem)
    for certificate, private_key, sentence in (
        (good.certificate, "wrong.pem", "{key}: this is not the key of the certificate {certificate}."),
        (good.certificate, "locked.pem", "{key}: the key has a passphrase; it must have none."),
        (good.certificate, "tls-certificate.pem", "{key}: there is no private key in PEM format in it."),
        (good.certificate, "none.pem", "{key}: cannot be read: No such file or directory."),
        (good.private_key, "tls-key.pem", "{certificate}: there is no certificate in PEM format in it."),
    ):
        path = tmp_path / private_key
        with pytest.raises(CertificateUnusable) as raised:
            TlsContexts.read(certificate, path)
        assert str(raised.value) == sentence.format(key=path, certificate=certificate)


def test_a_folder_that_cannot_be_written_is_told(settings, tmp_path):
    with pytest.raises(CertificateUnusable) as raised:
        load_or_make(settings, tmp_path / "none", pytest.fail)
    assert (
        str(raised.value) == f"{tmp_path}/none: no certificate can be made here: No such file or directory."
    )
