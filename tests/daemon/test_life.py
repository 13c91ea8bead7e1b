from __future__ import annotations

import ftplib
import io
import signal
import socket
import subprocess
import time

import pytest
from appliance import BIN, PASSWORD, SALES, SOLD


def ftp_session(appliance, login="acme", password=PASSWORD):
    session = ftplib.FTP()
    session.connect("127.0.0.1", appliance.port("ftp"), timeout=30)
    session.login(login, password)
    return session


def send(appliance, name="sales.csv", content=SALES):
    with ftp_session(appliance) as session:
        return session.storbinary(f"STOR {name}", io.BytesIO(content))


def refused_start(appliance):
    """Exit status and what it said."""
    command = [BIN / "dorimportd", "run", "--config", appliance.config]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


def change(appliance, file, old, new):
    path = appliance.folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_stop_is_clean_and_a_start_goes_on(running):
    send(running)
    running.settle(1)
    assert running.stop() == 0
    running.start()
    send(running, "more.csv", SALES.replace(b"A-1", b"A-9"))
    assert [each["sequence"] for each in running.settle(2)] == [1, 2]
    assert [each[1] for each in running.transactions()] == ["A-1", "A-9", "A-2", "B-1"]


def test_signals_that_come_again_while_it_stops_are_no_defect(running):
    daemon, running.daemon = running.daemon, None
    while daemon.poll() is None:
        daemon.send_signal(signal.SIGTERM)
        time.sleep(0.002)
    # When all is closed and Twisted has taken its handlers away, one more ends what is left of the process.
    assert daemon.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in running.log_text()
    assert "no longer listens" in running.log_text()


def test_what_was_acknowledged_before_a_kill_is_imported_at_the_next_start(running):
    for number in range(5):
        send(running, f"{number}.csv", SALES.replace(b"-", b"-%d" % number, 2))
    running.kill()
    running.start()
    assert {each["state"] for each in running.settle(5)} == {"imported"}


def test_a_change_made_by_dorimportctl_takes_effect_by_itself(running):
    with pytest.raises(ftplib.error_perm, match=r"^530"):
        ftp_session(running, "other")
    words = ["customer", "add", "other", "--timezone", "UTC", "--currency", "USD", "--password-file", "-"]
    assert "The running daemon works by it now." in running.run_ctl(*words, stdin=f"{PASSWORD}\n")
    with ftp_session(running, "other"):
        running.run_ctl("customer", "disable", "other")
        with pytest.raises(ftplib.error_perm, match=r"^530"):
            ftp_session(running, "other")


def test_a_reload_with_a_mistake_keeps_the_running_configuration(running):
    session = ftp_session(running)
    change(running, "customers.d/acme.toml", 'currency = "EUR"', 'currency = "euro"')
    running.daemon.send_signal(signal.SIGHUP)
    running.await_line(r"not reloaded, the running one stays: customers\.d/acme\.toml:\d+:\d+: currency: ")
    session.storbinary("STOR sales.csv", io.BytesIO(SALES))
    running.await_line(r"delivery 1 imported: .* 3 imported")


def test_a_reload_opens_and_closes_listeners_and_drops_no_session(running):
    session, old = ftp_session(running), running.port("ftp")
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        new = reserved.getsockname()[1]
    change(running, "dorimportd.toml", '[ftp]\nlisten = ["tcp:0', f'[ftp]\nlisten = ["tcp:{new}')
    running.daemon.send_signal(signal.SIGHUP)
    running.await_line("configuration reloaded")
    assert running.port("ftp") == new
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", old), timeout=5)
    session.storbinary("STOR sales.csv", io.BytesIO(SALES))
    assert [each["state"] for each in running.settle(1)] == ["imported"]
    assert running.transactions() == SOLD


def test_a_reload_onto_a_port_in_use_changes_nothing(running):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        change(running, "dorimportd.toml", '[ftp]\nlisten = ["tcp:0', f'[ftp]\nlisten = ["tcp:{taken}')
        running.daemon.send_signal(signal.SIGHUP)
        running.await_line(rf"not reloaded.*ftp cannot listen on tcp:{taken}.*Address already in use")
    send(running)
    running.settle(1)


def test_a_start_with_mistakes_tells_them_all_and_exits_with_78(appliance):
    change(appliance, "dorimportd.toml", "free_space", "fre_space")
    change(appliance, "customers.d/acme.toml", 'currency = "EUR"', 'currency = "euro"')
    status, said = refused_start(appliance)
    assert status == 78
    assert "dorimportd.toml:19:1: limits.fre_space: is not known here" in said
    assert "(did you mean 'free_space'?)" in said
    assert "customers.d/acme.toml:2:1: currency: " in said
    assert said.rstrip().endswith("dorimportd does not start: 2 mistakes")
    assert "Traceback" not in said


def test_a_second_daemon_on_one_state_folder_is_refused(running):
    status, said = refused_start(running)
    assert (status, "another dorimportd works on" in said, "Traceback" in said) == (1, True, False)


def test_a_port_in_use_is_said(appliance):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        change(appliance, "dorimportd.toml", '[smtp]\nlisten = ["tcp:0', f'[smtp]\nlisten = ["tcp:{taken}')
        status, said = refused_start(appliance)
    assert status == 1
    assert f"smtp cannot listen on tcp:{taken}:interface=127.0.0.1: Address already in use" in said
    assert "Traceback" not in said


def test_a_database_that_cannot_be_opened_is_said(appliance):
    (appliance.folder / "state").mkdir(exist_ok=True)
    (appliance.folder / "state" / "dorimportd.db").write_text("this is not a database " * 100)
    status, said = refused_start(appliance)
    assert status == 78
    assert "dorimportd.db" in said
    assert "Traceback" not in said


def test_a_damaged_key_file_is_said(appliance):
    (appliance.folder / "keys" / "acme").write_text("ssh-ed25519 AAAA\n")
    status, said = refused_start(appliance)
    assert status == 78
    assert "keys/acme:1:1: " in said
    assert "Traceback" not in said


def test_a_damaged_host_key_is_said(running):
    running.stop()
    (running.folder / "state" / "keys" / "ssh_host_ed25519_key").write_text("x")
    status, said = refused_start(running)
    assert (status, "ssh_host_ed25519_key" in said, "Traceback" in said) == (78, True, False)


def test_files_are_accepted_while_the_database_is_away_and_imported_when_it_is_there(appliance):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        nobody = reserved.getsockname()[1]
    url = f"postgresql://someone:secret@127.0.0.1:{nobody}/nothing"
    change(appliance, "dorimportd.toml", "sqlite:///dorimportd.db", url)
    appliance.start()
    assert send(appliance).startswith("226")
    appliance.await_line("the database is away, imports wait")
    assert appliance.ctl("status")["database"]["state"] == "away"
    assert "The database cannot be used" in appliance.run_ctl("deliveries", status=1)
    appliance.stop()
    assert "secret" not in appliance.log_text()
    change(appliance, "dorimportd.toml", url, "sqlite:///dorimportd.db")
    appliance.start()
    appliance.settle(1)
    assert appliance.transactions() == SOLD


def test_an_empty_database_fills_itself_from_the_spool(running):
    send(running)
    running.settle(1)
    running.stop()
    for each in (running.folder / "state").glob("dorimportd.db*"):
        each.unlink()
    running.start()
    running.settle(1)
    assert running.transactions() == SOLD


def test_sighups_without_end_lose_nothing(running):
    with ftp_session(running) as session:
        for number in range(200):
            running.daemon.send_signal(signal.SIGHUP)
            if number % 20 == 0:
                content = SALES.replace(b"-", b"-%d" % number, 2)
                session.storbinary(f"STOR {number}.csv", io.BytesIO(content))
    assert {each["state"] for each in running.settle(10)} == {"imported"}


def test_dorimportctl_reload_says_whether_the_daemon_took_it(running):
    assert running.run_ctl("reload") == "The running daemon works by it now.\n"
    assert running.run_ctl("reload", "--quiet") == ""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        change(running, "dorimportd.toml", '[ftp]\nlisten = ["tcp:0', f'[ftp]\nlisten = ["tcp:{taken}')
        assert "Address already in use" in running.run_ctl("reload", status=1)
    running.stop()
    assert running.run_ctl("reload", status=1) == "No daemon is running.\n"


def test_status_answers_while_a_customers_file_has_a_mistake(running):
    (running.folder / "customers.d" / "acme.toml").write_text("x")
    assert running.ctl("status")["running"] is True


def test_systemd_is_told_what_happens(appliance, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        appliance.start()
        assert notify.recv(1000).startswith(b"READY=1")
        assert notify.recv(1000) == b"WATCHDOG=1"
        appliance.daemon.send_signal(signal.SIGHUP)
        told = [notify.recv(1000) for _ in range(10)]
        at = [number for number, each in enumerate(told) if each.startswith(b"RELOADING=1\nMONOTONIC_USEC=")]
        assert any(each.startswith(b"READY=1") for each in told[at[0] :])
        appliance.stop()
        told = [notify.recv(1000)]
        while told[-1] != b"STOPPING=1":
            told.append(notify.recv(1000))
        assert set(told[:-1]) <= {b"WATCHDOG=1"}


def test_a_secret_is_read_from_a_file_where_there_is_no_credential(appliance):
    (appliance.folder / "url").write_text("sqlite:///elsewhere.db\n")
    change(appliance, "dorimportd.toml", 'url = "sqlite:///dorimportd.db"', 'url_file = "url"')
    appliance.start()
    assert appliance.ctl("status")["database"]["url"].endswith("/state/elsewhere.db")


def test_a_stop_does_not_wait_for_the_sessions_that_are_open(running):
    session = ftp_session(running)
    data = session.transfercmd("STOR half.csv")
    data.sendall(SALES)
    begun = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - begun < 20
    running.start()
    with ftp_session(running) as session:
        session.voidcmd("TYPE I")
        assert session.size("half.csv") == len(SALES) - 1
    assert running.deliveries() == []
