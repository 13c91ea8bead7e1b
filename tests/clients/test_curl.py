from __future__ import annotations

from appliance import PASSWORD, need, run_client


def curl(*words):
    return run_client(need("curl"), "--silent", "--show-error", "--max-time", "30", *words)


def ftp(appliance, *words):
    url = f"ftp://127.0.0.1:{appliance.port('ftp')}/"
    return curl("--user", f"acme:{PASSWORD}", *words, url)


def test_upload_by_ftp(appliance, sent):
    path = sent.file("curl.csv")
    done = ftp(appliance, "-T", path)
    assert done.returncode == 0, done.stderr
    sent.imported(path, "ftp")


def test_upload_by_ftp_over_tls(appliance, sent):
    path = sent.file("curl-tls.csv", rows=500)
    done = ftp(appliance, "--ssl-reqd", "--insecure", "-T", path)
    assert done.returncode == 0, done.stderr
    sent.imported(path, "ftp")


def test_a_wrong_password_is_refused(appliance, sent):
    done = curl("--user", "acme:wrong", "-T", sent.file("x.csv"), f"ftp://127.0.0.1:{appliance.port('ftp')}/")
    assert done.returncode == 67  # CURLE_LOGIN_DENIED
    sent.nothing()


def test_delete_and_rename_are_refused_by_ftp(appliance, sent):
    path = sent.file("curl-stays.csv")
    ftp(appliance, "-T", path)
    sent.imported(path, "ftp")
    for quote in (["DELE curl-stays.csv"], ["RNFR curl-stays.csv", "RNTO other.csv"], ["MKD x"], ["RMD x"]):
        done = ftp(appliance, *[word for each in quote for word in ("--quote", each)])
        assert done.returncode == 21, quote  # CURLE_QUOTE_ERROR


def test_a_mail_with_one_file(appliance, sent):
    path = sent.file("curl-mail.csv")
    done = curl(
        *("--mail-from", "till@shop.example", "--mail-rcpt", "acme@sales.example"),
        *("-H", "Subject: Sales", "-F", f"=@{path};type=text/csv;encoder=base64"),
        f"smtp://127.0.0.1:{appliance.port('smtp')}",
    )
    assert done.returncode == 0, done.stderr
    sent.imported(path, "smtp")


def test_upload_by_sftp_with_a_password(appliance, sent):
    path = sent.file("curl-sftp.csv")
    url = f"sftp://127.0.0.1:{appliance.port('sftp')}/"
    done = curl("--user", f"acme:{PASSWORD}", "--insecure", "-T", path, url)
    assert done.returncode == 0, done.stderr
    sent.imported(path, "sftp")
