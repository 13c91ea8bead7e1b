"""Whom a mail names: only by the headers that say so, within limits."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dorimportd.config.read import read_settings
from dorimportd.receive.smtp.recovery import named_customers
from dorimportd.spool.mail import KeptMail, MailNote

NOTE = MailNote(
    "<1@x>", "till@shop.example", ("archive@in.till.example",), True, "", "2026-07-14T09:02:11Z", 1
)


def named(folder: Path, config: Path, headers: str) -> list[str]:
    path = folder / "1.eml"
    path.write_bytes(f"{headers}\n\nTo: acme@in.till.example\n".replace("\n", "\r\n").encode())
    return [each.name for each in named_customers(KeptMail(path, NOTE), read_settings(config))]


@pytest.mark.parametrize(
    ("headers", "customers"),
    [
        ("To: acme@in.till.example", ["acme"]),
        ("to:ACME@In.Till.Example.", ["acme"]),
        ('To: "Acme, Sales" <acme@mx.till.example>', ["acme"]),
        ("Subject: x\nCc: a@b.example,\n bolt.sales@in.till.example (Bolt)", ["bolt"]),
        ("To: acme@in.till.example\nTo: core@in.till.example", ["acme", "core"]),
        ("To: undisclosed-recipients:;\nDelivered-To: acme@in.till.example", ["acme"]),
        ("X-Original-To: acme@in.till.example\nEnvelope-To: acme@in.till.example", ["acme"]),
        ("Resent-To: acme@in.till.example\nResent-Cc: <core@in.till.example>", ["acme", "core"]),
        ('To: "acme"@in.till.example', ["acme"]),
        ("To: Kasse Süd <acme@in.till.example>", ["acme"]),
        ("To: archive@in.till.example, postmaster@in.till.example", []),
        ("To: gone@in.till.example, mute@in.till.example", []),
        ("To: acme@elsewhere.example, acme, @in.till.example, acme@", []),
        ("From: acme@in.till.example\nReply-To: acme@in.till.example\nX-To: acme@in.till.example", []),
        ("Subject: To: acme@in.till.example", []),
        ("", []),
    ],
)
def test_a_mail_names_the_customers_in_its_headers(
    tmp_path: Path, config: Path, headers: str, customers: list[str]
):
    assert named(tmp_path, config, headers) == customers


def test_headers_made_to_take_long_take_no_time(tmp_path: Path, config: Path):
    hostile = ("To: " + "a" * 90_000, "To: " + "a@" * 45_000, "To: " + ", ".join(["x@y.example"] * 7_000))
    begin = time.process_time()
    for headers in hostile:
        assert named(tmp_path, config, headers) == []
    assert time.process_time() - begin < 5
