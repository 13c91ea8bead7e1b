"""The ends of the calendar: a person may mean "from ever" or "for ever" by them."""

from __future__ import annotations

from datetime import MINYEAR, UTC, datetime
from typing import Final

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)


def in_utc(moment: datetime) -> datetime:
    """*moment* in UTC; without a zone it is this machine's.

    At the ends of the calendar there are times that UTC's calendar does not have: the end itself stands
    for them.
    """
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):  # the latter when the zone is this machine's
        return FIRST if moment.year == MINYEAR else LAST
