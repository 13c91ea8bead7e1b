from __future__ import annotations

import os
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from dorimportd.config import files
from dorimportd.config.read import read_settings
from dorimportd.config.schema import Ftp, Limits, Retention, Sftp, Smtp
from dorimportd.config.settings import BadConfig, Certificate
from dorimportd.parse.format import parse_format

HASH = "$argon2id$v=19$m=19456,t=2,p=1$eHh4eHh4eHh4eHh4eHh4eA$87G/fHao92Muz2H2c5nIkpX3Yy/krdCGZj8hH/Hi+yM"
ZONE = 'timezone = "Europe/Berlin"\ncurrency = "EUR"\n'
TILLS = 'location = "Store"\ntransaction_id = "Receipt"\ntotal = "Amount"\ntime = "Time"\n'
WEB = 'location = { constant = "web" }\ntransaction_id = "Order"\ntotal = "Total"\ntime = "Time"\n'


def lines(folder) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        read_settings(folder.main)
    return str(caught.value).splitlines()


def warnings(folder) -> list[str]:
    return [str(warning) for warning in read_settings(folder.main).warnings]


# --- what good files say -------------------------------------------------------------------------------


def test_an_empty_file_is_a_whole_configuration(folder):
    settings = read_settings(folder.main)
    assert settings.state_directory == Path("/var/lib/dorimportd")
    assert settings.database_url == "sqlite:////var/lib/dorimportd/dorimportd.db"
    assert settings.sftp == Sftp(listen=("tcp:22",))
    assert settings.ftp == Ftp(listen=("tcp:21",), passive_ports=None, public_address=None)
    assert settings.smtp == Smtp(listen=("tcp:25",), mail_domain=None, archive_address=None)
    assert settings.tls is None
    assert settings.limits == Limits(
        file_size=10 * 1024**3,
        mail_size=50 * 1024**2,
        free_space=1024**3,
        sessions=500,
        sessions_per_address=20,
        sessions_per_customer=10,
        unauthenticated_sessions=100,
        login_seconds=60,
        login_attempts=6,
        idle_seconds=300,
        mails_per_session=100,
        minimum_rate=1024,
        import_workers=2,
    )
    assert settings.retention == Retention(unfinished_uploads_days=7)
    assert (settings.customers, settings.formats, settings.warnings) == ({}, {}, ())


def test_a_full_file_is_read_to_the_last_key(folder):
    folder.write(
        "dorimportd.toml",
        'hostname = "in.shop.example"\n'
        'state_directory = "state"\n'
        '[sftp]\nlisten = ["tcp:2222", "tcp6:2222"]\n'
        '[ftp]\nlisten = []\npassive_ports = "50000-50099"\npublic_address = "192.0.2.10"\n'
        '[smtp]\nlisten = ["tcp:2525"]\nmail_domain = "mail.shop.example"\n'
        'archive_address = "archive@shop.example"\n'
        '[tls]\ncertificate = "cert.pem"\nprivate_key = "/etc/hostname"\n'
        '[database]\nurl = "postgresql://dori@db/sales"\n'
        "[defence]\nban_score = 9\nban_seconds = 10\n"
        'never_banned = ["192.0.2.1", "2001:db8::/32"]\n'
        '[limits]\nfile_size = "1 GiB"\nmail_size = 2048\nfree_space = 0\nsessions = 1\n'
        "sessions_per_address = 2\nsessions_per_customer = 3\nlogin_seconds = 4\nlogin_attempts = 5\n"
        "idle_seconds = 6\nmails_per_session = 9\nimport_workers = 7\n"
        "unauthenticated_sessions = 10\nminimum_rate = 11\n"
        "[retention]\nunfinished_uploads_days = 8\n".replace(
            "/etc/hostname", str(folder.write("key.pem", "key"))
        ),
    )
    folder.write("cert.pem", "certificate", 0o644)
    settings = read_settings(folder.main)
    assert settings.hostname == "in.shop.example"
    assert settings.mail_domain == "mail.shop.example"
    assert settings.state_directory == folder.path / "state"
    assert settings.sftp.listen == ("tcp:2222", "tcp6:2222")
    assert settings.ftp.listen == ()
    assert settings.ftp.passive_ports == range(50000, 50100)
    assert settings.ftp.public_address == "192.0.2.10"
    assert settings.smtp.archive_address == "archive@shop.example"
    assert settings.tls == Certificate(folder.path / "cert.pem", folder.path / "key.pem")
    assert settings.database_url == "postgresql://dori@db/sales"
    limits = list(settings.limits.model_dump().values())
    assert limits == [1024**3, 2048, 0, 1, 2, 3, 10, 4, 5, 6, 9, 11, 7]
    assert (settings.defence.ban_score, settings.defence.ban_seconds) == (9, 10)
    assert settings.defence.never_banned == (ip_network("192.0.2.1"), ip_network("2001:db8::/32"))
    assert settings.retention.unfinished_uploads_days == 8
    assert settings.warnings == ()


def test_a_customer_has_defaults_from_its_name(folder):
    folder.write("customers.d/acme.toml", ZONE)
    customer = read_settings(folder.main).customer("acme")
    assert (customer.name, customer.display_name, customer.login, customer.enabled) == (
        "acme",
        "acme",
        "acme",
        True,
    )
    assert (customer.timezone, customer.currency, customer.contacts) == ("Europe/Berlin", "EUR", ())
    assert (customer.password_hash, customer.keys, customer.mail_address) == (None, (), None)
    assert (customer.allowed_senders, customer.allowed_networks) == ((), ())
    assert customer.format_for("anything.csv") is None


def test_a_full_customer_is_read_to_the_last_key(folder, pub):
    folder.write(
        "customers.d/acme.toml",
        f'{ZONE}display_name = "Acme Stores"\ncontacts = ["ann@acme.example"]\nenabled = false\n'
        f'login = "Acme.Till"\npassword = "{HASH}"\nmail_address = "Acme"\n'
        'allowed_senders = ["*@acme.example"]\nallowed_networks = ["192.0.2.0/24"]\n',
    )
    folder.write("keys/acme", pub("ed") + "\n")
    settings = read_settings(folder.main)
    customer = settings.customers["acme"]
    assert (customer.display_name, customer.contacts) == ("Acme Stores", ("ann@acme.example",))
    assert (customer.enabled, customer.login, customer.password_hash) == (False, "Acme.Till", HASH)
    assert [key.comment for key in customer.keys] == ["ann@stores.example"]
    assert customer.mail_address == "Acme"
    assert customer.allowed_senders == ("*@acme.example",)
    assert customer.allowed_networks == (ip_network("192.0.2.0/24"),)


def test_a_customer_is_found_by_each_of_its_names(folder):
    folder.write("customers.d/acme.toml", f'{ZONE}login = "Till"\nmail_address = "Sales.Acme"\n')
    folder.write("customers.d/beta.toml", ZONE)
    settings = read_settings(folder.main)
    assert settings.customer("acme") is settings.by_login("Till") is settings.by_mail_address("sales.ACME")
    assert settings.by_login("beta") is settings.customers["beta"]
    assert [settings.customer("x"), settings.by_login("acme"), settings.by_mail_address("")] == [
        None,
        None,
        None,
    ]


def test_the_first_format_whose_pattern_fits_the_name_is_taken(folder):
    folder.write("formats.d/tills.toml", TILLS)
    folder.write("formats.d/web.toml", WEB)
    folder.write(
        "customers.d/acme.toml",
        f'{ZONE}[[formats]]\nfiles = "Web_*.csv"\nformat = "web"\n'
        '[[formats]]\nfiles = "w*[1].csv"\nformat = "tills"\n',
    )
    folder.write(
        "customers.d/beta.toml", f'{ZONE}format = "tills"\nformats = [{{ files = "*.txt", format = "web" }}]'
    )
    settings = read_settings(folder.main)
    web = parse_format(WEB, "")
    assert settings.formats == {"tills": parse_format(TILLS, ""), "web": web}
    names = ["web_1.csv", "WEB_[1].CSV", "w[1].csv", "w1.csv", "sales.txt"]
    chosen = {
        customer.name: [getattr(customer.format_for(name), "name", None) for name in names]
        for customer in settings.customers.values()
    }
    assert chosen == {
        "acme": ["web", "web", "tills", None, None],
        "beta": ["tills", "tills", "tills", "tills", "web"],
    }
    assert settings.customers["acme"].format_for("web_1.csv").format == web


def test_senders_and_peers_are_those_that_the_customer_allows(folder):
    folder.write("customers.d/acme.toml", f'{ZONE}allowed_senders = ["*@Acme.example", "bob@x.example"]\n')
    folder.write("customers.d/beta.toml", f'{ZONE}allowed_networks = ["192.0.2.0/24", "2001:db8::/32"]\n')
    customers = read_settings(folder.main).customers
    acme, beta = customers["acme"], customers["beta"]
    assert [acme.allows_sender(sender) for sender in ("ANN@acme.EXAMPLE", "bob@x.example")] == [True, True]
    assert [acme.allows_sender(sender) for sender in ("", "ann@acme.example.org", "b@x.example")] == [
        False
    ] * 3
    assert beta.allows_sender("")
    assert [beta.allows_peer(peer) for peer in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1")] == [True] * 3
    assert [beta.allows_peer(peer) for peer in ("192.0.3.1", "2001:db9::1")] == [False, False]


def test_an_archive_elsewhere_may_have_the_name_of_a_customers_address(folder):
    folder.write(
        "dorimportd.toml", '[smtp]\narchive_address = "acme@archive.example"\nmail_domain = "in.example"\n'
    )
    folder.write("customers.d/acme.toml", f'{ZONE}mail_address = "acme"\n')
    assert read_settings(folder.main).by_mail_address("acme").name == "acme"


def test_settings_never_change_and_never_show_a_secret(folder):
    folder.write("dorimportd.toml", '[database]\nurl = "postgresql://dori:secret@db/sales"\n')
    folder.write("customers.d/acme.toml", f'{ZONE}password = "{HASH}"\n')
    settings = read_settings(folder.main)
    assert "secret" not in repr(settings)
    assert HASH not in repr(settings)
    with pytest.raises(AttributeError):
        settings.database_url = "sqlite:///x"
    with pytest.raises(TypeError):
        settings.customers["beta"] = settings.customers["acme"]


def test_the_same_files_are_equal_settings(folder):
    folder.write("formats.d/tills.toml", TILLS)
    folder.write("customers.d/acme.toml", f'{ZONE}format = "tills"\n')
    assert read_settings(folder.main) == read_settings(folder.main)


# --- where files and secrets are -----------------------------------------------------------------------


def test_the_url_of_the_database_may_be_in_a_file_of_its_own(folder):
    folder.write("dorimportd.toml", 'database.url_file = "database-url"\n')
    folder.write("database-url", "postgresql://dori:secret@db/sales\n")
    assert read_settings(folder.main).database_url == "postgresql://dori:secret@db/sales"


def test_a_credential_comes_before_a_file_of_that_name(folder, monkeypatch):
    folder.write("dorimportd.toml", 'database.url_file = "database-url"\n')
    folder.write("database-url", "sqlite:///file.db\n")
    folder.write("credentials/database-url", "sqlite:///credential.db\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder.path / "credentials"))
    assert read_settings(folder.main).database_url == "sqlite:////var/lib/dorimportd/credential.db"


def test_a_folder_can_be_moved_with_its_state(folder, monkeypatch):
    folder.write("dorimportd.toml", 'state_directory = "state"\n')
    monkeypatch.chdir(folder.path)
    settings = read_settings(Path("dorimportd.toml"))
    assert settings.state_directory == folder.path / "state"
    assert settings.database_url == f"sqlite:///{folder.path}/state/dorimportd.db"


def test_a_byte_order_mark_is_no_mistake(folder):
    folder.write("dorimportd.toml", '\ufeffhostname = "in.shop.example"\r\n')
    assert read_settings(folder.main).hostname == "in.shop.example"


def test_what_lies_beside_the_files_is_left_alone(folder):
    folder.write("customers.d/.acme.toml.new", "not toml")
    folder.write("customers.d/.#acme.toml", "not toml")
    folder.write("customers.d/acme.toml~", "not toml")
    folder.write("customers.d/acme.toml.dpkg-dist", "not toml")
    folder.write("formats.d/README", "not toml")
    folder.write("keys/.gitkeep", "no key")
    assert read_settings(folder.main).customers == {}


# --- what is wrong beside what a file says -----------------------------------------------------------------


def test_a_file_of_more_than_one_mib_is_not_read(folder):
    folder.write("dorimportd.toml", "#" * 1024 * 1024)
    folder.write("customers.d/acme.toml", ZONE + "#" * 1024 * 1024)
    assert lines(folder) == ["customers.d/acme.toml:1:1: is larger than 1 MiB"]


def test_a_pipe_is_not_waited_for(folder):
    folder.main.unlink()
    os.mkfifo(folder.main)
    assert lines(folder) == ["dorimportd.toml:1:1: cannot be read: Not a regular file"]


def test_a_circle_of_links_is_told(folder):
    (folder.path / "customers.d").mkdir()
    (folder.path / "customers.d" / "acme.toml").symlink_to("acme.toml")
    assert lines(folder) == ["customers.d/acme.toml:1:1: cannot be read: Too many levels of symbolic links"]


def test_a_file_that_may_not_be_read_is_told(folder, monkeypatch):
    """Told by a stand-in for open, since root may read everything."""
    folder.write("customers.d/acme.toml", ZONE)

    def refuse(path: str, flags: int) -> int:
        if path.endswith("acme.toml"):
            raise PermissionError(13, "Permission denied", path)
        return os.open(path, flags)

    monkeypatch.setattr(files, "without_waiting", refuse)
    assert lines(folder) == ["customers.d/acme.toml:1:1: cannot be read: Permission denied"]


def test_an_edit_is_read_as_if_it_stood_there(folder):
    folder.write("customers.d/acme.toml", ZONE)
    edits = {"customers.d/beta.toml": ZONE, "customers.d/acme.toml": ZONE + "enabled = false\n"}
    settings = read_settings(folder.main, edits)
    assert {name: customer.enabled for name, customer in settings.customers.items()} == {
        "acme": False,
        "beta": True,
    }


# --- warnings --------------------------------------------------------------------------------------------


def test_secrets_that_everyone_can_read_are_warned_of(folder):
    folder.write("customers.d/acme.toml", f'{ZONE}password = "{HASH}"\n', 0o644)
    folder.write("customers.d/beta.toml", ZONE, 0o644)
    folder.write(
        "dorimportd.toml",
        '[tls]\ncertificate = "c.pem"\nprivate_key = "k.pem"\n[database]\nurl = "postgresql://u:p@db/d"\n',
        0o644,
    )
    folder.write("c.pem", "certificate", 0o644)
    folder.write("k.pem", "key", 0o644)
    told = "every user of this machine can read it"
    assert warnings(folder) == [
        f"customers.d/acme.toml:3:1: password: {told}: `chmod o-r customers.d/acme.toml`",
        f"dorimportd.toml:3:1: tls.private_key: {told}: `chmod o-r k.pem`",
        f"dorimportd.toml:5:1: database.url: {told}: `chmod o-r dorimportd.toml`",
    ]


def test_a_secret_file_that_everyone_can_read_is_warned_of_where_it_is_named(folder):
    folder.write("dorimportd.toml", 'database.url_file = "u"\n', 0o644)
    secret = folder.write("u", "postgresql://u:p@db/d", 0o644)
    assert warnings(folder) == [
        "dorimportd.toml:1:10: database.url_file: every user of this machine can read it: "
        f"`chmod o-r {secret}`"
    ]
    secret.chmod(0o640)
    assert warnings(folder) == []


def test_keys_of_nobody_are_warned_of(folder, pub):
    folder.write("customers.d/acme.toml", ZONE)
    folder.write("keys/acme.pub", pub("ed"))
    assert warnings(folder) == ["keys/acme.pub:1:1: belongs to no customer (did you mean 'acme'?)"]


# --- speed --------------------------------------------------------------------------------------------


def test_reading_loads_nothing_that_is_slow_and_not_needed(folder, pub):
    for number in range(20):
        folder.write(f"customers.d/c{number}.toml", f'{ZONE}password = "{HASH}"\nformat = "tills"\n')
        folder.write(f"keys/c{number}", pub("rsa2048"))
    folder.write("formats.d/tills.toml", TILLS)
    program = (
        "import sys, pathlib; from dorimportd.config.read import read_settings;"
        "assert len(read_settings(pathlib.Path(sys.argv[1])).customers) == 20;"
        "print(sorted({'cryptography', 'tomlkit', 'twisted', 'peewee', 'difflib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder.main)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
