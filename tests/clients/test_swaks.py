from __future__ import annotations

import pytest
from appliance import need, run_client


@pytest.fixture
def swaks(appliance):
    def run(*words, to="acme@sales.example"):
        server = f"127.0.0.1:{appliance.port('smtp')}"
        start = [need("swaks"), "--server", server, "--from", "till@shop.example", "--to", to]
        return run_client(*start, "--header", "Subject: Sales", *words)

    return run


def test_one_file_is_a_delivery_and_its_number_is_told(swaks, sent):
    path = sent.file("swaks.csv")
    done = swaks("--attach-type", "text/csv", "--attach-name", path.name, "--attach", f"@{path}")
    assert done.returncode == 0, done.stdout
    delivery = sent.imported(path, "smtp")
    assert f"250 2.0.0 Accepted as delivery {delivery['sequence']}".encode() in done.stdout


def test_one_file_over_tls(swaks, sent):
    path = sent.file("swaks-tls.csv")
    done = swaks("--tls", "--attach-type", "text/csv", "--attach-name", path.name, "--attach", f"@{path}")
    if b"TLS not available" in done.stderr:
        pytest.skip("swaks has no TLS: libnet-ssleay-perl is not installed")
    assert done.returncode == 0, done.stdout
    sent.imported(path, "smtp")


def test_no_file_or_two_are_refused_with_what_was_found(swaks, sent):
    path, other = sent.file("one.csv"), sent.file("two.csv")
    done = swaks()
    assert b"554 5.6.0" in done.stdout
    attached = [
        word for each in (path, other) for word in ("--attach-name", each.name, "--attach", f"@{each}")
    ]
    done = swaks(*attached)
    assert b"554 5.6.0" in done.stdout
    assert b"one.csv" in done.stdout
    assert b"two.csv" in done.stdout
    sent.nothing()


def test_an_unknown_address_is_refused(swaks, sent):
    assert b"550 5.1.1" in swaks(to="nobody@sales.example").stdout
    assert b"550 5.1.1" in swaks(to="acme@elsewhere.example").stdout
    sent.nothing()


def test_a_copy_to_the_archive_is_matched_and_never_imported(swaks, sent, appliance):
    path = sent.file("archived.csv")
    mail = [
        "--header",
        "Message-Id: <archived@shop.example>",
        "--attach-name",
        path.name,
        "--attach",
        f"@{path}",
    ]
    assert swaks(*mail).returncode == 0
    delivery = sent.imported(path, "smtp")
    assert delivery["message_id"] == "<archived@shop.example>"
    shown = appliance.run_ctl("delivery", "show", str(delivery["sequence"]))
    assert "no copy of the mail came" in shown
    assert swaks(*mail, to="archive@sales.example").returncode == 0
    sent.imported(path, "smtp")
    shown = appliance.run_ctl("delivery", "show", str(delivery["sequence"]))
    assert "a copy of the mail is kept" in shown


def test_one_mail_to_both_addresses_is_one_delivery(swaks, sent):
    path = sent.file("both.csv")
    done = swaks(
        "--attach-name", path.name, "--attach", f"@{path}", to="acme@sales.example,archive@sales.example"
    )
    assert done.returncode == 0, done.stdout
    sent.imported(path, "smtp")
