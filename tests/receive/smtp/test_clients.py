"""Real clients against the door in a process of its own."""

from __future__ import annotations

import json
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

LAUNCH = Path(__file__).parents[1] / "launch.py"
ROOT = Path(__file__).parents[3]
SALES = b"id,total\n1,2.50\n"


class Running:
    """The door in its process."""

    def __init__(self, process: subprocess.Popen[str], state: Path) -> None:
        self._process = process
        self._state = state
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def event(self, kind: str) -> str:
        """The sentence of the next event, which has to be of *kind*."""
        assert self._process.stderr is not None
        name, sentence = json.loads(self._process.stderr.readline())
        assert name == kind, sentence
        return str(sentence)

    def delivered(self) -> tuple[str, bytes]:
        """The sentence of the next event, which has to be a delivery, and the delivery's bytes."""
        sentence = self.event("DeliveryAccepted")
        sequence = int(sentence.split()[1])
        folder = self._state / "spool" / "accepted" / "000000" / f"{sequence:012}"
        return sentence, (folder / "data").read_bytes()


@pytest.fixture(scope="module")
def running(lasting_config: Path) -> Iterator[Running]:
    state = lasting_config.parents[1] / "state"
    state.mkdir()
    command = [sys.executable, str(LAUNCH), "smtp", str(lasting_config)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            door = Running(process, state)
            door.event("CertificateMade")
            yield door
        finally:
            process.kill()


def needed(client: str) -> str:
    path = shutil.which(client)
    if path is None:
        pytest.skip(f"{client} is not installed")
    return path


def sales_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = (
        "till@shop.example",
        "acme@in.till.example",
        "<1@shop.example>",
    )
    mail.set_content("Guten Tag, anbei die Umsätze.")
    mail.add_attachment(SALES, maintype="text", subtype="csv", filename="Umsätze.csv")
    return mail


@pytest.mark.parametrize("tls", [False, True])
def test_smtplib_sends_a_file(tls: bool, running: Running):
    with smtplib.SMTP("127.0.0.1", running.port, timeout=10) as client:
        if tls:
            client.starttls(context=unchecked())
        assert client.send_message(sales_mail()) == {}
    sentence, content = running.delivered()
    assert "'Umsätze.csv' from acme by smtp, 16 bytes" in sentence
    assert content == SALES


def unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_smtplib_with_bare_newlines_is_told_what_to_do(running: Running):
    with smtplib.SMTP("127.0.0.1", running.port, timeout=10) as client:
        with pytest.raises(smtplib.SMTPDataError) as raised:
            client.sendmail("till@shop.example", "acme@in.till.example", sales_mail().as_bytes())
        assert raised.value.smtp_code == 550
        assert b"send_message()" in raised.value.smtp_error
        assert client.noop() == (250, b"2.0.0 OK")
        client.sendmail("a@b", "acme@in.till.example", sales_mail().as_bytes(policy=SMTP))
    running.event("MailRefused")
    assert running.delivered()[1] == SALES


def test_curl_sends_a_file(running: Running, tmp_path: Path):
    (tmp_path / "sales.csv").write_bytes(SALES)
    command = [
        needed("curl"),
        "-sS",
        "--max-time",
        "20",
        f"smtp://127.0.0.1:{running.port}",
        "--ssl-reqd",
        "-k",
    ]
    command += ["--mail-from", "till@shop.example", "--mail-rcpt", "acme@in.till.example"]
    command += [
        "-F",
        "=Sales;type=text/plain",
        "-F",
        f"file=@{tmp_path}/sales.csv;type=text/csv;encoder=base64",
    ]
    subprocess.run(command, check=True, timeout=30)
    assert running.delivered()[1] == SALES


def test_swaks_sends_a_file(running: Running, tmp_path: Path):
    (tmp_path / "sales.csv").write_bytes(SALES)
    command = [needed("swaks"), "--server", f"127.0.0.1:{running.port}", "--from", "till@shop.example"]
    command += ["--to", "acme@in.till.example,nobody@in.till.example", "--pipeline", "--helo", "till"]
    command += [
        "--attach-type",
        "text/csv",
        "--attach-name",
        "sales.csv",
        "--attach",
        f"@{tmp_path}/sales.csv",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert "250 2.0.0 Accepted as delivery " in ran.stdout
    running.event("MailRefused")
    assert running.delivered()[1] == SALES


@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_smtplib_logs_in_and_sends_a_file(mechanism: str, running: Running):
    with smtplib.SMTP("127.0.0.1", running.port, timeout=30) as client:
        client.ehlo("till")
        assert not client.has_extn("auth")
        client.starttls(context=unchecked())
        client.ehlo("till")
        client.user, client.password = "bolt", "secret of the till"
        assert client.auth(mechanism, getattr(client, f"auth_{mechanism}"))[0] == 235
        mail = sales_mail()
        assert client.send_message(mail, to_addrs=["bolt.sales@in.till.example"]) == {}
    running.event("LoginAccepted")
    sentence, content = running.delivered()
    assert "'Umsätze.csv' from bolt by smtp" in sentence
    assert content == SALES


def test_smtplib_is_told_that_its_password_is_wrong(running: Running):
    with smtplib.SMTP("127.0.0.1", running.port, timeout=30) as client:
        client.starttls(context=unchecked())
        with pytest.raises(smtplib.SMTPAuthenticationError) as raised:
            client.login("bolt", "guess")
        assert raised.value.smtp_code == 535
    for _ in range(2):  # it tries both ways
        running.event("LoginRefused")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_curl_logs_in_and_sends_a_file(mechanism: str, running: Running, tmp_path: Path):
    (tmp_path / "sales.csv").write_bytes(SALES)
    server = [f"smtp://127.0.0.1:{running.port}", "--ssl-reqd", "-k", "--max-time", "30"]
    login = ["--user", "bolt:secret of the till", "--login-options", f"AUTH={mechanism}"]
    path = ["--mail-from", "till@shop.example", "--mail-rcpt", "bolt.sales@in.till.example"]
    form = ["-F", "=Sales;type=text/plain", "-F", f"file=@{tmp_path}/sales.csv;type=text/csv;encoder=base64"]
    subprocess.run([needed("curl"), "-sS", *server, *login, *path, *form], check=True, timeout=60)
    running.event("LoginAccepted")
    assert running.delivered()[1] == SALES


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_logs_in_and_sends_a_file(mechanism: str, running: Running, tmp_path: Path):
    (tmp_path / "sales.csv").write_bytes(SALES)
    command = [needed("swaks"), "--server", f"127.0.0.1:{running.port}", "--from", "till@shop.example"]
    command += ["--to", "bolt.sales@in.till.example", "--tls", "--helo", "till", "--auth", mechanism]
    command += ["--auth-user", "bolt", "--auth-password", "secret of the till"]
    command += ["--attach-type", "text/csv", "--attach", f"@{tmp_path}/sales.csv"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "TLS not available" in ran.stderr:
        pytest.skip("swaks has no TLS: libnet-ssleay-perl is not installed")
    assert "250 2.0.0 Accepted as delivery " in ran.stdout
    running.event("LoginAccepted")
    assert running.delivered()[1] == SALES


def test_a_file_larger_than_all_buffers_arrives_whole(running: Running):
    content = b"".join(b"%d,%d.50\n" % (number, number) for number in range(500_000))
    mail = sales_mail()
    mail.clear_content()
    mail.add_attachment(content, maintype="text", subtype="csv", filename="large.csv", cte="base64")
    with smtplib.SMTP("127.0.0.1", running.port, timeout=30) as client:
        client.send_message(mail)
    assert running.delivered()[1] == content


def test_a_file_in_pipelined_chunks_over_tls_arrives_whole(running: Running):
    content = b"".join(b"%d,%d.50\n" % (number, number) for number in range(100_000))
    mail = sales_mail()
    mail.clear_content()
    mail.add_attachment(content, maintype="text", subtype="csv", filename="large.csv", cte="base64")
    message = mail.as_bytes(policy=SMTP)
    chunks = [message[at : at + 70_000] for at in range(0, len(message), 70_000)]
    with smtplib.SMTP("127.0.0.1", running.port, timeout=30) as client:
        client.starttls(context=unchecked())
        client.ehlo("till")
        assert client.has_extn("chunking")
        assert client.mail("till@shop.example")[0] == client.rcpt("acme@in.till.example")[0] == 250
        for number, chunk in enumerate(chunks, 1):
            last = b" LAST" if number == len(chunks) else b""
            client.send(b"BDAT %d%b\r\n%b" % (len(chunk), last, chunk))
        answers = [client.getreply() for _ in chunks]
        assert client.noop() == (250, b"2.0.0 OK")
    assert [each[0] for each in answers] == [250] * len(chunks)
    assert answers[-1][1].startswith(b"2.0.0 Accepted as delivery ")
    assert running.delivered()[1] == content


def test_a_client_that_goes_away_in_its_message_leaves_nothing(running: Running):
    with (
        socket.create_connection(("127.0.0.1", running.port), timeout=10) as raw,
        raw.makefile("rb") as replies,
    ):
        raw.sendall(b"EHLO t\r\nMAIL FROM:<a@b>\r\nRCPT TO:<acme@in.till.example>\r\nDATA\r\n")
        while not replies.readline().startswith(b"354"):
            pass
        raw.sendall(sales_mail().as_bytes(policy=SMTP))
    with smtplib.SMTP("127.0.0.1", running.port, timeout=10) as client:
        client.send_message(sales_mail())
    # The first event is of the second client: the first one was no mail, and no fault.
    assert running.delivered()[1] == SALES
