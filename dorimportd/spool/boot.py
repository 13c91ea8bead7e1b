"""After a power cut: what was written and not synced may be gone, or be zeros.

There may have been one when the machine has started again since a daemon last worked in the spool.  If it
has not, the daemon alone ended, and everything is as it was written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dorimportd.spool.durable import replace
from dorimportd.spool.layout import Layout

BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def mend(layout: Layout, uploads: Iterable[Path]) -> None:
    """Cut each of *uploads* to what was synced, if the machine has started again.  Raises OSError."""
    if has_started_again(layout):
        for folder in uploads:
            cut_to_kept(folder)
    if BOOT.exists():
        replace(layout.boot, BOOT.read_text())


def has_started_again(layout: Layout) -> bool:
    """Also where the system does not tell; not where no daemon has worked yet."""
    if not layout.boot.exists():
        return False
    return not BOOT.exists() or layout.boot.read_text(errors="replace") != BOOT.read_text()


def cut_to_kept(folder: Path) -> None:
    """Leave of the upload *folder* what is sure to be there, or nothing."""
    size, data = kept_size(folder), folder / "data"
    if size is None or not data.exists() or data.stat().st_size < size:
        shutil.rmtree(folder)
        return
    os.truncate(data, size)
    (folder / "gap").unlink(missing_ok=True)


def kept_size(folder: Path) -> int | None:
    """How many bytes of the upload *folder* were synced, None when that is not known."""
    for mark in ("whole", "kept"):
        try:
            return int((folder / mark).read_text())
        except (FileNotFoundError, ValueError):
            continue
    return None
