from __future__ import annotations

from appliance import PASSWORD, need, run_client


def test_psftp(appliance, sent):
    path = sent.file("psftp.csv")
    (fingerprint,) = [
        each["fingerprint"] for each in appliance.ctl("status")["host_keys"] if "ed25519" in each["type"]
    ]
    port = str(appliance.port("sftp"))
    words = [need("psftp"), "-batch", "-P", port, "-hostkey", fingerprint, "-pw", PASSWORD, "acme@127.0.0.1"]
    done = run_client(*words, "-b", "/dev/stdin", stdin=f"put {path}\nbye\n".encode())
    assert done.returncode == 0, done.stderr
    sent.imported(path, "sftp")


def test_ncftpput(appliance, sent):
    path = sent.file("ncftp.csv")
    port = str(appliance.port("ftp"))
    done = run_client(need("ncftpput"), "-P", port, "-u", "acme", "-p", PASSWORD, "127.0.0.1", "/", path)
    assert done.returncode == 0, done.stderr
    sent.imported(path, "ftp")


def rclone(appliance, channel, path, tmp_path):
    port = str(appliance.port(channel))
    obscured = run_client(need("rclone"), "obscure", PASSWORD).stdout.decode().strip()
    options = [f"--{channel}-{name}={value}" for name, value in
               (("host", "127.0.0.1"), ("port", port), ("user", "acme"), ("pass", obscured))]  # fmt: skip
    words = [need("rclone"), "--config", tmp_path / "none", *options, "copy", path, f":{channel}:/"]
    return run_client(*words, "--retries", "1", "--low-level-retries", "1")


def test_rclone_by_sftp(appliance, sent, tmp_path):
    path = sent.file("rclone.csv", rows=1000)
    done = rclone(appliance, "sftp", path, tmp_path)
    assert done.returncode == 0, done.stderr
    sent.imported(path, "sftp")


def test_rclone_by_ftp(appliance, sent, tmp_path):
    path = sent.file("rclone-ftp.csv", rows=1000)
    done = rclone(appliance, "ftp", path, tmp_path)
    assert done.returncode == 0, done.stderr
    sent.imported(path, "ftp")
