"""kill -9 at every instant between the first byte and the finished import.

What was acknowledged is imported or held, once; what was not is absent or can be gone on with, and is sent
again.  Then counts add up, and the table is what the files tell, the highest sequence last.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from appliance import PASSWORD
from faults import long_run
from faults.ledger import Books, Sent
from faults.mortal import Mortal, check
from faults.sales import Sale, SalesFile, content_of, mixed, sale
from servers import SQLITE

from dorimportd.instants import INSTANTS
from dorimportd.store.migrations import VERSIONS, migrate
from dorimportd.store.sqlite import open_sqlite

pytestmark = pytest.mark.timeout(1200)  # some have twenty lives

# At each of these it is killed; True: what was sent is a delivery by then.
UPLOAD = {
    "upload.folder_made": False,
    "upload.claimed": False,
    "upload.note_written": False,
    "upload.written": False,
    "upload.synced": False,
    "accept.envelope_written": False,
    "accept.folder_synced": False,
    "accept.numbered": False,
    "accept.parent_made": False,
    "accept.renamed": True,
    "accept.parent_synced": True,
    "roots.linked": True,
    "roots.put": True,
}
DOORS = {
    "ftp": UPLOAD | {"ftp.accepted": True, "ftp.answered@226": True},
    "sftp": UPLOAD | {"sftp.accepted": True, "sftp.answered@4": True},
    "smtp": {
        "mail.begun": False,
        "mail.written": False,
        "mail.synced": False,
        "mail.folder_made": False,
        "mail.note_written": False,
        "mail.renamed": False,
        "mail.folder_synced": False,
        **UPLOAD,
        "mail.settled": True,
        "smtp.accepted": True,
        "smtp.answered": True,
    },
}
TEMPORARY = {
    "ftp": {
        "upload.marked": False,
        "upload.mark_synced": False,
        "ftp.answered@226": False,
        "accept.renamed": True,
        "ftp.answered@250": True,
    },
    "sftp": {
        "upload.marked": False,
        "upload.mark_synced": False,
        "sftp.accepted": False,
        "sftp.answered@4": False,
        "accept.renamed": True,
    },
}
IMPORT = {  # and what is told then
    "import.registering": "mixed",
    "import.registered": "mixed",
    "import.begun": "mixed",
    "import.reading": "mixed",
    "import.read": "mixed",
    "import.judged": "mixed",
    "import.outcome_written": "mixed",
    "import.outcome_kept": "mixed",
    "import.format_kept": "mixed",
    "import.some_put": "fresh",  # meets nothing in the table
    "import.staged": "mixed",
    "import.rows_put": "mixed",
    "import.rejects_put": "mixed",
    "import.recorded": "mixed",
    "import.last_committed": "mixed",
    "import.held": "held",
    "import.done": "mixed",
}
ON_POSTGRESQL = (
    "accept.renamed",
    "import.registering",
    "import.staged",
    "import.rows_put",
    "import.recorded",
    "import.last_committed",
    "import.held",
    "import.done",
)
LARGE = (
    "import.read",
    "import.rows_put",
    "import.window_committed",
    "import.recorded",
    "import.window_committed",
    "import.last_committed",
)


def file_for(kind: str, name: str, cents: int, channel: str) -> SalesFile:
    if kind == "mixed":
        return mixed(name, cents, channel)
    content = content_of([sale(f"{name}-fresh", cents)], held=kind == "held")
    return SalesFile("acme", channel, f"{name}.csv", content)


def attempt(mortal: Mortal, books: Books, file: SalesFile, **how: bool) -> Sent:
    """Send *file* once."""
    sent = books.entry(file)
    sent.attempts += 1
    reply = mortal.send(file, **how)
    sent.acknowledged += reply.acknowledged
    sent.sequences += reply.sequences
    return sent


def send_at(mortal: Mortal, books: Books, instant: str, file: SalesFile, **how: bool) -> Sent:
    """Send *file* to a daemon that is killed at *instant*."""
    only = f"@{file.name}" if instant.startswith("roots.") else ""  # a start shows the others again
    mortal.revive(f"{instant}{only}:kill")
    sent = attempt(mortal, books, file, **how)
    mortal.await_death()
    return sent


def send_again(mortal: Mortal, books: Books) -> None:
    """What was not acknowledged."""
    for sent in list(books.sent.values()):
        if not sent.acknowledged:
            assert attempt(mortal, books, sent.file).acknowledged


def kill_at_each(mortal: Mortal, instants: dict[str, bool], channel: str, **how: bool) -> None:
    """A new file for each instant; each life but the last begins where the one before was killed."""
    books, deliveries = Books(), 0
    for number, (instant, is_delivery) in enumerate(instants.items()):
        sent = send_at(mortal, books, instant, mixed(f"file-{number}", 1000 + number, channel), **how)
        deliveries += is_delivery
        assert (instant, len(mortal.accepted())) == (instant, deliveries)
        assert is_delivery or not sent.acknowledged, instant
    mortal.revive()
    again = [sent for sent in books.sent.values() if not sent.acknowledged]
    send_again(mortal, books)
    assert len(mortal.accepted()) == deliveries + len(again)
    check(mortal, books)


@pytest.mark.parametrize("channel", DOORS)
def test_killed_at_each_step_of_an_upload(mortal, channel):
    kill_at_each(mortal, DOORS[channel], channel)


@pytest.mark.parametrize("channel", TEMPORARY)
def test_killed_at_each_step_of_an_upload_under_a_temporary_name(mortal, channel):
    kill_at_each(mortal, TEMPORARY[channel], channel, temporary=True)


def kill_in_imports(mortal: Mortal, instants: tuple[str, ...]) -> None:
    """Each import is ended by the next life, before that one is sent a file."""
    books = Books()
    mortal.revive()
    assert attempt(mortal, books, mixed("first", 500)).acknowledged
    for number, instant in enumerate(instants):
        mortal.await_all()
        mortal.kill()
        if instant == "import.format_kept":  # as with the first file that it reads
            for each in mortal.state.glob("spool/formats/*"):
                each.unlink()
        channel = ("ftp", "sftp", "smtp")[number % 3]
        file = file_for(IMPORT.get(instant, "mixed"), f"file-{number}", 1000 + number, channel)
        before = len(mortal.accepted())
        send_at(mortal, books, instant, file)
        assert (instant, len(mortal.accepted())) == (instant, before + 1)
        mortal.revive()
        send_again(mortal, books)
    check(mortal, books)


@pytest.mark.parametrize("part", range(3))
def test_killed_at_each_step_of_an_import(mortal, part):
    kill_in_imports(mortal, tuple(IMPORT)[part::3])


def test_killed_in_imports_into_postgresql(on_postgresql):
    kill_in_imports(on_postgresql, ON_POSTGRESQL)


def test_a_large_file_killed_in_each_of_its_windows(either):
    """Three windows; each life goes on after the last one that was committed."""
    books = Books()
    sales = [sale(f"L-{number % 240_000:06}", 100 + number % 90_000) for number in range(250_000)]
    sales[150_000] = Sale("0007", "spoilt", "12,50", "2026-07-14 09:02:11")
    send_at(either, books, LARGE[0], SalesFile("acme", "ftp", "large.csv", content_of(sales)))
    for instant in LARGE[1:]:
        either.spawn(f"{instant}:kill")
        either.await_death()
    either.revive()
    send_again(either, books)
    check(either, books)
    with either.store() as store:
        first = store.deliveries()[0].outcome.counts
    assert (first.rows, first.imported, first.duplicates, first.rejected) == (250_000, 239_999, 10_000, 1)


def test_a_large_file_that_is_read_otherwise_than_before_the_kill(mortal):
    """How it was read is known no more: its outcome and that format are gone, and the format has changed."""
    books = Books(begun_again=True)
    sales = [sale(f"L-{number:06}", 100 + number % 90_000) for number in range(120_000)]
    file = SalesFile("acme", "ftp", "large.csv", content_of(sales))
    send_at(mortal, books, "import.window_committed", file)
    (outcome,) = mortal.state.glob("spool/accepted/*/*/outcome")
    outcome.unlink()
    (read_by,) = mortal.state.glob("spool/formats/*.toml")
    read_by.unlink()
    format = mortal.folder / "formats.d" / "plain.toml"
    format.write_text(format.read_text() + "max_reject_percent = 6\n")
    mortal.spawn("import.begun_again:kill")
    mortal.await_death()
    mortal.revive()
    send_again(mortal, books)
    check(mortal, books)


@pytest.mark.parametrize("channel", ["ftp", "sftp"])
def test_an_upload_that_was_killed_is_gone_on_with(mortal, channel):
    books = Books()
    sales = [sale(f"R-{number:06}", 100 + number % 90_000) for number in range(60_000)]
    file = SalesFile("acme", channel, "resumed.csv", content_of(sales))
    send_at(mortal, books, "upload.written", file)
    (data,) = mortal.state.glob("spool/incoming/acme/*/data")
    begun = data.stat().st_size
    assert 0 < begun < len(file.content)
    sent = send_at(mortal, books, "upload.resumed", file, resume=True)
    assert (sent.acknowledged, data.stat().st_size) == (0, begun)
    mortal.revive()
    assert attempt(mortal, books, file, resume=True).acknowledged
    assert len(mortal.accepted()) == 1
    check(mortal, books)


def test_bytes_that_came_ahead_of_their_turn_are_not_gone_on_with(mortal):
    """What lies behind a gap was not acknowledged, and is not taken for the beginning of the file."""
    paramiko = pytest.importorskip("paramiko")
    books, file = Books(), mixed("ahead", 1000, "sftp")
    books.entry(file).attempts += 1
    mortal.revive("upload.written:kill:2")
    with paramiko.Transport(("127.0.0.1", mortal.ports["sftp"])) as transport:
        transport.connect(username="acme", password=PASSWORD)
        client = paramiko.SFTPClient.from_transport(transport)
        opened = client.open(file.name, "wb")
        opened.write(file.content[:50])
        opened.seek(90)
        with pytest.raises((OSError, EOFError, paramiko.SSHException)):
            opened.write(file.content[90:120])
    mortal.await_death()
    (folder,) = mortal.state.glob("spool/incoming/acme/*")
    assert (folder / "gap").read_text() == "50"
    mortal.revive()
    assert attempt(mortal, books, file, resume=True).acknowledged
    check(mortal, books)


@pytest.mark.parametrize(("instant", "there"), [("accept.numbered:kill:2", 1), ("accept.renamed:kill:2", 2)])
def test_a_mail_to_two_customers_killed_between_them_is_sent_again(made, instant, there):
    """The first one has it twice then: that is what an answer that was lost costs, and changes nothing."""
    mortal = made(SQLITE, "bravo")
    books, file = Books(), mixed("both", 1000, "smtp")
    files = [file, replace(file, customer="bravo")]
    mortal.revive(instant)
    assert not mortal.send(file, "acme", "bravo").acknowledged
    mortal.await_death()
    assert len(mortal.accepted()) == there
    mortal.revive()
    reply = mortal.send(file, "acme", "bravo")
    assert reply.sequences == (3, 4)  # a number that was taken is not given again
    for each, sequence in zip(files, reply.sequences, strict=True):
        books.sent[each.customer, each.name] = Sent(each, 2, 1, [sequence])
    check(mortal, books)


def test_killed_while_the_first_tables_are_made(either):
    for instant in ("schema.version_made", "schema.version_made", "schema.committed"):
        either.spawn(f"{instant}:kill")
        either.await_death()
    books = Books()
    either.revive()
    assert attempt(either, books, mixed("first", 1000)).acknowledged
    check(either, books)


def test_killed_while_older_tables_are_brought_to_the_newest(mortal):
    books = Books()
    mortal.revive()
    assert attempt(mortal, books, mixed("first", 1000)).acknowledged
    mortal.await_all()
    mortal.kill()
    for each in (*mortal.state.glob("dorimportd.db*"), mortal.log):  # it is imported, and told, once more
        each.unlink()
    older = open_sqlite(mortal.database)
    migrate(older, VERSIONS[:1])
    older.close_all()
    for instant in ("schema.copied", "schema.version_made", "schema.committed"):
        mortal.spawn(f"{instant}:kill")
        mortal.await_death()
    mortal.revive()
    check(mortal, books)


def test_killed_at_random_instants_under_load(made, url):
    figures = long_run.run(made(url, "bravo", "carol"), kills=4, seed=5, say=lambda line: None)
    assert (figures.kills, figures.mistakes) == (4, [])


def test_every_instant_is_one_of_these():
    told = {
        name.partition("@")[0]
        for table in (*DOORS.values(), *TEMPORARY.values(), IMPORT, LARGE)
        for name in table
    }
    others = {"import.begun_again", "upload.resumed", "upload.gap_noted"}
    others |= {"import.together_committed"}  # test_together.py
    others |= {"schema.copied", "schema.version_made", "schema.committed"}
    assert told | others == set(INSTANTS)
