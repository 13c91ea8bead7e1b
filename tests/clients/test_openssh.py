from __future__ import annotations

import pytest
from appliance import need, run_client

OPTIONS = ["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR"]
BY_PASSWORD = ["-oPreferredAuthentications=password", "-oPubkeyAuthentication=no"]


@pytest.fixture
def sftp(appliance, keys):
    def run(*commands, key="ed25519", algorithm=None, env=None):
        login = BY_PASSWORD if env else ["-i", keys[key], "-oIdentitiesOnly=yes", "-oBatchMode=yes"]
        if algorithm:
            login.append(f"-oPubkeyAcceptedAlgorithms={algorithm}")
        batch = ["-b", "-"] if env is None else []
        words = [need("sftp"), *batch, "-P", str(appliance.port("sftp")), *OPTIONS, *login, "acme@127.0.0.1"]
        return run_client(*words, stdin="\n".join(commands).encode() + b"\n", env=env)

    return run


def test_put_by_ed25519_key(sftp, sent):
    path = sent.file("ed25519.csv")
    assert sftp(f"put {path}").returncode == 0
    sent.imported(path, "sftp")


@pytest.mark.parametrize("algorithm", ["rsa-sha2-256", "rsa-sha2-512"])
def test_put_by_rsa_key(sftp, sent, algorithm):
    path = sent.file(f"{algorithm}.csv")
    assert sftp(f"put {path}", key="rsa", algorithm=algorithm).returncode == 0
    sent.imported(path, "sftp")


def test_sha1_signatures_are_refused(sftp, sent):
    path = sent.file("sha1.csv")
    assert sftp(f"put {path}", key="rsa", algorithm="ssh-rsa").returncode != 0
    sent.nothing()


def test_put_by_password(sftp, sent, askpass):
    path = sent.file("password.csv")
    done = sftp(f"put {path}", env=askpass)
    assert done.returncode == 0, done.stderr
    sent.imported(path, "sftp")


def test_a_wrong_password_is_refused(sftp, sent, askpass, tmp_path):
    (tmp_path / "askpass").write_text("#!/bin/sh\necho wrong\n")
    done = sftp(f"put {sent.file('wrong.csv')}", env=askpass)
    assert done.returncode != 0
    assert b"Permission denied" in done.stderr
    sent.nothing()


def test_what_was_sent_is_listed_and_read_again_also_after_the_import(sftp, sent, tmp_path):
    path = sent.file("back.csv", rows=50)
    sftp(f"put {path}")
    sent.imported(path, "sftp")
    done = sftp("ls -l back.csv", f"get back.csv {tmp_path / 'again.csv'}")
    assert done.returncode == 0, done.stderr
    assert f"{path.stat().st_size}".encode() in done.stdout
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


def test_an_upload_is_resumed(sftp, sent, appliance, tmp_path):
    path = sent.file("resume.csv.part", rows=2000)
    whole = path.read_bytes()
    path.write_bytes(whole[:10_000])
    assert sftp(f"put {path}").returncode == 0
    sent.nothing()
    path.write_bytes(whole)
    done = sftp(f"reput {path}", "rename resume.csv.part resume.csv")
    assert done.returncode == 0, done.stderr
    (*_, delivery) = appliance.settle(sent.before + 1)
    assert (delivery["name"], delivery["size"], delivery["imported"]) == ("resume.csv", len(whole), 2000)


def test_nothing_that_was_sent_is_renamed_or_deleted_and_there_are_no_folders(sftp, sent):
    path = sent.file("stays.csv")
    sftp(f"put {path}")
    for command in ("rename stays.csv other.csv", "rm stays.csv", "mkdir x", "rmdir x", "ln -s stays.csv y"):
        done = sftp(command)
        assert done.returncode != 0
        assert b"ermission denied" in done.stderr, (command, done.stderr)
    sent.imported(path, "sftp")


def test_paths_do_not_leave_the_customers_folder(sftp, sent):
    path = sent.file("inside.csv")
    for target in ("../../etc/passwd", "/etc/cron.d/x", "folder/inside.csv"):
        assert sftp(f"put {path} {target}").returncode != 0
    for target in ("../../etc/passwd", "/etc/passwd"):
        assert sftp(f"get {target} {path.with_suffix('.got')}").returncode != 0
    sent.nothing()


def test_scp_ends_well(appliance, keys, sent):
    path = sent.file("scp.csv")
    port = str(appliance.port("sftp"))
    done = run_client(need("scp"), "-P", port, *OPTIONS, "-i", keys["ed25519"], path, "acme@127.0.0.1:")
    assert done.returncode == 0, done.stderr
    sent.imported(path, "sftp")


def test_there_is_no_shell(appliance, keys):
    port = str(appliance.port("sftp"))
    words = [need("ssh"), "-p", port, *OPTIONS, "-i", keys["ed25519"], "acme@127.0.0.1"]
    for command in (["id"], []):
        done = run_client(*words, *command, seconds=20)
        assert done.returncode != 0
        assert b"uid=" not in done.stdout


def test_the_free_space_is_what_uploads_may_take(sftp):
    done = sftp("df /")
    assert done.returncode == 0, done.stderr
    heads, figures = done.stdout.decode().splitlines()[-2:]
    assert heads.split()[:4] == ["Size", "Used", "Avail", "(root)"]
    size, used, avail, free = map(int, figures.split()[:4])
    assert size - used == free >= avail > 0
