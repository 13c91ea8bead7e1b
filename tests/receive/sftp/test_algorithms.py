"""Foreign clients that are made to use each algorithm that is offered, with new keys in the middle."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time

import pytest

from dorimportd.receive.sftp.algorithms import KEY_EXCHANGES

CIPHERS = [
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
]
MACS = [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
]
# A cipher with a tag of its own takes any MAC for none, also one that only the client has.
COMBINED = [(cipher, "umac-64@openssh.com") for cipher in CIPHERS[:3]]
COMBINED += [(cipher, mac) for cipher in CIPHERS[3:] for mac in MACS]
CONTENT = b"".join(b"%d;1.50;2026-07-14 09:02:11\n" % number for number in range(35_000))  # about 1 MiB
PASSWORD = "correct horse battery"
DEADLINE_SECONDS = 60


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sales.csv").write_bytes(CONTENT)
    return tmp_path


def openssh(door, folder, name, *options):
    """Put and get a file, with new keys in both directions; what the client said of its session."""
    sftp = shutil.which("sftp")
    if sftp is None:
        pytest.skip("sftp is not installed")
    said = ("UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=DEBUG1", "RekeyLimit=700K")
    command = [sftp, "-F", "none", *(part for each in (*options, *said) for part in ("-o", each))]
    command += ["-i", str(door.folder / "ed25519"), "-P", str(door.port), "-b", "-", "acme@127.0.0.1"]
    done = subprocess.run(
        command,
        input=f"put sales.csv {name}\nget {name} back.csv\n".encode(),
        capture_output=True,
        cwd=folder,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    complaints = done.stderr.decode()
    assert done.returncode == 0, complaints
    assert (folder / "back.csv").read_bytes() == CONTENT
    # Each direction moves a MiB, so that each has new keys in the middle.
    assert complaints.count("SSH2_MSG_NEWKEYS received") >= 3
    return complaints


@pytest.mark.parametrize(("cipher", "mac"), COMBINED)
def test_openssh_uses_each_cipher_and_mac(door, folder, cipher, mac):
    said = openssh(door, folder, f"{cipher}-{mac}.csv", f"Ciphers={cipher}", f"MACs={mac}")
    used = "<implicit>" if "umac" in mac else mac
    assert f"kex: client->server cipher: {cipher} MAC: {used} compression: none" in said
    assert f"kex: server->client cipher: {cipher} MAC: {used} compression: none" in said


@pytest.mark.parametrize("exchange", ["curve25519-sha256", "curve25519-sha256@libssh.org"])
def test_openssh_uses_each_exchange(door, folder, exchange):
    said = openssh(door, folder, f"{exchange}.csv", f"KexAlgorithms={exchange}")
    assert f"kex: algorithm: {exchange}" in said


@pytest.mark.parametrize("host_key", ["ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512"])
def test_openssh_uses_each_host_key(door, folder, host_key):
    said = openssh(door, folder, f"{host_key}.csv", f"HostKeyAlgorithms={host_key}")
    assert f"kex: host key algorithm: {host_key}" in said


ASYNCSSH = [(cipher, MACS[0]) for cipher in CIPHERS[:3]]
ASYNCSSH += [(cipher, mac) for cipher in CIPHERS[3:] for mac in MACS]


@pytest.mark.parametrize(("cipher", "mac"), ASYNCSSH)
def test_asyncssh_uses_each_cipher_and_mac(door, folder, cipher, mac):
    asyncssh = pytest.importorskip("asyncssh")

    async def session():
        async with (
            asyncssh.connect(
                "127.0.0.1",
                door.port,
                config=None,
                username="acme",
                client_keys=[str(door.folder / "ed25519")],
                known_hosts=None,
                encryption_algs=[cipher],
                mac_algs=[mac],
                rekey_bytes="400K",
            ) as connection,
            connection.start_sftp_client() as client,
        ):
            await client.put(str(folder / "sales.csv"), f"/asyncssh-{cipher}-{mac}.csv")
            await client.get(f"/asyncssh-{cipher}-{mac}.csv", str(folder / "back.csv"))

    asyncio.run(asyncio.wait_for(session(), DEADLINE_SECONDS))
    assert (folder / "back.csv").read_bytes() == CONTENT


PARAMIKO = {
    "aes128-gcm@openssh.com": MACS[:1],
    "aes256-gcm@openssh.com": MACS[:1],
    "aes128-ctr": MACS,
    "aes192-ctr": MACS[:1],
    "aes256-ctr": MACS[:1],
}


@pytest.mark.parametrize(
    ("cipher", "mac"), [(cipher, mac) for cipher, macs in PARAMIKO.items() for mac in macs]
)
@pytest.mark.parametrize("exchange", ["mlkem768x25519-sha256", "curve25519-sha256@libssh.org"])
def test_paramiko_uses_each_cipher_and_mac_and_exchange(door, folder, cipher, mac, exchange):
    paramiko = pytest.importorskip("paramiko")
    with paramiko.Transport(("127.0.0.1", door.port)) as transport:
        options = transport.get_security_options()
        if exchange not in options.kex or exchange.encode() not in KEY_EXCHANGES:
            pytest.skip(f"this paramiko or this cryptography has no {exchange}")
        options.ciphers, options.digests, options.kex = (cipher,), (mac,), (exchange,)
        key = paramiko.Ed25519Key.from_private_key_file(str(door.folder / "ed25519"))
        transport.connect(username="acme", pkey=key)
        name = f"/paramiko-{cipher}-{mac}-{exchange}.csv"
        with paramiko.SFTPClient.from_transport(transport) as client:
            client.put(str(folder / "sales.csv"), name)
            transport.renegotiate_keys()
            client.get(name, str(folder / "back.csv"))
    assert (folder / "back.csv").read_bytes() == CONTENT


def old(door, folder, *options):
    """The exit status of OpenSSH's sftp with old algorithms, and what it complained of."""
    sftp = shutil.which("sftp")
    if sftp is None:
        pytest.skip("sftp is not installed")
    said = ("UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=ERROR", *options)
    command = [sftp, "-F", "none", *(part for each in said for part in ("-o", each))]
    command += ["-i", str(door.folder / "rsa"), "-P", str(door.port), "-b", "-", "acme@127.0.0.1"]
    done = subprocess.run(
        command,
        input=b"put sales.csv",
        capture_output=True,
        cwd=folder,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    return done.returncode, done.stderr.decode()


OLD = {
    "diffie-hellman-group14-sha1": "KexAlgorithms",
    "ecdh-sha2-nistp256": "KexAlgorithms",
    "ecdh-sha2-nistp384": "KexAlgorithms",
    "ecdh-sha2-nistp521": "KexAlgorithms",
    "ssh-rsa": "HostKeyAlgorithms",
    "aes128-cbc": "Ciphers",
    "aes192-cbc": "Ciphers",
    "aes256-cbc": "Ciphers",
    "3des-cbc": "Ciphers",
    "hmac-sha1": "MACs",
}


@pytest.fixture(scope="module")
def lenient(door_with):
    """A door whose customer may use all that is old."""
    return door_with(customer=f"legacy_algorithms = {list(OLD)}")


@pytest.mark.parametrize(("name", "option"), OLD.items())
def test_an_old_client_is_allowed_what_its_customer_needs(lenient, folder, name, option):
    macs = () if option == "MACs" else ("MACs=hmac-sha2-256", "Ciphers=aes128-ctr")
    assert old(lenient, folder, f"{option}={name}", *macs) == (0, "")


def test_an_old_client_may_sign_its_login_by_sha_1_where_that_is_allowed(lenient, folder):
    assert old(lenient, folder, "PubkeyAcceptedAlgorithms=ssh-rsa") == (0, "")


@pytest.mark.parametrize(("name", "option"), OLD.items())
def test_an_old_client_is_refused_by_default_and_the_log_says_what_would_allow_it(door, folder, name, option):
    assert old(door, folder, f"{option}={name}", "Ciphers=aes128-ctr")[0] == 255
    line = f'; legacy_algorithms = ["{name}"] in customers.d/NAME.toml would allow it'
    for _ in range(DEADLINE_SECONDS * 10):
        if any(sentence.endswith(line) for kind, sentence in door.events() if kind == "NothingInCommon"):
            return
        time.sleep(0.1)
    raise AssertionError(door.events())


# New keys that the door asks for.


@pytest.fixture(scope="module")
def renewing(door_with):
    """A door that wants new keys after every 300 kB."""
    return door_with(renewal=300_000)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_openssh_takes_part_when_new_keys_are_asked_for(renewing, folder, cipher):
    openssh(renewing, folder, f"{cipher}.csv", "RekeyLimit=1G", f"Ciphers={cipher}")


def test_curl_takes_part_when_new_keys_are_asked_for(renewing, folder):
    curl = shutil.which("curl")
    if curl is None or " sftp" not in subprocess.check_output([curl, "--version"]).decode():
        pytest.skip("there is no curl with sftp")
    url = f"sftp://127.0.0.1:{renewing.port}/curl.csv"
    command = [curl, "-q", "-sS", "--insecure", "-u", f"acme:{PASSWORD}"]
    for more in (["-T", "sales.csv"], ["-o", "back.csv"]):
        subprocess.run([*command, *more, url], cwd=folder, timeout=DEADLINE_SECONDS, check=True)
    assert (folder / "back.csv").read_bytes() == CONTENT


def test_paramiko_takes_part_when_new_keys_are_asked_for(renewing, folder):
    paramiko = pytest.importorskip("paramiko")
    with paramiko.Transport(("127.0.0.1", renewing.port)) as transport:
        transport.connect(username="acme", password=PASSWORD)
        with paramiko.SFTPClient.from_transport(transport) as client:
            client.put(str(folder / "sales.csv"), "/paramiko.csv")
            client.get("/paramiko.csv", str(folder / "back.csv"))
    assert (folder / "back.csv").read_bytes() == CONTENT


def test_psftp_takes_part_when_new_keys_are_asked_for(renewing, folder):
    psftp = shutil.which("psftp")
    if psftp is None or shutil.which("ssh-keyscan") is None:
        pytest.skip("psftp is not installed")
    scan = ["ssh-keyscan", "-p", str(renewing.port), "-t", "ed25519", "127.0.0.1"]
    scanned = subprocess.run(scan, capture_output=True, timeout=DEADLINE_SECONDS, check=True).stdout
    shown = ["ssh-keygen", "-l", "-f", "-"]
    host_key = (
        subprocess.run(shown, input=scanned, capture_output=True, check=True).stdout.decode().split()[1]
    )
    command = [
        psftp,
        "-batch",
        "-hostkey",
        host_key,
        "-P",
        str(renewing.port),
        "-pw",
        PASSWORD,
        "acme@127.0.0.1",
    ]
    script = b"put sales.csv psftp.csv\nget psftp.csv back.csv\nquit\n"
    subprocess.run(
        command, input=script, capture_output=True, cwd=folder, timeout=DEADLINE_SECONDS, check=True
    )
    assert (folder / "back.csv").read_bytes() == CONTENT
