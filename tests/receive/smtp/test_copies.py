"""However often a message was sent before, the next copy of it costs the same, and finds the same."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dorimportd.config.read import read_settings
from dorimportd.receive.smtp.envelope import MailEnvelope
from dorimportd.receive.smtp.recovery import Recovery
from dorimportd.receive.smtp.taking import MailDesk, Taken
from dorimportd.spool.mail import mail_folder
from dorimportd.spool.mail_claims import Claims, read_claims, write_claims
from dorimportd.spool.outcomes import Past, Reading
from dorimportd.spool.retention import remove_delivery
from dorimportd.spool.spool import Spool
from dorimportd.words import State

ID = "<1@shop.example>"
FILE = "Content-Type: text/csv; name=sales.csv\n\nid,total\n{},2.50"
TO_ACME = "Message-ID: <1@shop.example>\nTo: acme@in.till.example\n"
IMPORTED = Past(
    State.IMPORTED, None, (Reading("plain@1", "Europe/Berlin", "EUR", "2026-07-14", released=False),)
)
OTHER_FILES = ("archive", "unclaimed")

Mail = Callable[..., bytes]


class Opens:
    """Counts the files and folders that this process opens."""

    def __init__(self) -> None:
        self.counting = False
        self.number = 0
        sys.addaudithook(self._heard)  # for good: there is no way to take one off

    def _heard(self, event: str, arguments: object) -> None:
        self.number += self.counting and event in ("open", "os.scandir", "os.listdir")

    @contextmanager
    def counted(self) -> Iterator[list[int]]:
        self.number, self.counting = 0, True
        found: list[int] = []
        try:
            yield found
        finally:
            self.counting = False
            found.append(self.number)


OPENS = Opens()


class Shop:
    """Sends one message again and again."""

    def __init__(self, spool: Spool, config: Any, mail: Mail) -> None:
        self.spool = spool
        self.mail = mail
        self.settings = read_settings(config)
        self.desk = MailDesk(spool, peer="192.0.2.7", mail_domain="in.till.example")
        self.sent = 0

    def send(self, *customers: str, archive: bool = False, same: bool = False) -> Taken:
        self.sent += not same
        upload = self.spool.begin_mail(largest=1 << 20)
        upload.write(self.mail(FILE.format(self.sent), headers=TO_ACME))
        paths = tuple(f"{each}@in.till.example" for each in customers)
        return self.desk.take(
            upload, MailEnvelope("till@shop.example", False, paths, customers, archive, archive)
        )

    def recover(self) -> None:
        recovery = Recovery(self.spool, lambda: self.settings)
        for digest in recovery.due(time.time() + 901):
            recovery.settle(recovery.recover(digest))

    def opens(self, *customers: str, archive: bool = False) -> int:
        with OPENS.counted() as number:
            assert self.send(*customers, archive=archive).refusal is None
        return number[0]

    def forget(self) -> None:
        """Leave the folder as an older dorimportd has left it."""
        for name in OTHER_FILES:
            (mail_folder(self.spool.layout, ID) / name).unlink(missing_ok=True)

    def states(self) -> list[Past | None]:
        return [self.spool.outcomes.past(each) for each in self.spool.sequences()]


@pytest.fixture
def shop(spool: Spool, config: Any, mail: Mail) -> Shop:
    return Shop(spool, config, mail)


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("customers", [("acme",), ("acme", "core")])
def test_the_hundredth_copy_opens_as_many_files_as_the_thirtieth(
    shop: Shop, customers: tuple[str, ...], archive: bool
):
    opens = [shop.opens(*customers, archive=archive) for _ in range(100)]
    assert len(set(opens[29:])) == 1


def test_so_does_one_after_many_to_the_archive_alone(shop: Shop):
    opens = [shop.opens(archive=True) for _ in range(60)]
    assert len(set(opens[29:])) == 1
    shop.opens("acme")  # this one looks at them all, once
    assert len({shop.opens("acme") for _ in range(20)}) == 1


def test_so_does_one_when_other_files_were_recovered_of_it_that_nobody_claims(shop: Shop):
    shop.send(archive=True)
    shop.recover()
    opens = [shop.opens("acme", archive=True) for _ in range(60)]
    assert len(set(opens[29:])) == 1
    assert shop.states()[0] is not None  # held, since no copy had these bytes


def test_the_deliveries_of_a_message_are_removed_without_reading_all_notes_each_time(shop: Shop):
    for _ in range(60):
        delivery = shop.send("acme").deliveries[0]
        shop.spool.outcomes.put(delivery.sequence, IMPORTED)
    with OPENS.counted() as number:
        for sequence in list(shop.spool.sequences()):
            assert remove_delivery(shop.spool, shop.spool.delivery(sequence), time.time() + 1) is not None
    assert list(shop.spool.mails(ID)) == []
    assert list(mail_folder(shop.spool.layout, ID).iterdir()) == []
    assert number[0] < 60 * 40  # all notes each time are 60 * 60, and what belongs to them


def test_copies_that_an_older_dorimportd_kept_are_found(shop: Shop):
    shop.send(archive=True)
    shop.recover()
    shop.forget()
    taken = shop.send("acme", same=True)
    assert ([each.sequence for each in taken.confirmed], taken.deliveries, taken.copy_of) == ([1], (), "1")
    assert shop.states() == [Past(State.RECEIVED)]


def test_what_an_older_dorimportd_had_confirmed_is_not_confirmed_again(shop: Shop):
    shop.send(archive=True)
    shop.recover()
    shop.send("acme", same=True)
    shop.forget()
    assert [each.sequence for each in shop.send("acme", same=True).deliveries] == [2]


def test_what_was_confirmed_is_not_confirmed_again(shop: Shop):
    shop.send(archive=True)
    shop.recover()
    taken = [shop.send("acme", same=True) for _ in range(3)]
    assert [[each.sequence for each in one.confirmed] for one in taken] == [[1], [], []]
    assert [[each.sequence for each in one.deliveries] for one in taken] == [[], [2], [3]]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"deliveries": 1}'])
def test_a_file_that_a_power_cut_has_cut_is_made_again_from_the_notes(shop: Shop, content: str):
    shop.send(archive=True)
    shop.recover()
    folder = mail_folder(shop.spool.layout, ID)
    (folder / "unclaimed").write_text(content)
    assert [each.sequence for each in shop.send("acme", same=True).confirmed] == [1]
    assert read_claims(folder) == Claims()


def test_a_delivery_of_a_recovery_that_was_killed_is_found_once_and_noted(shop: Shop):
    shop.send(archive=True)
    shop.recover()
    folder = mail_folder(shop.spool.layout, ID)
    write_claims(folder, Claims(after=0))  # as it is before the delivery is made
    shop.send("acme")  # other bytes: it claims nothing
    assert read_claims(folder) == Claims((1,))


def test_a_delivery_whose_bytes_are_gone_is_not_claimed(shop: Shop):
    shop.send(archive=True)
    shop.recover()
    shop.send("core")  # so that the mails stay
    assert remove_delivery(shop.spool, shop.spool.delivery(1), time.time() + 1) is not None
    assert [each.sequence for each in shop.send("acme", same=True).deliveries] == [3]


def test_of_very_many_copies_the_log_names_some(shop: Shop):
    for _ in range(30):
        taken = shop.send("acme", archive=True)
    assert taken.copy_of is not None
    numbers, _, rest = taken.copy_of.partition(" (")
    assert (len(numbers.split(", ")) <= 21, "30" in numbers.split(", ")) == (True, True)
    assert rest == "the message came at least 20 times)"
