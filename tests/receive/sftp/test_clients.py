"""Foreign clients, by name, against the door in a process of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

PASSWORD = "correct horse battery"
CONTENT = b"".join(b"%d;1.50;2026-07-14 09:02:11\n" % number for number in range(20_000))


def need(program):
    """The path of a client program; the test is skipped where it is missing."""
    path = shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def run(*command, stdin=b"", cwd=None, env=None):
    """Exit status, standard output, standard error."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, cwd=cwd, env=env, timeout=30, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sales.csv").write_bytes(CONTENT)
    return tmp_path


def ssh_options(door, key="ed25519"):
    names = (
        "UserKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=no",
        "IdentitiesOnly=yes",
        "LogLevel=ERROR",
    )
    return [*(part for name in names for part in ("-o", name)), "-F", "none", "-i", str(door.folder / key)]


def openssh(door, *commands, key="ed25519", cwd=None):
    """The exit status and what was printed, of OpenSSH's sftp."""
    options = [*ssh_options(door, key), "-P", str(door.port), "-b", "-"]
    return run(need("sftp"), *options, "acme@127.0.0.1", stdin="\n".join(commands).encode(), cwd=cwd)


def last(door, name):
    """The bytes of the newest delivery, which must be called *name*."""
    accepted = sorted((door.folder / "state" / "spool" / "accepted").glob("*/*"))
    assert f'"name": "{name}"' in (accepted[-1] / "envelope").read_text()
    return (accepted[-1] / "data").read_bytes()


@pytest.mark.parametrize("key", ["ed25519", "rsa"])
def test_openssh_puts_gets_and_lists(door, folder, key):
    name = f"{key}.csv"
    status, printed, complaints = openssh(
        door, f"put -p -f sales.csv {name}", f"get {name} back.csv", "ls -l", key=key, cwd=folder
    )
    assert (status, complaints) == (0, "")
    assert [last(door, name), (folder / "back.csv").read_bytes()] == [CONTENT, CONTENT]
    assert f"-rw-r-----    1 acme     acme     {len(CONTENT):>12}" in printed


def test_openssh_is_refused_what_nobody_may(door, folder):
    openssh(door, "put sales.csv kept.csv", cwd=folder)
    asked = ("-rm kept.csv", "-rename kept.csv x.csv", "-mkdir x", "-rmdir x", "-symlink kept.csv x")
    status, _, complaints = openssh(door, *asked)
    assert (status, complaints.count("Permission denied")) == (0, 5)


def test_openssh_re_exchanges_keys_in_the_middle(door, folder):
    (folder / "long.csv").write_bytes(CONTENT * 20)
    options = [*ssh_options(door), "-P", str(door.port), "-o", "RekeyLimit=3M", "-b", "-", "acme@127.0.0.1"]
    assert run(need("sftp"), *options, stdin=b"put long.csv", cwd=folder) == (0, "sftp> put long.csv\n", "")
    assert sha256(last(door, "long.csv")).digest() == sha256(CONTENT * 20).digest()


def test_openssh_goes_on_with_an_upload_that_was_killed(door, folder):
    """Half an upload is no delivery; reput sends the rest."""
    (folder / "killed.csv").write_bytes(CONTENT * 5)
    command = [
        need("sftp"),
        *ssh_options(door),
        "-P",
        str(door.port),
        "-l",
        "8000",
        "-b",
        "-",
        "acme@127.0.0.1",
    ]
    client = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
        start_new_session=True,
    )  # fmt: skip
    client.stdin.write(b"put killed.csv\n")
    client.stdin.flush()
    time.sleep(1)
    os.killpg(client.pid, signal.SIGKILL)
    client.wait()
    assert "'killed.csv'; the connection was lost" in door.wait_for("UploadAbandoned")
    assert not [each for each in door.deliveries() if "killed" in each]
    assert openssh(door, "reput killed.csv", cwd=folder)[0] == 0
    assert last(door, "killed.csv") == CONTENT * 5


def test_openssh_exchanges_keys_strictly(door):
    """It resets its numbers only then; Debian 12's says so since 9.2p1-2+deb12u2."""
    command = [need("sftp"), "-o", "LogLevel=DEBUG3", *ssh_options(door), "-P", str(door.port), "-b", "-"]
    status, _, said = run(*command, "acme@127.0.0.1", stdin=b"pwd")
    assert (status, "will use strict KEX ordering" in said) == (0, True)


def test_scp_ends_well(door, folder):
    (folder / "empty.csv").write_bytes(b"")
    for name, content in (("sales.csv", CONTENT), ("empty.csv", b""), ("sales.csv", CONTENT)):
        command = [
            need("scp"),
            *ssh_options(door),
            "-P",
            str(door.port),
            "-p",
            name,
            f"acme@127.0.0.1:scp_{name}",
        ]
        assert run(*command, cwd=folder) == (0, "", "")
        assert last(door, f"scp_{name}") == content


def test_ssh_has_no_shell_and_no_commands(door):
    command = [need("ssh"), *ssh_options(door), "-p", str(door.port), "acme@127.0.0.1"]
    assert run(*command, "ls")[0] == 255
    assert run(*command)[0] == 255


def curl(door, *arguments, cwd):
    command = [need("curl"), "-q", "-sS", "--insecure", "--max-time", "20", *arguments]
    if " sftp" not in run(command[0], "--version")[1]:
        pytest.skip("this curl has no sftp")
    return run(*command, cwd=cwd)


def test_curl_sends_by_password_and_by_key(door, folder):
    url = f"sftp://127.0.0.1:{door.port}"
    assert curl(door, "-u", f"acme:{PASSWORD}", "-T", "sales.csv", f"{url}/c.csv", cwd=folder)[0] == 0
    assert last(door, "c.csv") == CONTENT
    key = door.folder / "ed25519"
    by_key = ("--key", str(key), "--pubkey", f"{key}.pub", "-u", "acme:")
    assert curl(door, *by_key, "-T", "sales.csv", f"{url}/k.csv", cwd=folder)[0] == 0
    assert last(door, "k.csv") == CONTENT
    assert curl(door, "-u", f"acme:{PASSWORD}", "-o", "back.csv", f"{url}/k.csv", cwd=folder)[0] == 0
    assert (folder / "back.csv").read_bytes() == CONTENT


def test_curl_appends(door, folder):
    by_password = ("-u", f"acme:{PASSWORD}", "-T", "sales.csv", f"sftp://127.0.0.1:{door.port}/twice.csv")
    assert curl(door, *by_password, cwd=folder)[0] == 0
    assert curl(door, "-a", *by_password, cwd=folder)[0] == 0
    assert last(door, "twice.csv") == CONTENT * 2


def test_a_wrong_password_is_refused(door, folder):
    wrong = ("-u", "acme:wrong", "-T", "sales.csv", f"sftp://127.0.0.1:{door.port}/no.csv")
    status, _, complaint = curl(door, *wrong, cwd=folder)
    assert (status, complaint) == (67, "curl: (67) Authentication failure\n")


@pytest.mark.parametrize("temporary, name", [("no", "l.csv"), ("yes", "lt.csv")])
def test_lftp_sends_and_gets(door, folder, temporary, name):
    script = (
        f"set sftp:connect-program 'ssh -a -x {' '.join(ssh_options(door))}'; set net:max-retries 1; "
        f"set xfer:use-temp-file {temporary}; open -p {door.port} -u acme, sftp://127.0.0.1; "
        f"put sales.csv -o {name}; set xfer:use-temp-file no; get {name} -o back.csv"
    )
    need("ssh")
    assert run(need("lftp"), "--norc", "-c", script, cwd=folder)[0] == 0
    assert [last(door, name), (folder / "back.csv").read_bytes()] == [CONTENT, CONTENT]


def test_lftp_mirrors(door, folder):
    (folder / "out").mkdir()
    (folder / "out" / "ümlaut 1.csv").write_bytes(CONTENT)
    script = (
        f"set net:max-retries 1; set sftp:auto-confirm yes; "
        f"open -p {door.port} -u acme,'{PASSWORD}' sftp://127.0.0.1; mirror -R out /"
    )
    home = {**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    assert run(need("lftp"), "--norc", "-c", script, cwd=folder, env=home)[0] == 0
    assert last(door, "ümlaut 1.csv") == CONTENT


@pytest.fixture
def putty(door):
    """How PuTTY's programs are told whom to trust."""
    scanned = run(need("ssh-keyscan"), "-p", str(door.port), "-t", "ed25519", "127.0.0.1")[1]
    fingerprint = run(need("ssh-keygen"), "-l", "-f", "-", stdin=scanned.encode())[1].split()[1]
    return ["-batch", "-hostkey", fingerprint, "-P", str(door.port)]


def test_psftp_puts_and_gets_by_password(door, folder, putty):
    script = b"put sales.csv p.csv\nget p.csv back.csv\nquit\n"
    assert run(need("psftp"), *putty, "-pw", PASSWORD, "acme@127.0.0.1", stdin=script, cwd=folder)[0] == 0
    assert [last(door, "p.csv"), (folder / "back.csv").read_bytes()] == [CONTENT, CONTENT]


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_pscp_keeps_times_by_key(door, folder, putty, kind):
    run(need("puttygen"), str(door.folder / kind), "-o", str(folder / "key.ppk"))
    command = [need("pscp"), *putty, "-p", "-i", "key.ppk", "sales.csv", f"acme@127.0.0.1:{kind}_p.csv"]
    assert run(*command, cwd=folder)[0] == 0
    assert last(door, f"{kind}_p.csv") == CONTENT


def test_rclone_copies_twice_and_checks(door, folder):
    """It renames NAME.partial, often from another session; the second time over what is there."""
    (folder / "out").mkdir()
    remote = f":sftp,host=127.0.0.1,port={door.port},user=acme,key_file={door.folder}/rsa:"
    for content in (CONTENT, CONTENT + b"more\n"):
        (folder / "out" / "r.csv").write_bytes(content)
        command = [need("rclone"), "--config", "", "--retries", "1", "copy", "--ignore-times", "out", remote]
        assert run(*command, cwd=folder)[0] == 0
        assert last(door, "r.csv") == content
    assert run(need("rclone"), "--config", "", "lsf", remote)[1].count("r.csv\n") >= 1


def test_paramiko_puts_and_stats(door, folder):
    paramiko = pytest.importorskip("paramiko")
    with paramiko.Transport(("127.0.0.1", door.port)) as transport:
        transport.connect(username="acme", password=PASSWORD)
        with paramiko.SFTPClient.from_transport(transport) as client:
            assert transport.agreed_on_strict_kex
            assert client.put(str(folder / "sales.csv"), "/para.csv").st_size == len(CONTENT)
            with client.open("/piped.csv", "w") as file:
                file.set_pipelined(True)
                file.write(CONTENT * 10)
            assert last(door, "piped.csv") == CONTENT * 10
            with pytest.raises(PermissionError, match="send a file with the same transaction IDs"):
                client.remove("/para.csv")


def test_asyncssh_puts_gets_and_finds_nothing_else(door, folder):
    asyncssh = pytest.importorskip("asyncssh")

    async def session():
        options = {"username": "acme", "client_keys": [str(door.folder / "rsa")], "known_hosts": None}
        async with asyncssh.connect("127.0.0.1", door.port, config=None, **options) as connection:
            async with connection.start_sftp_client() as client:
                await client.put(str(folder / "sales.csv"), "/async.csv")
                await client.get("/async.csv", str(folder / "back.csv"))
                async with client.open("/async.csv", "ab") as file:
                    await file.write(b"more\n")
                    await file.fsync()
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.run("ls")
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_connection("127.0.0.1", 22)
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_port("", 0, "127.0.0.1", 22)

    asyncio.run(session())
    assert (folder / "back.csv").read_bytes() == CONTENT
    assert last(door, "async.csv") == CONTENT + b"more\n"


@pytest.mark.parametrize(
    "junk", [b"", b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 100, b"x" * 5000]
)
def test_junk_ends_the_connection_and_leaves_no_trace(door, junk):
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as client:
        client.sendall(junk)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16):
            pass
    assert {name for name, _ in door.events()} <= {
        "HostKeyMade", "LoginAccepted", "LoginRefused", "RequestRefused",
        "DeliveryAccepted", "UploadKept", "UploadAbandoned",
    }  # fmt: skip
