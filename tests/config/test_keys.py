from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.config.keys import PublicKey, lies_in, read_key, read_keys
from dorimportd.toml import BadToml, Unfit

ED25519 = b64decode("AAAAC3NzaC1lZDI1NTE5AAAAIHlussF6bMIPESchv8nEigQRPrO1DezbnjJO9b0XZMJ0")


def rsa_line(exponent: int, modulus: int) -> str:
    """As OpenSSH writes it, for numbers that ssh-keygen would not make."""
    numbers = [number.to_bytes(number.bit_length() // 8 + 1, "big") for number in (exponent, modulus)]
    return "ssh-rsa " + b64encode(string(b"ssh-rsa") + b"".join(map(string, numbers))).decode()


def string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def test_keys_are_what_ssh_keygen_says_they_are(pub):
    text = f"# tills\n\n{pub('ed')}\n  {pub('rsa2048')}\r\n"
    (ed25519, rsa) = read_keys(text, "keys/acme")
    assert ed25519 == PublicKey(
        type="ssh-ed25519",
        blob=ED25519,
        comment="ann@stores.example",
        fingerprint="SHA256:9Dzy1eDC8ZSsrF13RpM7DE5gi12vb/sY4hVDUdLccpk",
        bits=256,
        line=3,
    )
    assert (rsa.type, rsa.bits, rsa.comment, rsa.line) == ("ssh-rsa", 2048, "till server", 4)
    assert rsa.fingerprint == "SHA256:nEp0bNA3Wfgpa6bHUlKVW80e/mpaoQK5+0U0lM5kcR0"


def test_a_key_may_say_from_where_it_is_good(pub):
    key = read_key(f'restrict,FROM="192.0.2.0/24,2001:db8::1" {pub("ed")}')
    assert key.networks == (ip_network("192.0.2.0/24"), ip_network("2001:db8::1/128"))
    assert key.allows_peer("192.0.2.9")
    assert key.allows_peer("::ffff:192.0.2.9")
    assert not key.allows_peer("192.0.3.9")
    assert read_key(pub("ed")).allows_peer("203.0.113.5")


@pytest.mark.parametrize(
    "options",
    [
        'command="/bin/sh"',
        "no-pty",
        "restrict,pty",
        'restrict="yes"',
        "from",
        'from=""',
        "from=192.0.2.1",
        'from="!192.0.2.1"',
        'from="192.0.2.*"',
        'from="till.stores.example"',
        'from="192.0.2.1",from="192.0.2.2"',
        'from="192.0.2.1',
        ",",
        "cert-authority",
    ],
)
def test_an_option_that_would_not_be_kept_is_a_mistake(options, pub):
    with pytest.raises(Unfit):
        read_key(f"{options} {pub('ed')}")


@pytest.mark.parametrize(
    ("exponent", "modulus", "problem"),
    [
        (65537, 2**2046 + 1, "is an RSA key of 2047 bits; 2048 to 16384 are taken"),
        (65537, 2**16384 + 1, "is an RSA key of 16385 bits; 2048 to 16384 are taken"),
        (1, 2**2047 + 1, "is damaged: these numbers are not an RSA key"),
        (65536, 2**2047 + 1, "is damaged: these numbers are not an RSA key"),
        (65537, 2**2047, "is damaged: these numbers are not an RSA key"),
        (2**2047 + 3, 2**2047 + 1, "is damaged: these numbers are not an RSA key"),
        (0, 2**2047 + 1, "is damaged: these numbers are not an RSA key"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.bit_length()} bits",
)
def test_numbers_that_are_no_rsa_key_of_ours_are_refused(exponent, modulus, problem):
    with pytest.raises(Unfit) as caught:
        read_key(rsa_line(exponent, modulus))
    assert str(caught.value) == problem


def test_rsa_keys_of_the_smallest_and_the_largest_size_are_taken():
    assert read_key(rsa_line(65537, 2**2047 + 1)).bits == 2048
    assert read_key(rsa_line(65537, 2**16383 + 1)).bits == 16384


def test_a_negative_number_is_no_rsa_key():
    blob = string(b"ssh-rsa") + string(b"\x01\x00\x01") + string(b"\xff" * 256)
    with pytest.raises(Unfit):
        read_key(f"ssh-rsa {b64encode(blob).decode()}")


def test_however_a_key_is_cut_or_lengthened_it_is_refused():
    for size in range(len(ED25519)):
        with pytest.raises(Unfit):
            read_key(f"ssh-ed25519 {b64encode(ED25519[:size]).decode()}")
    with pytest.raises(Unfit):
        read_key(f"ssh-ed25519 {b64encode(ED25519 + bytes(4)).decode()}")


@given(st.binary(max_size=80))
@settings(deadline=None)
def test_whatever_the_bytes_they_are_a_key_or_unfit(blob):
    line = f"ssh-rsa {b64encode(blob).decode()}"
    with pytest.raises(Unfit):
        read_key(line)


@given(st.text(st.sampled_from('ssh-rsa ed25519"=,\\from AAAA#\t\né'), max_size=60))
@settings(deadline=None)
def test_whatever_the_text_it_is_keys_or_mistakes_on_their_lines(text):
    try:
        keys = read_keys(text, "keys/acme")
    except BadToml as error:
        lines = [mistake.place.line for mistake in error.mistakes]
        assert lines == sorted(set(lines))
        assert set(lines) <= set(range(1, text.count("\n") + 2))
    else:
        assert keys == ()


def test_a_key_in_the_notation_of_other_programs_is_one_mistake():
    text = (
        "---- BEGIN SSH2 PUBLIC KEY ----\n"
        "AAAAC3NzaC1lZDI1NTE5AAAAIHlussF6bMIPESchv8nEigQRPrO1DezbnjJO9b0XZMJ0\n"
        "---- END SSH2 PUBLIC KEY ----\n"
    )
    with pytest.raises(BadToml) as caught:
        read_keys(text, "keys/acme")
    assert str(caught.value) == (
        "keys/acme:1:1: is a key in another notation: "
        "`ssh-keygen -i -f FILE` writes it as a line for this file"
    )


def test_no_networks_are_all_networks():
    assert lies_in("203.0.113.5", ())
    assert not lies_in("203.0.113.5", (ip_network("2001:db8::/32"),))
    assert lies_in("fe80::1%eth0", (ip_network("fe80::/10"),))
