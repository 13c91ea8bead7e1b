from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from dorimportd.errors import BadMail, NotOneAttachment
from dorimportd.receive.smtp.attachment import is_delimited, name_of, the_csv
from dorimportd.receive.smtp.body import decoded
from dorimportd.receive.smtp.mime import parts

Mail = Callable[..., bytes]

TEXT = "Content-Type: text/plain; charset=utf-8\n\nPlease find, attached, sales.\nRegards, Ann"
HTML = "Content-Type: text/html\nContent-Disposition: inline\n\n<p>a,b\n<p>c,d"
TABLE = "a;b;c\n1;2;3\n4;5;6"


def part(
    declared: str, name: str | None, content: str | bytes = "a,b\n1,2", disposition: str = "attachment"
) -> str:
    """A part of a message; bytes go as base64."""
    given = f'; filename="{name}"' if name is not None else ""
    said = f"Content-Disposition: {disposition}{given}\n" if disposition else ""
    kind = f"Content-Type: {declared}" + (f'; name="{name}"' if name is not None and not disposition else "")
    if isinstance(content, bytes):
        said += "Content-Transfer-Encoding: base64\n"
        content = base64.encodebytes(content).decode().rstrip("\n")
    return f"{kind}\n{said}\n{content}"


def chosen(message: bytes) -> tuple[str, bytes]:
    found = the_csv(message, parts(message))
    return name_of(found), b"".join(decoded(message, found))


def refusal(message: bytes) -> str:
    with pytest.raises((NotOneAttachment, BadMail)) as raised:
        chosen(message)
    return str(raised.value).removeprefix("A mail must carry exactly one CSV file. ")


@pytest.mark.parametrize("disposition", ["attachment", "inline", ""])
@pytest.mark.parametrize(
    "declared", ["text/csv", "text/plain", "application/octet-stream", "application/x-anything"]
)
def test_what_is_called_csv_is_the_file_however_it_is_attached(declared: str, disposition: str, mail: Mail):
    message = mail(TEXT, part(declared, "Sales.CSV", disposition=disposition))
    assert chosen(message) == ("Sales.CSV", b"a,b\r\n1,2")


@pytest.mark.parametrize(
    "declared", ["text/csv", "application/csv", "text/comma-separated-values", "application/vnd.ms-excel"]
)
def test_what_is_declared_csv_is_the_file_whatever_its_name(declared: str, mail: Mail):
    assert chosen(mail(TEXT, part(declared, "export"))) == ("export", b"a,b\r\n1,2")
    assert chosen(mail(TEXT, part(declared, None))) == ("attachment.csv", b"a,b\r\n1,2")


@pytest.mark.parametrize("name", ["sales.txt", "sales.tsv", "SALES.DAT", "sales.tab"])
def test_a_table_under_another_name_is_the_file(name: str, mail: Mail):
    assert chosen(mail(TEXT, part("application/octet-stream", name, TABLE)))[0] == name
    assert chosen(mail(TEXT, part("text/plain", name, TABLE.replace(";", "\t"))))[0] == name


def test_a_table_in_utf_16_is_a_table(mail: Mail):
    content = TABLE.encode("utf-16")
    assert chosen(mail(part("application/octet-stream", "sales.txt", content))) == ("sales.txt", content)
    assert chosen(mail(part("text/csv", "sales.csv", content))) == ("sales.csv", content)


def test_a_mail_that_is_the_file_itself_is_taken():
    assert chosen(b"Content-Type: text/csv; name=x.csv\r\n\r\na,b\r\n") == ("x.csv", b"a,b\r\n")


def test_an_empty_file_is_a_file(mail: Mail):
    assert chosen(mail(TEXT, part("text/csv", "empty.csv", ""))) == ("empty.csv", b"")


def test_pictures_signatures_and_notes_beside_the_file_do_no_harm(mail: Mail):
    message = mail(
        TEXT,
        HTML,
        part("image/png", "logo.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "inline"),
        part("application/pgp-signature", "signature.asc", "-----BEGIN, a,b"),
        part(
            "text/plain", "disclaimer.txt", "This mail is secret, really.\nThrow it away\nif it is not yours."
        ),
        part("application/ms-tnef", "winmail.dat", b"\x78\x9f\x3e\x22" + bytes(20)),
        part("text/csv", "sales.csv"),
    )
    assert chosen(message) == ("sales.csv", b"a,b\r\n1,2")


def test_the_text_of_the_mail_is_no_file_also_when_it_looks_like_one(mail: Mail):
    body = f"Content-Type: text/plain\nContent-Disposition: inline\n\n{TABLE}"
    assert refusal(mail(body, HTML)) == "In this mail we found no CSV file, and no other attachment."


def test_what_was_found_instead_is_told(mail: Mail):
    assert refusal(mail(TEXT, part("application/pdf", "report.pdf", b"%PDF-1.7"))) == (
        "In this mail we found no CSV file; found report.pdf (application/pdf)."
    )
    assert refusal(mail(TEXT, part("application/pdf", None, b"%PDF-1.7"))) == (
        "In this mail we found no CSV file; found one without a name (application/pdf)."
    )
    many = [part("image/png", f"{n}.png", b"\x89PNG\r\n") for n in range(7)]
    assert refusal(mail(*many)) == (
        "In this mail we found no CSV file; found 0.png (image/png), 1.png (image/png), 2.png (image/png), "
        "3.png (image/png), 4.png (image/png) and 2 more."
    )


def test_several_files_are_told_by_name(mail: Mail):
    message = mail(part("text/csv", "a.csv"), part("text/csv", "b.csv"), part("text/plain", "c.txt", TABLE))
    assert refusal(message) == "In this mail we found 3 CSV files: a.csv, b.csv, c.txt."


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.4", "a PDF"),
        (b"PK\x03\x04rest", "a ZIP archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"\xff\xd8\xff\xe0", "a picture"),
    ],
)
def test_a_name_cannot_make_csv_of_what_is_none(content: bytes, kind: str, mail: Mail):
    told = f"In this mail x.csv holds {kind}, not CSV."
    assert refusal(mail(TEXT, part("text/csv", "x.csv", content))) == told
    assert refusal(mail(part("text/csv", "good.csv"), part("text/csv", "x.csv", content))) == told


def test_a_web_page_or_workbook_that_is_declared_excel_is_no_csv(mail: Mail):
    assert refusal(mail(part("application/vnd.ms-excel", "x.xls", "<html><table>"))) == (
        "In this mail we found no CSV file; found x.xls (application/vnd.ms-excel)."
    )
    assert refusal(mail(part("application/vnd.ms-excel", "x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))) == (
        "In this mail we found no CSV file; found x.xls (application/vnd.ms-excel)."
    )


def test_compressed_files_are_not_taken(mail: Mail):
    assert refusal(mail(TEXT, part("application/zip", "sales.zip", b"PK\x03\x04"))) == (
        "In this mail we found no CSV file; found sales.zip (application/zip); "
        "compressed files are not taken."
    )
    told = "In this mail sales.csv.gz is compressed; compressed files are not taken."
    assert refusal(mail(TEXT, part("application/gzip", "sales.csv.gz", b"\x1f\x8b"))) == told
    assert refusal(mail(part("text/csv", "a.csv"), part("text/csv", "sales.csv.gz", b"\x1f\x8b"))) == told


def test_a_file_that_cannot_be_decoded_is_told(mail: Mail):
    bad = "Content-Type: text/csv; name=x.csv\nContent-Transfer-Encoding: base64\n\nYSxi*YSx"
    assert refusal(mail(bad)) == "The mail cannot be read. The base64 of its attachment is damaged."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n3,4\n", True),
        ("a\tb\n1\t2\n", True),
        ("Sales of 1 May\nprinted 2 May\n\nid|total\n1|2\n3|4\n", True),
        ("a,b\n", False),
        ("", False),
        ("one\ntwo\nthree\n", False),
        ("Dear all,\nhere is, as promised, the list.\nBye\nAnn, Bob\nSales\n", False),
        ("<p>a,b\n<p>c,d\n", False),
        ("a,b\0\n1,2\n", False),
    ],
)
def test_a_table_is_told_from_prose(text: str, expected: bool):
    assert is_delimited(text.encode()) is expected
