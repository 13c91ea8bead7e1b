from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dorimportd.errors import NoSpace, NotAccepted, SpoolFailing
from dorimportd.receive.smtp.envelope import MailEnvelope
from dorimportd.receive.smtp.taking import MailDesk, Taken
from dorimportd.spool.mail import MailUpload
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel

Mail = Callable[..., bytes]
SALES = b"id,total\r\n1,2.50"


@pytest.fixture
def desk(spool: Spool) -> MailDesk:
    return MailDesk(spool, peer="192.0.2.7", mail_domain="in.till.example")


def envelope(*customers: str, archive: bool = False) -> MailEnvelope:
    return MailEnvelope("till@shop.example", False, ("acme@in.till.example",), customers, archive)


def sent(spool: Spool, message: bytes) -> MailUpload:
    upload = spool.begin_mail(largest=1 << 20)
    upload.write(message)
    return upload


def left(spool: Spool) -> list[Path]:
    return [*spool.layout.incoming.glob("*.eml"), *spool.layout.incoming.glob("*/*")]


def synced(spool: Spool, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> list[str]:
    """What *work* syncs, in order, tokens and digests put aside."""
    found = []
    sync = os.fsync

    def fsync(handle: int) -> None:
        sync(handle)
        found.append(os.readlink(f"/proc/self/fd/{handle}"))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        work()
    names = [Path(each).relative_to(spool.layout.root.resolve()).as_posix() for each in found]
    for pattern, sign in ((r"mail/[0-9a-f]{2}", "mail/ab"), (r"[0-9a-f]{64}", "D"), (r"[0-9a-f]{16}", "T")):
        names = [re.sub(pattern, sign, each) for each in names]
    return names


def told(taken: Taken) -> str:
    assert taken.refusal is not None
    return str(taken.refusal)


def test_a_mail_becomes_a_delivery_with_its_envelope(spool: Spool, desk: MailDesk, mail: Mail):
    taken = desk.take(sent(spool, mail()), envelope("acme"))
    (delivery,) = taken.deliveries
    given = delivery.envelope
    assert (given.customer, given.channel, given.name, given.size, given.peer, given.message_id) == (
        "acme", Channel.SMTP, "sales.csv", 16, "192.0.2.7", "<1@shop.example>",
    )  # fmt: skip
    assert given.sha256 == hashlib.sha256(SALES).hexdigest()
    assert spool.open_delivery(delivery.sequence).read() == SALES
    assert (taken.refusal, taken.copy_of, left(spool)) == (None, None, [])


def test_the_message_is_kept_byte_for_byte_with_what_became_of_it(spool: Spool, desk: MailDesk, mail: Mail):
    taken = desk.take(sent(spool, mail()), envelope("acme", "bolt"))
    (kept,) = spool.mails("<1@shop.example>")
    assert kept == taken.mail
    assert kept.path.read_bytes() == mail()
    assert (kept.note.deliveries, kept.note.refusal, kept.note.size) == ((1, 2), None, len(mail()))


def test_a_mail_without_a_message_id_is_known_by_its_digest(spool: Spool, desk: MailDesk, mail: Mail):
    message = mail(headers="Subject: x\n")
    taken = desk.take(sent(spool, message), envelope("acme"))
    expected = f"<{hashlib.sha256(message).hexdigest()}@in.till.example>"
    assert taken.mail.note.message_id == taken.deliveries[0].envelope.message_id == expected


def test_an_empty_message_is_kept_and_refused(spool: Spool, desk: MailDesk):
    taken = desk.take(sent(spool, b""), envelope("acme"))
    assert told(taken) == (
        "A mail must carry exactly one CSV file. In this mail we found no CSV file, and no other attachment."
    )
    assert taken.mail.path.read_bytes() == b""


def test_a_refused_message_is_kept_with_the_reason(spool: Spool, desk: MailDesk, mail: Mail):
    taken = desk.take(sent(spool, mail("\njust text")), envelope("acme"))
    assert (taken.deliveries, taken.mail.note.refusal) == ((), told(taken))
    assert list(spool.mails("<1@shop.example>")) == [taken.mail]


def test_half_a_file_is_no_delivery(spool: Spool, desk: MailDesk, mail: Mail):
    bad = (
        "Content-Type: text/csv; name=x.csv\nContent-Transfer-Encoding: base64\n\n"
        + "YWFh\n" * 400_000
        + "YW"
    )
    taken = desk.take(sent_large(spool, mail(bad)), envelope("acme"))
    assert told(taken) == "The mail cannot be read. The base64 of its attachment is cut off."
    assert (list(spool.sequences()), left(spool)) == ([], [])


def sent_large(spool: Spool, message: bytes) -> MailUpload:
    upload = spool.begin_mail(largest=1 << 24)
    upload.write(message)
    return upload


def test_an_archive_copy_is_kept_and_never_imported(spool: Spool, desk: MailDesk, mail: Mail):
    taken = desk.take(sent(spool, mail()), envelope(archive=True))
    assert (taken.deliveries, taken.refusal, taken.copy_of) == ((), None, "not here yet")
    assert (taken.mail.note.archive, list(spool.sequences())) == (True, [])


def test_a_copy_finds_the_other_whichever_comes_first(spool: Spool, desk: MailDesk, mail: Mail):
    for number, order in ((1, (("acme",), ())), (2, ((), ("acme",)))):
        message = mail(headers=f"Message-ID: <{number}@shop.example>\n")
        taken = [desk.take(sent(spool, message), envelope(*each, archive=not each)) for each in order]
        assert taken[1].copy_of == str(number), order


def test_a_mail_to_a_customer_and_the_archive_is_one_delivery(spool: Spool, desk: MailDesk, mail: Mail):
    taken = desk.take(sent(spool, mail()), envelope("acme", archive=True))
    assert ([each.sequence for each in taken.deliveries], taken.copy_of, taken.mail.note.archive) == (
        [1],
        "1",
        True,
    )


def test_a_message_that_cannot_be_kept_leaves_nothing(
    spool: Spool, desk: MailDesk, mail: Mail, monkeypatch: pytest.MonkeyPatch
):
    def full(self: MailUpload, note: object) -> None:
        raise NoSpace

    monkeypatch.setattr(MailUpload, "keep", full)
    with pytest.raises(NoSpace):
        desk.take(sent(spool, mail()), envelope("acme"))
    assert (list(spool.sequences()), left(spool)) == ([], [])


@pytest.mark.parametrize("failing_at", [1, 2])
def test_a_disk_that_fails_at_acceptance_leaves_no_half_upload(
    failing_at: int, spool: Spool, desk: MailDesk, mail: Mail, monkeypatch: pytest.MonkeyPatch
):
    accept, calls = spool.accept, []

    def failing(upload, **keywords):
        calls.append(upload)
        if len(calls) == failing_at:
            raise SpoolFailing
        return accept(upload, **keywords)

    monkeypatch.setattr(spool, "accept", failing)
    taken = desk.take(sent(spool, mail()), envelope("acme", "bolt"))
    done = tuple(range(1, failing_at))
    assert isinstance(taken.refusal, SpoolFailing)
    assert tuple(each.sequence for each in taken.deliveries) == taken.mail.note.deliveries == done
    assert (tuple(spool.sequences()), left(spool)) == (done, [])


def test_a_note_that_cannot_be_settled_asks_for_the_mail_again(
    spool: Spool, desk: MailDesk, mail: Mail, monkeypatch: pytest.MonkeyPatch
):
    def failing(path: Path, text: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("dorimportd.spool.mail.replace", failing)
    taken = desk.take(sent(spool, mail()), envelope("acme"))
    assert isinstance(taken.refusal, NotAccepted)
    assert [each.sequence for each in taken.deliveries] == [1]


def test_a_mail_syncs_what_it_has_written_once_and_nothing_else(
    spool: Spool, desk: MailDesk, mail: Mail, monkeypatch: pytest.MonkeyPatch
):
    desk.take(sent(spool, mail()), envelope("acme"))
    assert synced(spool, monkeypatch, lambda: desk.take(sent(spool, mail()), envelope("acme"))) == [
        "incoming/T.eml",
        "mail/ab",  # the name of D
        "mail/ab/D/T.json",
        "mail/ab/D",
        "incoming/acme/T/data",
        "incoming/acme/T/envelope",
        "incoming/acme/T",
        "accepted/000000",
        "mail/ab/D/.T.json.new",  # the note says now which delivery it is
        "mail/ab/D",
    ]


def test_the_files_for_several_customers_are_all_synced_before_the_first_is_accepted(
    spool: Spool, desk: MailDesk, mail: Mail, monkeypatch: pytest.MonkeyPatch
):
    order = synced(spool, monkeypatch, lambda: desk.take(sent(spool, mail()), envelope("acme", "bolt")))
    before = order[: order.index("accepted")]
    assert {"incoming/acme/T/data", "incoming/bolt/T/data"} <= set(before)


def test_a_folder_of_mails_that_somebody_removed_is_made_again(spool: Spool, desk: MailDesk, mail: Mail):
    path = desk.take(sent(spool, mail()), envelope("acme")).mail.path
    shutil.rmtree(path.parents[1])
    assert desk.take(sent(spool, mail()), envelope("acme")).refusal is None
