"""FTPS and SMTPS by the clients that people have: TLS asked for, TLS required, TLS from the first byte."""

from __future__ import annotations

import ftplib
import os
import smtplib
import socket
import ssl
from email.message import EmailMessage

import pytest
from appliance import PASSWORD, Appliance, need, run_client

LISTENERS = """
[ftp]
listen_explicit_tls = ["tcp:0:interface=127.0.0.1"]
listen_implicit_tls = ["tcp:0:interface=127.0.0.1"]
"""


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    """With listeners of every kind."""
    appliance = Appliance(tmp_path_factory.mktemp("appliance"))
    text = appliance.config.read_text()
    text = text.replace("\n[ftp]\n", LISTENERS)
    smtp = '\n[smtp]\nlisten_implicit_tls = ["tcp:0:interface=127.0.0.1"]\n'
    appliance.config.write_text(text.replace("\n[smtp]\n", smtp))
    appliance.start()
    yield appliance
    appliance.end()


@pytest.fixture(params=["explicit", "implicit"])
def tls(request):
    return request.param


def trusting():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_status_and_the_customers_sheet_name_each_listener(appliance):
    listeners = appliance.ctl("status")["listeners"]
    assert [(each["channel"], each["tls"]) for each in listeners] == [
        ("ftp", "optional"),
        ("ftp", "explicit"),
        ("ftp", "implicit"),
        ("sftp", "never"),
        ("smtp", "optional"),
        ("smtp", "implicit"),
    ]
    assert {each["address"] for each in listeners} == {"127.0.0.1"}
    optional, explicit, implicit, sftp, _, smtps = (each["port"] for each in listeners)
    status = appliance.run_ctl("status")
    assert f"ftp on       127.0.0.1 port {optional}\n" in status
    assert f"ftp on       127.0.0.1 port {explicit}, TLS required\n" in status
    assert f"smtp on      127.0.0.1 port {smtps}, TLS from the first byte\n" in status
    assert f"ftp listens on 127.0.0.1 port {implicit}, TLS from the first byte\n" in appliance.log_text()
    assert (
        f"SFTP:      localhost port {sftp}\n"
        f"FTP:       localhost port {optional}, with TLS (explicit FTPS) where you can\n"
        f"FTP:       localhost port {explicit}, with TLS only (explicit FTPS)\n"
        f"FTP:       localhost port {implicit}, with TLS from the first byte (implicit FTPS)\n"
        "E-mail:    acme@sales.example\n"
        f"E-mail:    acme@sales.example, by localhost port {smtps} with TLS from the first byte\n"
    ) in appliance.run_ctl("customer", "sheet", "acme")


def test_curl(appliance, sent, tls):
    path = sent.file(f"curl-{tls}.csv", rows=500)
    url = f"{'ftps' if tls == 'implicit' else 'ftp'}://127.0.0.1:{appliance.port('ftp', tls)}/"
    words = ["-sS", "--max-time", "60", "--ssl-reqd", "-k", "--user", f"acme:{PASSWORD}"]
    done = run_client(need("curl"), *words, "-T", path, url)
    assert done.returncode == 0, done.stderr
    sent.imported(path, "ftp")
    done = run_client(need("curl"), *words, "-l", url)
    assert path.name in done.stdout.decode().split()


def test_curl_in_the_clear_is_refused_where_tls_must_be(appliance, sent):
    url = f"ftp://127.0.0.1:{appliance.port('ftp', 'explicit')}/"
    words = ["-sS", "-v", "--max-time", "60", "--user", f"acme:{PASSWORD}", "-T", sent.file("curl-clear.csv")]
    done = run_client(need("curl"), *words, url)
    assert done.returncode == 67, done.stderr  # CURLE_LOGIN_DENIED
    assert b"PASS" not in done.stderr
    sent.nothing()


def test_curl_with_a_clear_data_connection_is_refused_where_tls_must_be(appliance, sent):
    url = f"ftp://127.0.0.1:{appliance.port('ftp', 'explicit')}/"
    words = ["-sS", "-v", "--max-time", "60", "--ftp-ssl-control", "-k", "--user", f"acme:{PASSWORD}"]
    done = run_client(need("curl"), *words, "-T", sent.file("curl-half.csv"), url)
    assert done.returncode != 0
    assert b"522 Data connections are private here" in done.stderr
    sent.nothing()


def test_lftp(appliance, sent, tls, tmp_path):
    path = sent.file(f"lftp-{tls}.csv", rows=500)
    scheme = "ftps" if tls == "implicit" else "ftp"
    url = f"{scheme}://acme:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{appliance.port('ftp', tls)}"
    commands = (
        "set ssl:verify-certificate no; set ftp:ssl-protect-data yes; set net:max-retries 1; "
        f"set cmd:fail-exit yes; open {url}; put {path}; bye"
    )
    done = run_client(need("lftp"), "-c", commands, env={"HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    sent.imported(path, "ftp")


def test_rclone(appliance, sent, tls, tmp_path):
    path = sent.file(f"rclone-{tls}.csv", rows=500)
    rclone = [need("rclone"), "--config", os.devnull]
    password = run_client(*rclone, "obscure", PASSWORD).stdout.decode().strip()
    kind = "tls" if tls == "implicit" else "explicit_tls"
    remote = f":ftp,host=127.0.0.1,port={appliance.port('ftp', tls)},user=acme,pass='{password}'"
    words = ["copy", "--retries", "1", path, f"{remote},{kind}=true,no_check_certificate=true:"]
    done = run_client(*rclone, *words, env={"HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    sent.imported(path, "ftp")


def test_ftplib(appliance, sent):
    path = sent.file("ftplib-explicit.csv", rows=500)
    with ftplib.FTP_TLS(context=trusting(), timeout=60) as client, path.open("rb") as file:
        client.connect("127.0.0.1", appliance.port("ftp", "explicit"))
        client.login("acme", PASSWORD)  # begins TLS by itself
        with pytest.raises(ftplib.error_perm, match=r"^522"):
            client.nlst()
        client.prot_p()
        client.storbinary(f"STOR {path.name}", file)
    sent.imported(path, "ftp")


def test_a_password_in_the_clear_is_refused_to_who_must_use_tls(appliance, sent):
    file = appliance.folder / "customers.d" / "acme.toml"
    text = file.read_text()
    file.write_text(f"require_tls = true\n{text}")
    try:
        appliance.run_ctl("reload")
        assert (
            f"FTP:       localhost port {appliance.port('ftp')}, with TLS only (explicit FTPS)\n"
        ) in appliance.run_ctl("customer", "sheet", "acme")
        with ftplib.FTP(timeout=60) as client:
            client.connect("127.0.0.1", appliance.port("ftp"))
            with pytest.raises(ftplib.error_perm, match=r"^530 .* Some logins are taken under TLS only\.$"):
                client.login("acme", PASSWORD)
        path = sent.file("must.csv")
        with ftplib.FTP_TLS(context=trusting(), timeout=60) as client, path.open("rb") as content:
            client.connect("127.0.0.1", appliance.port("ftp"))
            client.login("acme", PASSWORD)
            client.prot_p()
            client.storbinary(f"STOR {path.name}", content)
        sent.imported(path, "ftp")
    finally:
        file.write_text(text)
        appliance.run_ctl("reload")


def test_smtps_by_curl(appliance, sent):
    path = sent.file("curl-smtps.csv")
    done = run_client(
        *(need("curl"), "-sS", "--max-time", "60", "-k", "--mail-from", "till@shop.example"),
        *("--mail-rcpt", "acme@sales.example", "-H", "Subject: Sales"),
        *("-F", f"=@{path};type=text/csv;encoder=base64"),
        f"smtps://127.0.0.1:{appliance.port('smtp', 'implicit')}",
    )
    assert done.returncode == 0, done.stderr
    sent.imported(path, "smtp")


def test_smtps_by_swaks(appliance, sent):
    path = sent.file("swaks-smtps.csv")
    done = run_client(
        *(need("swaks"), "--tlsc", "--server", f"127.0.0.1:{appliance.port('smtp', 'implicit')}"),
        *("--from", "till@shop.example", "--to", "acme@sales.example", "--header", "Subject: Sales"),
        *("--attach-type", "text/csv", "--attach-name", path.name, "--attach", f"@{path}"),
    )
    if b"TLS not available" in done.stderr:
        pytest.skip("swaks has no TLS: libnet-ssleay-perl is not installed")
    assert done.returncode == 0, done.stdout
    sent.imported(path, "smtp")


def test_smtps_by_smtplib_and_no_starttls_inside(appliance, sent):
    path = sent.file("smtplib-smtps.csv")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "till@shop.example", "acme@sales.example", "Sales"
    mail.add_attachment(path.read_bytes(), maintype="text", subtype="csv", filename=path.name)
    port = appliance.port("smtp", "implicit")
    with smtplib.SMTP_SSL("127.0.0.1", port, timeout=60, context=trusting()) as client:
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.docmd("STARTTLS")[0] == 503
        client.send_message(mail)
    sent.imported(path, "smtp")


def test_a_reload_opens_and_closes_a_listener_with_tls_from_the_first_byte(appliance):
    """Last in this file: the ports change."""
    text = appliance.config.read_text()
    old = appliance.port("ftp", "implicit")
    line = 'listen_implicit_tls = ["tcp:0:interface=127.0.0.1"]\n'
    appliance.config.write_text(text.replace(line, "", 1))
    appliance.run_ctl("reload")
    kinds = [each["tls"] for each in appliance.ctl("status")["listeners"] if each["channel"] == "ftp"]
    assert kinds == ["optional", "explicit"]
    assert f"ftp no longer listens on 127.0.0.1 port {old}\n" in appliance.log_text()
    appliance.config.write_text(text)
    appliance.run_ctl("reload")
    address = ("127.0.0.1", appliance.port("ftp", "implicit"))
    with socket.create_connection(address, timeout=60) as plain, trusting().wrap_socket(plain) as secured:
        assert secured.recv(100) == b"220 dorimportd takes your files.\r\n"
