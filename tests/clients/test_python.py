from __future__ import annotations

import ftplib
import io
import smtplib
import socket
import struct
from email.message import EmailMessage

import pytest
from appliance import PASSWORD


@pytest.fixture
def ftp(appliance):
    with ftplib.FTP() as session:
        session.connect("127.0.0.1", appliance.port("ftp"), timeout=30)
        session.login("acme", PASSWORD)
        yield session


def test_store_by_ftplib(ftp, sent):
    path = sent.file("ftplib.csv")
    with path.open("rb") as file:
        answer = ftp.storbinary(f"STOR {path.name}", file)
    delivery = sent.imported(path, "ftp")
    assert answer.startswith("226")
    assert str(delivery["sequence"]) in answer


def test_store_by_ftplib_over_tls(appliance, sent):
    path = sent.file("ftplib-tls.csv", rows=2000)
    with ftplib.FTP_TLS() as session, path.open("rb") as file:
        session.connect("127.0.0.1", appliance.port("ftp"), timeout=30)
        session.login("acme", PASSWORD)
        session.prot_p()
        session.storbinary(f"STOR {path.name}", file)
    sent.imported(path, "ftp")


def test_lists_sizes_and_bytes_stay_as_they_were_sent(ftp, sent):
    path = sent.file("ftplib-list.csv")
    with path.open("rb") as file:
        ftp.storbinary(f"STOR {path.name}", file)
    sent.imported(path, "ftp")
    assert path.name in ftp.nlst()
    assert ftp.size(path.name) == path.stat().st_size
    facts = dict(ftp.mlsd())
    assert facts[path.name]["size"] == str(path.stat().st_size)
    received = io.BytesIO()
    ftp.retrbinary(f"RETR {path.name}", received.write)
    assert received.getvalue() == path.read_bytes()


def test_a_reset_data_connection_is_not_the_end_of_a_file(ftp, sent):
    path = sent.file("reset.csv", rows=4000)
    whole = path.read_bytes()
    ftp.voidcmd("TYPE I")
    data = ftp.transfercmd(f"STOR {path.name}")
    data.sendall(whole[:50_000])
    data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    data.close()
    with pytest.raises(ftplib.error_temp, match=r"^426"):
        ftp.voidresp()
    sent.nothing()
    ftp.voidcmd("TYPE I")  # SIZE counts bytes
    came = ftp.size(path.name)
    assert 0 < came <= 50_000
    ftp.storbinary(f"STOR {path.name}", io.BytesIO(whole[came:]), rest=came)
    sent.imported(path, "ftp")


def mail(path, **headers):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "till@shop.example", "acme@sales.example", "Sales"
    message.set_content("The sales of today.\n")
    message.add_attachment(path.read_bytes(), maintype="text", subtype="csv", filename=path.name)
    return message


def test_a_mail_by_smtplib(appliance, sent):
    path = sent.file("smtplib.csv")
    with smtplib.SMTP("127.0.0.1", appliance.port("smtp"), timeout=30) as session:
        session.send_message(mail(path))
    sent.imported(path, "smtp")


@pytest.mark.parametrize("disposition", ["inline", None])
def test_a_file_that_is_not_declared_an_attachment_is_found(appliance, sent, disposition):
    path = sent.file(f"disposition-{disposition}.csv")
    message = mail(path)
    part = message.get_payload()[-1]
    del part["Content-Disposition"]
    if disposition:
        part["Content-Disposition"] = f'{disposition}; filename="{path.name}"'
    else:
        part.set_param("name", path.name)
    with smtplib.SMTP("127.0.0.1", appliance.port("smtp"), timeout=30) as session:
        session.send_message(message)
    sent.imported(path, "smtp")
