"""All doors by IPv6.  Where this machine has none the same is done by IPv4."""

from __future__ import annotations

import ftplib
import io
import smtplib
import socket
import ssl
from email.message import EmailMessage

import paramiko
import pytest
from appliance import PASSWORD, SALES, need, run_client


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as attempt:
            attempt.bind(("::1", 0))
    except OSError:
        return False
    return True


IPV4 = ("127.0.0.1", "tcp:0:interface=127.0.0.1")
HOST, ENDPOINT = ("::1", r"tcp6:0:interface=\\:\\:1") if has_ipv6() else IPV4
IN_URL = f"[{HOST}]" if ":" in HOST else HOST


@pytest.fixture
def doors(appliance):
    """The appliance, and the port of each channel."""
    text = appliance.config.read_text()
    appliance.config.write_text(text.replace("tcp:0:interface=127.0.0.1", ENDPOINT))
    appliance.start()
    listeners = appliance.ctl("status")["listeners"]
    assert {each["address"] for each in listeners} == {HOST}
    return appliance, {each["channel"]: each["port"] for each in listeners}


def test_files_come_by_every_door(doors, tmp_path):
    appliance, ports = doors
    path = tmp_path / "curl.csv"
    path.write_bytes(SALES)
    curl = [need("curl"), "-sS", "--max-time", "60", "-k", "--user", f"acme:{PASSWORD}"]
    url = f"ftp://{IN_URL}:{ports['ftp']}"
    for name, words in {
        "epsv.csv": [],
        "epsv-tls.csv": ["--ssl-reqd"],
        "eprt.csv": ["-P", "-"],
    }.items():
        done = run_client(*curl, *words, "-v", "-T", path, f"{url}/{name}")
        assert done.returncode == 0, done.stderr
        assert (b"> EPRT " if "-P" in words else b"> EPSV") in done.stderr

    with paramiko.Transport(socket.create_connection((HOST, ports["sftp"]), timeout=60)) as transport:
        transport.connect(username="acme", password=PASSWORD)
        paramiko.SFTPClient.from_transport(transport).putfo(io.BytesIO(SALES), "paramiko.csv")

    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "till@shop.example", "acme@sales.example", "Sales"
    mail.add_attachment(SALES, maintype="text", subtype="csv", filename="mail.csv")
    with smtplib.SMTP(HOST, ports["smtp"], timeout=60) as client:
        client.send_message(mail)

    found = appliance.settle(5)
    assert [(each["name"], each["peer"], each["size"]) for each in found] == [
        (name, HOST, len(SALES))
        for name in ("epsv.csv", "epsv-tls.csv", "eprt.csv", "paramiko.csv", "mail.csv")
    ]


def test_ftplib_by_both_kinds_of_data_connections(doors):
    appliance, ports = doors
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with ftplib.FTP_TLS(context=context, timeout=60) as client:
        client.connect(HOST, ports["ftp"])
        client.login("acme", PASSWORD)
        client.prot_p()
        for passive in (True, False):
            client.set_pasv(passive)
            client.storbinary(f"STOR {passive}.csv", io.BytesIO(SALES))
        if ":" in HOST:
            with pytest.raises(ftplib.error_temp, match=r"^425 Use EPSV"):
                client.sendcmd("PASV")
            with pytest.raises(ftplib.error_perm, match=r"^522 Network protocol not supported, use \(2\)\.$"):
                client.sendcmd("EPSV 1")
        with pytest.raises(ftplib.error_perm, match=r"^501 A data connection goes to the address"):
            client.sendcmd("EPRT |2|2001:db8::1|40000|")
    assert [each["name"] for each in appliance.settle(2)] == ["True.csv", "False.csv"]
