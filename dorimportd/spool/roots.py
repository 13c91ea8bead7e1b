"""What a customer sees: for each name the newest delivery of that name, as it was sent.

roots/CUSTOMER/NAME is a symbolic link whose text is "SEQUENCE SIZE TIME" and leads nowhere: one read
tells all, a million names cost no memory, and what becomes of the delivery's bytes (imported,
compressed, gone) changes nothing here.  Links are derived from the envelopes and not synced one by
one; a start makes those that a power cut took.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dorimportd.instants import reach
from dorimportd.spool.durable import refuse_link, sync_folder
from dorimportd.spool.layout import Layout, token
from dorimportd.words import Delivery

TEXT: Final = re.compile(r"([0-9]{1,18}) ([0-9]{1,19}) ([0-9]{1,11})")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a customer's root folder."""

    name: str
    size: int  # bytes
    modified_at: int  # seconds since 1970-01-01 UTC
    sequence: int | None  # None while it is not complete


class Roots:
    """The root folders of all customers."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()

    def put(self, delivery: Delivery) -> None:
        """Show *delivery* under its name, unless a newer one is there.  Raises OSError."""
        with self._lock:
            self._put(delivery)

    def _put(self, delivery: Delivery) -> None:
        envelope = delivery.envelope
        there = self.get(envelope.customer, envelope.name)
        if there is not None and there.sequence is not None and there.sequence > delivery.sequence:
            return
        folder = self._layout.roots / envelope.customer
        refuse_link(folder)
        folder.mkdir(mode=0o750, exist_ok=True)
        new = self._layout.roots / f".{token()}"
        new.symlink_to(f"{delivery.sequence} {envelope.size} {int(envelope.received_at.timestamp())}")
        reach("roots.linked", envelope.name)
        new.rename(folder / envelope.name)
        reach("roots.put", envelope.name)

    def drop(self, delivery: Delivery) -> None:
        """Show *delivery* no more; a newer one of its name stays.  On return that is on the disk.

        Raises OSError.
        """
        envelope = delivery.envelope
        shown = self._layout.roots / envelope.customer / envelope.name
        taken = self._layout.roots / f".{token()}"
        there = self.get(envelope.customer, envelope.name)
        if there is None or there.sequence != delivery.sequence:
            return
        with self._lock:
            shown.rename(taken)
            now = entry(envelope.name, os.readlink(taken))
            if now is None or now.sequence != delivery.sequence:
                with suppress(FileExistsError):  # another process has shown a newer one, or two
                    os.link(taken, shown, follow_symlinks=False)
            taken.unlink()
        sync_folder(shown.parent)

    def get(self, customer: str, name: str) -> Entry | None:
        """The entry *name*, None when there is none, or something that is not of our making."""
        try:
            return entry(name, os.readlink(f"{self._layout.roots}/{customer}/{name}"))
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.EINVAL:  # it is there, and no link
                raise
            return None

    def names(self, customer: str) -> list[str]:
        """The names of all entries of *customer*, in no order."""
        folder = self._layout.roots / customer
        return os.listdir(folder) if folder.is_dir() and not folder.is_symlink() else []

    def sync(self) -> None:
        """On return all that is shown is on the disk.  Raises OSError."""
        for folder in self._folders():
            sync_folder(folder)

    def put_all(self, deliveries: Iterable[Delivery]) -> None:
        """Show each of *deliveries*, and remove what a crash left half made.  Raises OSError."""
        for left in self._layout.roots.glob(".[0-9a-f]*"):
            left.unlink()
        for delivery in deliveries:
            self.put(delivery)
        self.sync()

    def _folders(self) -> list[Path]:
        return [self._layout.roots, *(each for each in self._layout.roots.iterdir() if each.is_dir())]


def entry(name: str, text: str) -> Entry | None:
    """The entry that the link *name* with *text* stands for; None when it is a link to something."""
    match = TEXT.fullmatch(text)
    return Entry(name, int(match[2]), int(match[3]), int(match[1])) if match else None
