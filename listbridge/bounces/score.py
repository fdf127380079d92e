"""How much speaks against an address: a point for each day on which its mail came back for good.

The numbers are meant together. With a post each day, an address that is dead reaches the default
threshold on its fourth day: a server that tells wrong things over a weekend suspends nobody. With a
post each week it takes four of them, and what comes back once in two months never gets there.
"""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

#: After so long a point counts half.
HALF_LIFE = timedelta(days=28)
#: What came back before that no longer counts for anything.
MEMORY = timedelta(days=180)


def score(came_back: Iterable[datetime], now: datetime) -> float:
    """Return the score of an address by the times its mail came back; a day counts once."""
    days = {at.astimezone(UTC).date() for at in came_back if now - at < MEMORY}
    today = now.astimezone(UTC).date()
    return sum(math.pow(0.5, (today - day) / HALF_LIFE) for day in days)
