"""The folder tree of the spool: every file name in it is made here.

version                          the layout's number
lock                             held by the daemon that works here
retention                        locked by who reads all deliveries, and by who removes some
boot                             the start of the machine since which a daemon works here
clock                            the time of day that housekeeping last believed, and its rounds since then
sequence                         the last sequence taken
incoming/CUSTOMER/TOKEN/         an upload: data, upload (its note)
accepted/000000/000000000017/    a delivery: data, upload, envelope, outcome; a thousand to a folder;
                                 when it is old data.gz for data, or only the date: removed
accepted/000000/retention        how far the retention of that folder is
formats/DIGEST.toml              each format that ever read a delivery
importing/000000000017           a delivery that is being imported: how often the process died at it
roots/CUSTOMER/NAME              what the customer sees under NAME: a link whose text is a delivery
mail/ab/DIGEST/TOKEN.eml         a message as it came, TOKEN.json its note; DIGEST of its Message-ID;
                                 when it is old TOKEN.eml.gz
mail/ab/DIGEST/archive           a copy of the message came to the archive
mail/ab/DIGEST/unclaimed         what was recovered of it, and no customer's copy has claimed
mail/ab/retention                when that folder was looked at, and which mails in it stay as they are
mail/alone/DIGEST                a mark: this message came to the archive, and maybe to nobody else
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION: Final = 2
PER_FOLDER: Final = 1000  # deliveries


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything lies below *root*."""

    root: Path

    @property
    def version(self) -> Path:
        return self.root / "version"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def boot(self) -> Path:
        return self.root / "boot"

    @property
    def clock(self) -> Path:
        return self.root / "clock"

    @property
    def retention(self) -> Path:
        return self.root / "retention"

    @property
    def sequence(self) -> Path:
        return self.root / "sequence"

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    @property
    def accepted(self) -> Path:
        return self.root / "accepted"

    @property
    def formats(self) -> Path:
        return self.root / "formats"

    @property
    def importing(self) -> Path:
        return self.root / "importing"

    @property
    def roots(self) -> Path:
        return self.root / "roots"

    @property
    def mail(self) -> Path:
        return self.root / "mail"

    @property
    def alone(self) -> Path:
        return self.mail / "alone"

    def delivery(self, sequence: int) -> Path:
        return self.accepted / f"{sequence // PER_FOLDER:06}" / f"{sequence:012}"


def token() -> str:
    """A name that nothing else here has; later ones need not sort behind earlier ones."""
    return secrets.token_hex(8)
