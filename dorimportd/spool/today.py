"""The time of day by which what is kept grows old: of a clock that somebody may set, or that a machine lost.

Nothing that is removed comes back, so a clock is believed to be ahead only when it stays there.  What the
last round believed is in the spool (`clock`), since a machine may also start with a wrong clock.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dorimportd.spool.durable import replace
from dorimportd.spool.layout import Layout

EVERY: Final = timedelta(hours=1)  # from one round to the next, by a clock that nobody sets
DOUBT: Final = timedelta(days=7)  # that a clock may be away from what is reckoned, and then has to stay so


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What the time must be, if the clock is not believed."""

    clock: datetime  # the last that was believed
    rounds: int = 0  # since then, in all daemons

    @property
    def now(self) -> datetime:
        return self.clock + self.rounds * EVERY

    def after(self, clock: datetime, rounds: int) -> Reckoned:
        """What is known when the *clock* is found so, *rounds* later; none when a daemon has just started."""
        later = Reckoned(self.clock, self.rounds + rounds)
        near, stays = abs(clock - later.now) <= DOUBT, self.rounds * EVERY >= DOUBT
        return Reckoned(clock) if near or stays else later


class Today:
    """What the rounds of a daemon in the spool of *layout* believe.

    Set forward by less than DOUBT a clock is believed at the second round that finds it so, by more when it
    has been so for DOUBT, in all daemons that ran meanwhile: a machine that was off for months needs it too.
    Set back it is believed at once, since then what is kept is kept for longer.
    """

    def __init__(self, layout: Layout) -> None:
        self._file = layout.clock
        self._reckoned: Reckoned | None = None
        self._most: datetime | None = None  # that the next round may believe

    def at(self, clock: datetime) -> datetime:
        """What a round believes that finds the *clock* so.  Blocks on the disk; raises OSError."""
        known, rounds = (self._read(), 0) if self._reckoned is None else (self._reckoned, 1)
        self._reckoned = known.after(clock, rounds) if known else Reckoned(clock)
        believed = min(clock, self._reckoned.now, self._most or clock)
        self._most = clock + 2 * EVERY
        with suppress(OSError):  # a full disk must not hinder who makes room; the next round writes it
            replace(self._file, f"{self._reckoned.clock.isoformat()} {self._reckoned.rounds}\n")
        return believed

    def _read(self) -> Reckoned | None:
        """What an earlier daemon reckoned, None where there was none."""
        try:
            clock, rounds = self._file.read_text(encoding="utf-8").split()
            return Reckoned(datetime.fromisoformat(clock), int(rounds))
        except (FileNotFoundError, ValueError):
            return None
