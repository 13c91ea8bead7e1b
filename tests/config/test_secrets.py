from __future__ import annotations

import re
from time import process_time

import pytest

from dorimportd.config.secrets import DUMMY_HASH, BadPassword, hash_password, verify_password
from dorimportd.config.values import password_hash

# Of "secret", with our own figures.
SECRET = "$argon2id$v=19$m=19456,t=2,p=1$eHh4eHh4eHh4eHh4eHh4eA$87G/fHao92Muz2H2c5nIkpX3Yy/krdCGZj8hH/Hi+yM"


# Of "password", from the tests of the reference implementation (phc-winner-argon2, src/test.c).
REFERENCE = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"


def work_seconds(password: str, kept: str | None) -> float:
    begin = process_time()
    verify_password(password, kept)
    return process_time() - begin


def test_a_password_is_known_again_and_no_other_is():
    made = hash_password("Grüße, 世界")
    assert verify_password("Grüße, 世界", made)
    assert verify_password("Grüße, 世界".encode(), made)
    assert not verify_password("Grusse", made)
    assert not verify_password("", made)


def test_the_hash_is_one_that_a_customers_file_takes():
    made = hash_password("secret")
    assert re.fullmatch(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}", made)
    assert password_hash(made) == made
    assert hash_password("secret") != made


def test_hashes_of_other_programs_are_understood():
    assert password_hash(REFERENCE) == REFERENCE
    assert verify_password("password", REFERENCE)
    assert not verify_password("Password", REFERENCE)


def test_a_login_that_does_not_exist_takes_as_long_and_is_never_right():
    assert password_hash(DUMMY_HASH) == DUMMY_HASH
    assert not verify_password("secret", None)
    known = min(work_seconds("wrong", SECRET) for _ in range(3))
    unknown = min(work_seconds("wrong", None) for _ in range(3))
    assert known / 3 < unknown < known * 3


def test_a_password_that_is_too_long_is_refused_before_any_work():
    assert work_seconds("x" * 1_000_000, SECRET) < work_seconds("x", SECRET) / 2
    assert not verify_password(b"\x00" * 1025, SECRET)
    longest = "x" * 1024
    assert verify_password(longest, hash_password(longest))


def test_bytes_that_are_no_text_are_just_wrong():
    assert not verify_password(b"\xff\x00\xfe", SECRET)


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "is empty."),
        ("ü" * 513, "is longer than 1024 bytes."),
        ("secret\n", "holds a line end or another character that clients cannot send."),
        ("sec\0ret", "holds a line end or another character that clients cannot send."),
    ],
)
def test_a_password_that_clients_cannot_send_is_not_hashed(password, problem):
    with pytest.raises(BadPassword) as caught:
        hash_password(password)
    assert str(caught.value) == problem
