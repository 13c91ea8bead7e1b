from __future__ import annotations

import pytest
from appliance import PASSWORD, need, run_client


@pytest.fixture
def lftp(appliance, tmp_path):
    def run(scheme, *commands):
        channel = "sftp" if scheme == "sftp" else "ftp"
        settings = [
            "set net:max-retries 1",
            "set net:timeout 20",
            "set cmd:fail-exit yes",
            "set ssl:verify-certificate no",
            f"set ftp:ssl-force {'yes' if scheme == 'ftps' else 'no'}",
            f"set ftp:ssl-allow {'yes' if scheme == 'ftps' else 'no'}",
            "set sftp:auto-confirm yes",
            "set sftp:connect-program 'ssh -a -x -oUserKnownHostsFile=/dev/null -oStrictHostKeyChecking=no'",
            f"open -u acme,'{PASSWORD}' {channel}://127.0.0.1:{appliance.port(channel)}",
        ]
        script = "; ".join([*settings, *commands, "bye"])
        return run_client(need("lftp"), "-c", script, env={"HOME": str(tmp_path)})

    return run


@pytest.mark.parametrize("scheme", ["ftp", "ftps", "sftp"])
def test_put(lftp, sent, scheme):
    path = sent.file(f"lftp-{scheme}.csv", rows=3000)
    done = lftp(scheme, f"put {path}")
    assert done.returncode == 0, done.stderr
    sent.imported(path, "sftp" if scheme == "sftp" else "ftp")


@pytest.mark.parametrize("scheme", ["ftp", "sftp"])
def test_put_under_a_temporary_name(lftp, sent, scheme):
    path = sent.file(f"lftp-temporary-{scheme}.csv")
    done = lftp(scheme, "set xfer:use-temp-file yes", f"put {path}")
    assert done.returncode == 0, done.stderr
    sent.imported(path, scheme)


def test_mirror(lftp, sent, appliance):
    folder = sent.folder / "out"
    folder.mkdir()
    for number in range(3):
        sent.file(f"mirror-{number}.csv").rename(folder / f"mirror-{number}.csv")
    done = lftp("ftp", f"mirror -R {folder} /")
    assert done.returncode == 0, done.stderr
    names = [each["name"] for each in appliance.settle(sent.before + 3)[-3:]]
    assert sorted(names) == ["mirror-0.csv", "mirror-1.csv", "mirror-2.csv"]


def test_a_file_that_is_too_large_is_refused_before_its_first_byte(lftp, sent, appliance):
    path = sent.folder / "lftp-large.csv"
    with path.open("wb") as file:
        file.truncate((10 << 30) + 1)  # which takes no room on the disk
    done = lftp("ftp", "set ftp:use-allo yes", f"put {path}")
    assert done.returncode != 0
    assert b"Access failed: 552 The file is larger than this server takes." in done.stderr
    appliance.await_line(r"upload of acme refused: 'ALLO 10737418241'")
    sent.nothing()
