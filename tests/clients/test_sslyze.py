"""What an auditor's scanner says of TLS on each door: Mozilla's intermediate profile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from appliance import Appliance, need, run_client

from dorimportd.receive import tls


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    """With a certificate for 90 days, as authorities give them, and listeners of every kind."""
    appliance = Appliance(tmp_path_factory.mktemp("appliance"))
    certificate, key = appliance.folder / "certificate.pem", appliance.folder / "key.pem"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tls, "LIFETIME", timedelta(days=90))
        tls.make(certificate, key, "localhost")
    text = appliance.config.read_text()
    for door in ("ftp", "smtp"):
        first = 'listen_implicit_tls = ["tcp:0:interface=127.0.0.1"]'
        text = text.replace(f"\n[{door}]\n", f"\n[{door}]\n{first}\n")
    appliance.config.write_text(f'{text}\n[tls]\ncertificate = "{certificate}"\nprivate_key = "{key}"\n')
    appliance.start()
    yield appliance
    appliance.end()


@pytest.mark.parametrize(
    ("channel", "kind", "words"),
    [
        ("ftp", "optional", ["--starttls=ftp"]),
        ("smtp", "optional", ["--starttls=smtp"]),
        ("ftp", "implicit", []),
        ("smtp", "implicit", []),
    ],
    ids=["auth-tls", "starttls", "ftps", "smtps"],
)
def test_tls_complies_with_mozillas_intermediate_profile(appliance, tmp_path, channel, kind, words):
    server = f"127.0.0.1:{appliance.port(channel, kind)}"
    words = [need("sslyze"), "--mozilla_config=intermediate", *words, server]
    done = run_client(*words, env={"HOME": str(tmp_path)}, seconds=200)
    scan, _, compliance = done.stdout.decode().partition("COMPLIANCE AGAINST TLS CONFIGURATION")
    assert "Supported curves:                  X25519, secp256r1, secp384r1" in scan, done.stdout
    # No authority signs for a test, and this is all that is found.
    assert [line.strip() for line in compliance.splitlines() if line.lstrip().startswith("* ")] == [
        "* certificate_path_validation: Certificate path validation failed for CN=localhost."
    ]
