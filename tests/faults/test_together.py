"""Tiny files of one customer that wait are imported several at once; each is as if it had come alone."""

from __future__ import annotations

import re

import pytest
from faults.ledger import Books
from faults.mortal import Mortal, check
from faults.sales import SalesFile, content_of, mixed, sale

pytestmark = pytest.mark.timeout(1200)

FILES = ("first", "second", "held", "fourth", "fifth")
INSTANTS = (
    "import.reading@fourth",
    "import.begun@held",
    "import.judged@second",
    "import.outcome_kept",
    "import.rows_put@fourth",
    "import.recorded@fifth",
    "import.together_committed",
    "import.done@fourth",
)


def local(name: str, number: int, *, held: bool = False) -> SalesFile:
    """A file that is imported by the command line: four tell the same transaction, and one is held."""
    content = content_of([sale(f"{name}-{number}", 100)], held=True)
    if not held:
        content = mixed(f"{name}-{number}", 1000 + number).content
    return SalesFile("acme", "local", f"{name}-{number}.csv", content)


def take(mortal: Mortal, books: Books, files: list[SalesFile]) -> None:
    """*files* are accepted, in this order, while no daemon runs."""
    paths = [mortal.files / file.name for file in files]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file.content)
        sent = books.entry(file)
        sent.attempts += 1
        sent.acknowledged += 1
    mortal.run_ctl("import", *paths, "--customer", "acme")


def five(number: int) -> list[SalesFile]:
    return [local(name, number, held=name == "held") for name in FILES]


def told(mortal: Mortal) -> list[str]:
    """The files of which an outcome was told, in that order."""
    return re.findall(r"delivery \d+ (?:imported|held): '([^']+)\.csv'", mortal.log_text())


@pytest.mark.parametrize("instants", [INSTANTS[::2], INSTANTS[1::2]], ids=["some", "others"])
def test_killed_in_the_midst_of_several(either, instants):
    books = Books()
    for number, instant in enumerate(instants):
        take(either, books, five(number))
        name, at, file = instant.partition("@")
        either.spawn(f"{name}{at}{file and f'{file}-{number}.csv'}:kill")
        either.await_death()
        either.revive()
        either.await_all()
        either.stop()
    either.revive()
    check(either, books)


def killed_at(mortal: Mortal, instant: str) -> Books:
    """What was sent: five that wait, and at *instant* of their import it was killed."""
    books = Books()
    take(mortal, books, five(0))
    mortal.spawn(f"{instant}:kill")
    mortal.await_death()
    return books


def test_nothing_of_several_is_kept_before_all_are(either):
    books = killed_at(either, "import.recorded@fifth-0.csv")
    with either.store() as store:
        assert {each.outcome.state.value for each in store.deliveries()} == {"received"}
        assert list(store.transactions("acme")) == []
    either.spawn("import.together_committed:kill")  # not reached: after a death each is imported alone
    either.await_line("delivery 5 imported", 0, 100)
    assert told(either) == [f"{name}-0" for name in FILES]
    check(either, books)


def test_what_is_done_with_several_is_there_before_any_of_it_is_told(either):
    books = killed_at(either, "import.together_committed")
    with either.store() as store:
        states = [each.outcome.state.value for each in reversed(store.deliveries())]
    assert states == ["imported", "imported", "held", "imported", "imported"]
    assert told(either) == []
    either.revive()
    check(either, books)
    assert told(either) == []


def test_one_of_several_that_fails_keeps_no_other_from_the_table(either):
    books = Books()
    take(either, books, five(0))
    once = "import.reading@second-0.csv:EIO:1"
    either.spawn(f"{once},{once}")  # together with the others, and alone
    either.await_line("delivery 5 imported", 0, 100)
    assert told(either)[:4] == ["first-0", "held-0", "fourth-0", "fifth-0"]
    either.await_line("delivery 2 imported", 0, 100)
    check(either, books)
    either.stop()
    assert re.findall(r"defect in .*", either.log_text()) == [
        "defect in the import of delivery 2: OSError(5, 'Input/output error')"
    ]
    either.log.unlink()  # any other test has none
