from __future__ import annotations

import pytest

from dorimportd.errors import BadName
from dorimportd.spool.names import decode_name, final_name, is_temporary


@pytest.mark.parametrize(
    ("name", "final"),
    [
        ("a.csv", None),
        ("a.csv.part", "a.csv"),
        ("a.csv.filepart", "a.csv"),  # WinSCP
        ("a.csv.1a2B3c4d.partial", "a.csv"),  # rclone
        ("a.csv.partial", "a.csv"),
        ("a.csv.tmp", "a.csv"),
        (".in.a.csv", "a.csv"),  # lftp
        (".a.csv", "a.csv"),  # NiFi
        ("part", None),
        ("partial.csv", None),
        (".part", "part"),
        ("2026.07.14", None),
    ],
)
def test_a_temporary_name_says_what_the_file_will_be_called(name, final):
    assert final_name(name) == final


def test_a_name_is_temporary_when_it_has_a_final_one():
    assert is_temporary("a.csv.part")
    assert not is_temporary("a.csv")


def test_a_name_is_utf_8_or_else_windows_1252():
    assert decode_name("Umsätze.csv".encode()) == "Umsätze.csv"
    assert decode_name("Umsätze.csv".encode("cp1252")) == "Umsätze.csv"
    with pytest.raises(BadName):
        decode_name(b"\xff\x81.csv")
