"""Servers of others that are measured beside ours, each in a folder of its own and on loopback.

A program is taken from the PATH, or from where Debian puts servers.  What a server takes lies in its folder
`in`, and nothing else of the machine is touched.  They are run as root is used to run them; each is ended
with the block that began it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

PLACES: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
LOGIN: Final = "uploader"
PASSWORD: Final = "correct horse battery"
START_SECONDS: Final = 20


class Peer(NamedTuple):
    """A server that runs."""

    port: int
    pid: int  # whose children serve, if it has any
    taken: Path  # where uploads come to lie


def program(name: str) -> str | None:
    """Where a server is, None where it is not installed."""
    return shutil.which(name, path=PLACES)


@contextmanager
def running(words: Sequence[str | Path], port: int, taken: Path) -> Iterator[Peer]:
    """The server that *words* start, until the end of the block."""
    with (taken.parent / "log").open("wb") as log:
        server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            await_port(server, port, taken.parent / "log")
            yield Peer(port, server.pid, taken)
        finally:
            server.terminate()
            server.wait(START_SECONDS)


def await_port(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{server.args!r} does not listen: {log.read_text(errors='replace')}")


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def place(folder: Path, name: str) -> Path:
    """The folder `in` of a server, which it may not run as us to write to."""
    taken = folder / name / "in"
    taken.mkdir(parents=True)
    for each in (folder, folder / name):
        each.chmod(0o755)
    taken.chmod(0o777)
    return taken


# SFTP.


@contextmanager
def sshd(folder: Path, key: Path) -> Iterator[Peer]:
    """OpenSSH's server with its own defaults; who runs this may log in with *key*."""
    taken, port = place(folder, "sshd"), free_port()
    own, host_key = taken.parent, taken.parent / "host_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key], check=True)
    (own / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {host_key}\nAuthorizedKeysFile {key}.pub\n"
        f"PidFile none\nStrictModes no\nPermitRootLogin yes\nUsePAM no\n"
        f"Subsystem sftp internal-sftp -d {taken}\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)  # where it locks itself in
    with running([program("sshd") or "sshd", "-D", "-e", "-f", own / "config"], port, taken) as peer:
        yield peer


# FTP: whoever they are for, they take uploads by FTP and by explicit TLS.


@contextmanager
def vsftpd(folder: Path, certificate: Path) -> Iterator[Peer]:
    """Its uploads are anonymous, so that it needs no account; as whom it runs must have a home."""
    taken, port = place(folder, "vsftpd"), free_port()
    config, empty = taken.parent / "config", taken.parent / "empty"
    empty.mkdir(mode=0o755)
    settings = {
        **dict.fromkeys(("listen", "anonymous_enable", "no_anon_password", "write_enable"), "YES"),
        **dict.fromkeys(("anon_upload_enable", "allow_anon_ssl", "ssl_enable", "ssl_tlsv1"), "YES"),
        **dict.fromkeys(("background", "require_ssl_reuse", "xferlog_enable"), "NO"),
        "listen_address": "127.0.0.1",
        "listen_port": port,
        "ftp_username": "daemon",
        "anon_root": taken.parent,
        "secure_chroot_dir": empty,
        "rsa_cert_file": certificate,
        "anon_umask": "022",
        "pasv_address": "127.0.0.1",
    }
    config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    with running([program("vsftpd") or "vsftpd", config], port, taken) as peer:
        yield peer


@contextmanager
def proftpd(folder: Path, certificate: Path) -> Iterator[Peer]:
    """With the modules that Debian loads for TLS."""
    taken, port = place(folder, "proftpd"), free_port()
    own, found = taken.parent, program("proftpd") or "proftpd"
    modules = Path(found).parent.parent / "lib" / "proftpd"
    hashed = subprocess.run(
        ["openssl", "passwd", "-5", PASSWORD], check=True, capture_output=True, text=True
    ).stdout.strip()
    (own / "users").write_text(f"{LOGIN}:{hashed}:65534:65534::{own}:/bin/sh\n")
    (own / "users").chmod(0o600)
    (own / "config").write_text(f"""\
ModulePath {modules}
LoadModule mod_tls.c
ServerType standalone
DefaultAddress 127.0.0.1
SocketBindTight on
Port {port}
PidFile {own}/pid
ScoreboardFile {own}/scoreboard
DelayEngine off
WtmpLog off
TransferLog none
User nobody
Group nogroup
AuthOrder mod_auth_file.c
AuthUserFile {own}/users
RequireValidShell off
AllowOverwrite on
TLSEngine on
TLSRSACertificateFile {certificate}
TLSRSACertificateKeyFile {certificate}
TLSOptions NoSessionReuseRequired
TLSLog none
<Limit ALL>
  AllowAll
</Limit>
""")
    with running([found, "-n", "-c", own / "config"], port, taken) as peer:
        yield peer


@contextmanager
def pyftpdlib(folder: Path, certificate: Path) -> Iterator[Peer]:
    """As its own examples use it, in a process of its own."""
    taken, port = place(folder, "pyftpdlib"), free_port()
    script = f"""
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer
TLS_FTPHandler.authorizer = DummyAuthorizer()
TLS_FTPHandler.authorizer.add_user({LOGIN!r}, {PASSWORD!r}, {str(taken.parent)!r}, perm="elradfmw")
TLS_FTPHandler.certfile = {str(certificate)!r}
FTPServer(("127.0.0.1", {port}), TLS_FTPHandler).serve_forever()
"""
    with running([sys.executable, "-c", script], port, taken) as peer:
        yield peer
