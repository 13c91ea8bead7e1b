"""A real daemon that waits a second for the customer's own copy of a mail, and mails to it."""

from __future__ import annotations

import json
import smtplib
import time
from contextlib import closing
from email.message import EmailMessage
from email.policy import SMTP

from appliance import SALES, Appliance

from dorimportd.store.store import open_store

GRACE = "archive_grace_seconds = 1\n"


class House(Appliance):
    """With the customers acme, and bolt who takes mail from bolt.example only."""

    def __init__(self, folder, database="sqlite:///dorimportd.db", grace=GRACE):
        super().__init__(folder, database)
        self.url = database.replace("sqlite:///", f"sqlite:///{folder}/state/")
        self.config.write_text(self.config.read_text().replace("[smtp]\n", f"[smtp]\n{grace}"))
        place = ("--timezone", "Europe/Berlin", "--currency", "EUR", "--format", "plain")
        self.run_ctl("customer", "add", "bolt", *place, "--email", "bolt")
        bolt = folder / "customers.d" / "bolt.toml"
        bolt.write_text(bolt.read_text() + 'allowed_senders = ["*@bolt.example"]\n')

    def start(self):
        super().start()
        self.smtp_port = self.port("smtp")

    def spool(self, *names):
        return self.folder.joinpath("state", "spool", *names)

    def send(self, message, *recipients, sender="till@shop.example"):
        """The replies to RCPT and to the message; "refused" where no recipient was taken."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=60) as session:
            session.ehlo("shop.example")
            session.mail(sender)
            replies = [session.rcpt(each)[0] for each in recipients]
            if 250 not in replies:
                return [*replies, "refused"]
            code, text = session.data(message.as_bytes(policy=SMTP))
            return [*replies, f"{code} {text.decode()}"]

    def marks(self):
        return [each.name for each in self.spool("mail", "alone").iterdir()]

    def await_no_marks(self, seconds=60):
        """Until it is known what became of every mail, also in the database."""
        deadline = time.monotonic() + seconds
        while (self.marks() or self.unregistered()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (self.marks(), self.unregistered()) == ([], set())

    def unregistered(self):
        """The sequences that only the spool knows."""
        accepted = {int(each.name) for each in self.spool("accepted").glob("*/[0-9]*")}
        return accepted - {each.sequence for each in self.rows()}

    def archive_notes(self, message_id):
        """Of the copies that came to the archive."""
        notes = [json.loads(each.read_text()) for each in self.spool("mail").glob("??/*/*.json")]
        return [each for each in notes if each["message_id"] == message_id and each["archive"]]

    def store(self):
        """The daemon's, beside it: a command for each question would take most of the time."""
        return closing(open_store(self.url))

    def rows(self):
        with self.store() as store:
            return store.deliveries()

    def of_message(self, message_id):
        """Sequence, customer, state and reason of each delivery of it."""
        return [
            (each.sequence, each.delivery.envelope.customer, each.outcome.state.value, each.outcome.reason)
            for each in self.rows()
            if each.delivery.envelope.message_id == message_id
        ]

    def await_state(self, sequence, state):
        """Wait until the daemon tells it, and return the reason."""
        self.await_line(rf"delivery {sequence} (is a )?{state}", seconds=60)
        (row,) = [each for each in self.rows() if each.sequence == sequence]
        assert row.outcome.state.value == state
        return row.delivery.envelope.customer, row.outcome.reason

    def sold(self, prefix, customer="acme"):
        """Location, ID, total and time of what begins so."""
        with self.store() as store:
            found = [each for each in store.transactions(customer) if each.transaction_id.startswith(prefix)]
        return [(each.location, each.transaction_id, each.total, each.occurred_at) for each in found]


def mail(message_id, content=SALES, to="acme@sales.example", name="sales.csv"):
    """A mail with one file, or with none."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Till <till@shop.example>", to, "Sales"
    message["Message-ID"] = message_id
    message.set_content("The sales of today.")
    if content is not None:
        message.add_attachment(content, maintype="text", subtype="csv", filename=name)
    return message


def alone(customer, warning=""):
    """The reason for which a recovered delivery is held."""
    return (
        "This mail from <till@shop.example> reached only the archive address, and not "
        f"{customer}@sales.example; `dorimportctl delivery retry` imports it.{warning}"
    )
