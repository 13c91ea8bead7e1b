"""Certificates and host keys are renewed by a reload: new sessions see the new ones, open ones go on."""

from __future__ import annotations

import ftplib
import io
import smtplib
import ssl
import subprocess

import paramiko
import pytest
from appliance import PASSWORD, SALES, need

from dorimportd.receive.tls import make


def trusting():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture
def certificate(appliance):
    """Makes a certificate, or another one in the place of the first, where the configuration has it."""
    certificate, key = appliance.folder / "certificate.pem", appliance.folder / "key.pem"

    def renew():
        make(certificate, key, "localhost")
        return ssl.PEM_cert_to_DER_cert(certificate.read_text())

    text = appliance.config.read_text()
    tls = f'\n[tls]\ncertificate = "{certificate}"\nprivate_key = "{key}"\n'
    ftps = 'listen_implicit_tls = ["tcp:0:interface=127.0.0.1"]\n'
    appliance.config.write_text(text.replace("[ftp]\n", f"[ftp]\n{ftps}") + tls)
    return renew


def log_in(port):
    session = ftplib.FTP_TLS(context=trusting(), timeout=60)
    session.connect("127.0.0.1", port)
    session.login("acme", PASSWORD)
    session.prot_p()
    return session


def shown(appliance):
    """The certificates that new sessions see: by AUTH TLS, from the first byte, by STARTTLS."""
    with log_in(appliance.port("ftp")) as session:
        asked = session.sock.getpeercert(binary_form=True)
    address = ("127.0.0.1", appliance.port("ftp", "implicit"))
    first = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(address, timeout=60))
    with smtplib.SMTP("127.0.0.1", appliance.port("smtp"), timeout=60) as session:
        session.starttls(context=trusting())
        return asked, first, session.sock.getpeercert(binary_form=True)


def test_a_renewed_certificate_is_for_new_sessions_and_open_ones_go_on(appliance, certificate):
    old = certificate()
    appliance.start()
    assert shown(appliance) == (old, old, old)
    with log_in(appliance.port("ftp")) as session:
        new = certificate()
        assert shown(appliance) == (old, old, old)
        appliance.run_ctl("reload")
        assert shown(appliance) == (new, new, new) != (old, old, old)
        session.storbinary("STOR sales.csv", io.BytesIO(SALES))
    assert [each["state"] for each in appliance.settle(1)] == ["imported"]


def test_a_certificate_without_its_key_is_refused_and_the_old_one_stays(appliance, certificate):
    old = certificate()
    appliance.start()
    key = (appliance.folder / "key.pem").read_text()
    certificate()
    (appliance.folder / "key.pem").write_text(key)
    assert "this is not the key of the certificate" in appliance.run_ctl("reload", status=1)
    assert shown(appliance) == (old, old, old)


class Sftp:
    """A session of OpenSSH's sftp, which knows only the host key that it saw first."""

    def __init__(self, appliance, folder, port):
        key = folder / "id"
        subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        appliance.run_ctl("customer", "key", "add", "acme", f"{key}.pub")
        options = {
            "UserKnownHostsFile": folder / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "accept-new",
            "HostKeyAlgorithms": "ssh-ed25519",
            "IdentitiesOnly": "yes",
            "RekeyLimit": "1M",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        self.process = subprocess.Popen(
            [need("sftp"), "-v", *words, "-i", key, "-P", str(port), "-b", "-", "acme@127.0.0.1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "sftp.log").open("w"),
        )

    def say(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def end(self):
        self.process.communicate(timeout=120)
        return self.process.returncode


def seen_key(port):
    with paramiko.Transport(("127.0.0.1", port)) as transport:
        transport.get_security_options().key_types = ["ssh-ed25519"]
        transport.start_client(timeout=60)
        return transport.get_remote_server_key().get_fingerprint()


def test_new_host_keys_are_for_new_sessions_and_open_ones_exchange_keys_by_the_old(running, tmp_path):
    port, path = running.port("sftp"), running.folder / "state" / "keys" / "ssh_host_ed25519_key"
    large = tmp_path / "large.csv"
    large.write_bytes(SALES + b"".join(b"0012;L-%d;1.00;2026-07-14 10:31:00\n" % n for n in range(100_000)))
    small = tmp_path / "small.csv"
    small.write_bytes(SALES)
    openssh = Sftp(running, tmp_path, port)
    openssh.say(f"put {small}")
    running.await_line(r"delivery 1 accepted")

    with paramiko.Transport(("127.0.0.1", port)) as transport:
        transport.get_security_options().key_types = ["ssh-ed25519"]
        transport.connect(username="acme", password=PASSWORD)
        old = transport.get_remote_server_key().get_fingerprint()
        before = running.ctl("status")["host_keys"]
        path.unlink()  # the reload makes another one
        running.run_ctl("reload")
        transport.renegotiate_keys()
        assert transport.get_remote_server_key().get_fingerprint() == old
        paramiko.SFTPClient.from_transport(transport).putfo(io.BytesIO(SALES), "paramiko.csv")

    openssh.say(f"put {large}")  # some 3 MB, so that it exchanges keys on the way
    assert openssh.end() == 0, (tmp_path / "sftp.log").read_text()
    assert (tmp_path / "sftp.log").read_text().count("SSH2_MSG_NEWKEYS received") > 1

    after = running.ctl("status")["host_keys"]
    assert [each["type"] for each in after] == ["ssh-ed25519", "ssh-rsa"]
    assert (after[0] == before[0], after[1] == before[1]) == (False, True)
    assert seen_key(port) != old
    running.await_line(
        "new SFTP sessions see other host keys now, of which clients warn: "
        f"ssh-ed25519 {after[0]['fingerprint'].replace('+', '.')}, ssh-rsa "
    )
    assert [each["name"] for each in running.settle(3)] == ["small.csv", "paramiko.csv", "large.csv"]


def test_a_damaged_host_key_is_refused_and_the_old_one_stays(running):
    port, path = running.port("sftp"), running.folder / "state" / "keys" / "ssh_host_ed25519_key"
    old = seen_key(port)
    path.write_text("no key\n")
    assert f"{path}: this is no Ed25519 or RSA private key" in running.run_ctl("reload", status=1)
    assert seen_key(port) == old


def test_a_reload_that_changes_no_host_key_says_nothing_of_them(running):
    running.run_ctl("reload")
    assert "host keys" not in running.log_text()
