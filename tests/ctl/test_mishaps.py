"""What goes wrong is one plain line and exit status 1; no daemon runs here."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from appliance import BIN, SALES, Appliance

from dorimportd.ctl.desk import Desk
from dorimportd.ctl.main import main
from dorimportd.store import connect
from dorimportd.store.store import Store, open_store
from dorimportd.words import State

NOBODY = 65534


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The configuration that each test has a copy of."""
    return Appliance(tmp_path_factory.mktemp("model") / "house")


@dataclass(frozen=True, slots=True)
class House:
    """A configuration and an empty state folder."""

    folder: Path

    @property
    def config(self):
        return self.folder / "dorimportd.toml"


@pytest.fixture
def house(model):
    """In a folder that every user may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="ctl-") as folder:
        Path(folder).chmod(0o755)
        house = House(Path(folder) / "house")
        shutil.copytree(model.folder, house.folder)
        (house.folder / "state").mkdir()
        yield house


@pytest.fixture
def ctl(house, capsys):
    """Run a command in this process: its exit status, what it printed, its lines on standard error."""

    def run(*words):
        status = main(["--config", str(house.config), *map(str, words)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err.splitlines()

    return run


@pytest.fixture
def sales(house):
    """Write files to import."""

    def write(count, first=1):
        paths = [house.folder / f"sales-{number}.csv" for number in range(first, first + count)]
        for path in paths:
            path.write_bytes(SALES + f"0099;{path.stem};1.00;2026-07-14 11:00:00\n".encode())
        return paths

    return write


@pytest.fixture
def rights():
    """After the test we are who we were."""
    users, groups, others, umask = os.getresuid(), os.getresgid(), os.getgroups(), os.umask(0o022)
    yield
    if users[0] == 0:
        os.seteuid(0)
        os.setresgid(*groups)
        os.setgroups(others)
        os.setresuid(*users)
    os.umask(umask)


def store_of(house):
    return open_store(f"sqlite:///{house.folder / 'state' / 'dorimportd.db'}")


def sequences(printed):
    return [each["sequence"] for each in json.loads(printed)]


def register(house):
    """Enter what was accepted into the database, as the daemon would."""
    spool = Desk(house.config).spool
    store = store_of(house)
    store.register(spool.delivery(sequence) for sequence in spool.sequences())
    store.close()


@contextmanager
def daemon_that(house, answer):
    """Something listens where the daemon would, and serves one session by *answer*."""
    handle = os.open(house.folder / "state", os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"/proc/self/fd/{handle}/control.sock")  # the path itself may be too long
        os.close(handle)
        listening.listen()

        def serve():
            session, _ = listening.accept()
            with session:
                answer(session)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def answering(line):
    def answer(session):
        session.recv(1000)
        session.sendall(line)

    return answer


# The configuration.


def test_a_configuration_that_is_not_there_is_named_by_its_whole_path(capsys):
    for words in (["check"], ["status"], ["deliveries"], ["customer", "disable", "acme"]):
        assert main(["--config", "/nowhere/x.toml", *words]) == 1
        printed = capsys.readouterr()
        said = (printed.out + printed.err).splitlines()
        assert said[0] == "/nowhere/x.toml: cannot be read: No such file or directory"
        assert said[1:] == (["1 mistake."] if words == ["check"] else [])
    assert main(["--config", "/nowhere/x.toml", "check", "--json"]) == 1
    mistakes = ["/nowhere/x.toml: cannot be read: No such file or directory"]
    assert json.loads(capsys.readouterr().out) == {"mistakes": mistakes, "warnings": []}


def test_what_needs_no_configuration_does_not_ask_for_it(capsys):
    assert main(["--config", "/nowhere/x.toml", "help"]) == 0
    assert capsys.readouterr().err == ""


# The database.


def test_a_locked_database_is_one_line(house, ctl, sales, monkeypatch):
    ctl("import", *sales(1), "--customer", "acme")
    register(house)
    store = store_of(house)
    store.set_state(1, State.HELD, "it waits")
    store.close()
    monkeypatch.setattr(connect, "WAIT_SECONDS", 0.1)
    database = sqlite3.connect(house.folder / "state" / "dorimportd.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    status, printed, said = ctl("delivery", "retry", "1")
    read = ctl("delivery", "show", "1")
    database.close()
    assert (status, printed, len(said)) == (1, "", 1)
    assert said[0].startswith("The database cannot be used: ")
    assert said[0].endswith("database is locked")
    assert (read[0], read[2]) == (0, []), "who only reads does not wait for who writes"


def test_a_user_who_may_not_use_the_state_folder_is_told_so(house, ctl, sales, rights):
    ctl("import", *sales(1), "--customer", "acme")
    assert ctl("deliveries")[0] == 0
    state = house.folder / "state"
    state.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    for words in (["deliveries"], ["transactions", "--customer", "acme"]):
        status, printed, said = ctl(*words)
        assert (status, printed, len(said)) == (1, "", 1)
        assert said[0].startswith(f"You may not use {state}")
        assert said[0].endswith("Run this as root or as the daemon's user.")
    if os.getuid() == 0:
        os.seteuid(0)
    state.chmod(0o755)


# Deliveries.


def test_a_delivery_that_is_registered_meanwhile_is_shown_once(house, ctl, sales, monkeypatch):
    ctl("import", *sales(3), "--customer", "acme")
    spool, other = Desk(house.config).spool, store_of(house)
    waiting = [spool.delivery(sequence) for sequence in (1, 2, 3)]

    def slow(query):
        def run(*words, **more):
            found = query(*words, **more)
            other.register([waiting.pop(0)])
            return found

        return run

    monkeypatch.setattr(Store, "last_registered", slow(Store.last_registered))
    monkeypatch.setattr(Store, "deliveries", slow(Store.deliveries))
    status, printed, said = ctl("deliveries", "--json")
    assert (status, sequences(printed), said) == (0, [1, 2, 3], [])
    other.close()


def test_deliveries_of_a_customer_that_was_removed_are_found(house, ctl, sales):
    ctl("import", *sales(1), "--customer", "acme")
    (house.folder / "customers.d" / "acme.toml").unlink()
    for step in (lambda: None, lambda: register(house)):
        step()
        status, printed, _ = ctl("deliveries", "--customer", "acme", "--json")
        assert (status, sequences(printed)) == (0, [1])
        assert ctl("deliveries", "--customer", "acme", "--since", "2099-01-01", "--json")[1] == "[]\n"
    refused = (1, "", ["There is no customer 'acm\\udcff'. Customers: none."])
    assert ctl("deliveries", "--customer", "acm\udcff") == refused


def test_an_envelope_that_cannot_be_read_does_not_hide_the_others(house, ctl, sales):
    ctl("import", *sales(3), "--customer", "acme")
    (house.folder / "state/spool/accepted/000000/000000000002/envelope").write_text("{")
    status, printed, said = ctl("deliveries", "--json")
    assert (status, sequences(printed), len(said)) == (1, [1, 3], 1)
    assert said[0].startswith("Delivery 2 cannot be read: ")
    status, printed, said_of_one = ctl("delivery", "show", "2")
    assert (status, printed, said_of_one) == (1, "", said)


def test_without_a_daemon_a_retry_and_a_release_wait_for_its_next_start(house, ctl, sales):
    ctl("import", *sales(2), "--customer", "acme")
    assert ctl("delivery", "release", "1") == (
        1,
        "",
        ["Delivery 1 is received; only one that is held can be released."],
    )
    register(house)
    store = store_of(house)
    for sequence in (1, 2):
        store.set_state(sequence, State.HELD, "it waits")
    said = "Delivery 1 is imported as it is at the next start; no daemon is running.\n"
    assert ctl("delivery", "release", "1") == (0, said, [])
    said = "Delivery 2 is imported again at the next start; no daemon is running.\n"
    assert ctl("delivery", "retry", "2") == (0, said, [])
    assert [store.delivery(sequence).released for sequence in (1, 2)] == [True, False]
    store.close()


@pytest.mark.parametrize(("since", "expected"), [("0001-01-01", [1]), ("9999-12-31T23:59:59", [])])
def test_since_takes_the_ends_of_the_calendar(ctl, sales, since, expected):
    ctl("import", *sales(1), "--customer", "acme")
    status, printed, _ = ctl("deliveries", "--since", since, "--json")
    assert (status, sequences(printed)) == (0, expected)


# Files from disk.


def test_more_files_are_imported_than_may_be_open_at_once(ctl, sales):
    ctl("import", *sales(1), "--customer", "acme")  # all modules are there now
    paths = sales(40, first=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 15, hard))
    try:
        status, printed, said = ctl("import", *paths, "--customer", "acme", "--json")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (status, [each["name"] for each in json.loads(printed)], said) == (
        0,
        [path.name for path in paths],
        [],
    )


def test_a_file_that_cannot_be_read_does_not_refuse_the_others(house, ctl, sales):
    first, last = sales(2)
    folder, gone = house.folder / "keys", house.folder / "gone.csv"
    words = [first, gone, "/proc/self/mem", folder, last]
    status, printed, said = ctl("import", *words, "--customer", "acme")
    size = len(SALES) + len("0099;sales-1;1.00;2026-07-14 11:00:00\n")
    assert printed.splitlines() == [
        f"delivery 1 accepted: sales-1.csv, {size} bytes",
        f"delivery 2 accepted: sales-2.csv, {size} bytes",
        "No daemon is running; it imports them at the next start.",
    ]
    assert (status, said) == (
        1,
        [
            f"{gone}: No such file or directory",
            "/proc/self/mem: Input/output error",
            f"{folder}: Is a directory",
        ],
    )
    assert list((house.folder / "state/spool/incoming/acme").iterdir()) == []


def test_root_imports_what_only_root_may_read_and_the_daemons_user_owns_it(house, ctl, sales, rights):
    """Whoever is not root imports as himself."""
    owner = NOBODY if os.geteuid() == 0 else os.geteuid()
    state = house.folder / "state"
    os.chown(state, owner, -1 if owner != NOBODY else NOBODY)
    paths = sales(3)
    for path in paths:
        path.chmod(0o600)
    status, printed, said = ctl("import", *paths, "--customer", "acme")
    assert (status, len(printed.splitlines()), said) == (0, 4, [])
    assert os.geteuid() == owner
    made = [state / "spool", *(state / "spool").rglob("*")]
    assert {each.lstat().st_uid for each in made} == {owner}
    assert len([each for each in made if each.name == "envelope"]) == 3


def test_the_rights_of_the_caller_come_back_whole_and_only_for_a_while(house, rights):
    def who():
        return os.geteuid(), os.getegid(), sorted(os.getgroups())

    state = house.folder / "state"
    if os.geteuid() == 0:
        os.setgroups([0, 7])
        os.chown(state, NOBODY, NOBODY)
    caller, desk = who(), Desk(house.config)
    with desk.as_caller():
        assert who() == caller
    desk.become_owner()
    owner = (NOBODY, NOBODY, [NOBODY]) if caller[0] == 0 else caller
    assert who() == owner
    with pytest.raises(KeyError), desk.as_caller():
        assert who() == caller
        raise KeyError
    assert who() == owner


# The daemon, and those who read what we print.


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "The daemon ended the connection without an answer; its log may say why."),
        (b'{"running": tr', "The daemon ended the connection without an answer; its log may say why."),
        (b"what?\n", "The answer of the daemon cannot be understood; restart it."),
        (b"[]\n", "The answer of the daemon cannot be understood; restart it."),
        (b'{"done": false, "mistakes": ["a defect"]}\n', "a defect"),
        (b'{"done": false}\n', "The daemon could not answer 'status'; its log may say why."),
    ],
)
def test_an_answer_that_is_no_status_is_one_line(house, ctl, line, said):
    with daemon_that(house, answering(line)):
        assert ctl("status") == (1, "", [said])


def test_a_status_that_lacks_something_says_what(house, ctl):
    answer = b'{"version": "1", "pid": 1, "started_at": "", "listeners": [], "host_keys": []}\n'
    missing = "database, deliveries, event_loop, last_deliveries, mail_domain, queue, sessions, spool"
    with daemon_that(house, answering(answer)):
        assert ctl("status") == (1, "", [f"The daemon says nothing of {missing}: restart it."])


def test_a_daemon_that_hangs_up_is_not_taken_for_a_reader_who_has_seen_enough(house, ctl):
    with daemon_that(house, lambda session: None):
        status, printed, said = ctl("status")
    assert (status, printed, len(said)) == (1, "", 1)
    assert said[0].startswith("The daemon ")


def test_an_edit_that_the_daemon_does_not_take_says_that_it_is_written(house, ctl):
    with daemon_that(house, answering(b'{"done": false, "mistakes": ["x.toml:1:1: is wrong"]}\n')):
        status, printed, said = ctl("customer", "disable", "acme")
    first = "It is written, but the running daemon did not take it:"
    assert (status, printed, said) == (1, "", [first, "x.toml:1:1: is wrong"])
    assert "enabled = false" in (house.folder / "customers.d" / "acme.toml").read_text()


def to(out):
    """What `help` ends with when its standard output is *out*."""
    done = subprocess.run([BIN / "dorimportctl", "help"], stdout=out, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stderr


def test_a_reader_who_has_seen_enough_is_no_fault():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        assert to(gone) == (0, b"")


def test_an_output_that_takes_nothing_is_a_plain_line(tmp_path):
    # A descriptor that is open for reading only.
    (tmp_path / "out").touch()
    with (tmp_path / "out").open("rb") as closed:
        assert to(closed) == (1, b"dorimportctl: Bad file descriptor\n")
