from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from twisted.conch.ssh.keys import Key

from dorimportd.errors import HostKeyUnusable
from dorimportd.events import HostKeyMade
from dorimportd.receive.sftp.host_keys import fingerprints, load_or_make


def unwanted(event):
    raise AssertionError(event)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with host keys, the keys, and what was told when they were made."""
    folder, told = tmp_path_factory.mktemp("state") / "keys", []
    return folder, load_or_make(folder, tell=told.append), told


def test_host_keys_are_made_once_and_told(made):
    folder, keys, told = made
    assert [(key.sshType(), key.size()) for key in keys] == [(b"ssh-ed25519", 256), (b"ssh-rsa", 3072)]
    assert told == [HostKeyMade(kind, fingerprint) for kind, fingerprint in fingerprints(keys)]
    assert load_or_make(folder, tell=unwanted) == keys


def test_only_their_owner_can_read_them(made):
    folder, _, _ = made
    assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {
        "ssh_host_ed25519_key": 0o600,
        "ssh_host_rsa_key": 0o600,
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_fingerprints_are_those_that_ssh_keygen_prints(made):
    folder, keys, _ = made
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    printed = [
        subprocess.run(
            ["ssh-keygen", "-l", "-f", folder / name], capture_output=True, text=True, check=True
        ).stdout
        for name in ("ssh_host_ed25519_key", "ssh_host_rsa_key")
    ]
    assert [line.split()[1] for line in printed] == [fingerprint for _, fingerprint in fingerprints(keys)]


def test_a_missing_key_is_made_and_the_other_kept(made, tmp_path):
    folder, keys, _ = made
    shutil.copy(folder / "ssh_host_rsa_key", tmp_path)
    told = []
    again = load_or_make(tmp_path, tell=told.append)
    assert (again[1], [event.type for event in told]) == (keys[1], ["ssh-ed25519"])
    assert again[0] != keys[0]


def test_a_key_that_others_can_read_is_refused(made, tmp_path):
    folder, _, _ = made
    path = Path(shutil.copy(folder / "ssh_host_ed25519_key", tmp_path))
    path.chmod(0o640)
    with pytest.raises(HostKeyUnusable) as caught:
        load_or_make(tmp_path, tell=unwanted)
    assert str(caught.value) == f"{path}: others can read this private key; chmod it to 600."


@pytest.mark.parametrize("text", [b"", b"junk", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_key_is_refused_and_stays(tmp_path, text):
    path = tmp_path / "ssh_host_ed25519_key"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(HostKeyUnusable) as caught:
        load_or_make(tmp_path, tell=unwanted)
    assert str(caught.value).startswith(
        f"{path}: this is no Ed25519 or RSA private key without a passphrase;"
    )
    assert path.read_bytes() == text


def test_a_public_key_is_no_host_key(made, tmp_path):
    _, keys, _ = made
    path = tmp_path / "ssh_host_ed25519_key"
    path.write_bytes(keys[0].public().toString("openssh"))
    path.chmod(0o600)
    with pytest.raises(HostKeyUnusable):
        load_or_make(tmp_path, tell=unwanted)


def test_a_folder_that_cannot_be_made_is_told_with_its_path(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HostKeyUnusable) as caught:
        load_or_make(tmp_path / "file" / "keys", tell=unwanted)
    assert str(caught.value) == f"{tmp_path}/file/keys: Not a directory."


def test_keys_are_in_the_format_of_openssh(made):
    folder, keys, _ = made
    for key, name in zip(keys, ("ssh_host_ed25519_key", "ssh_host_rsa_key"), strict=True):
        assert (folder / name).read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
        assert Key.fromFile(str(folder / name)) == key
