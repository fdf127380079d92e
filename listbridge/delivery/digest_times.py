"""When digests are due."""

from datetime import UTC, datetime, timedelta

from listbridge.category import DigestSettings

_MONDAY = 0
_DAY = timedelta(days=1)


def next_due(settings: DigestSettings, now: datetime) -> datetime:
    """Return the first regular time after `now`, by the clock of this machine's time zone.

    So it stays the same hour for people when their clocks are changed.
    """
    day = now.astimezone().date()
    while True:
        at = datetime.combine(day, settings.at).astimezone(UTC)
        if at > now and (settings.every == "daily" or day.weekday() == _MONDAY):
            return at
        day += _DAY
