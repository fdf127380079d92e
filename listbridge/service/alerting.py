"""Alerts: tells the operator by mail what has come to be wrong, and when it is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from listbridge.category import Category
from listbridge.config import Service, database_url
from listbridge.message import AddressError, normalise
from listbridge.notices import Condition, Ended, What, alert, letter
from listbridge.service import conditions
from listbridge.service.conditions import Watched
from listbridge.service.store_watch import Outage
from listbridge.submission import OutgoingSettings
from storage import alerts, service_mail
from storage.alerts import Alert
from storage.database import Database, Tx
from storage.states import Kind

# What was told is not told again for so long, even if it ended and came back meanwhile.
_A_DAY = timedelta(days=1)
# An outage shows in thousands of categories one after the other, and so does its end: what comes
# soon after a mail waits for the next one.
_GATHERING = timedelta(minutes=5)


@dataclass(frozen=True)
class News:
    """What is to be told now, and what need not be remembered any more."""

    new: Sequence[Condition] = ()
    still: Sequence[Condition] = ()
    over: Sequence[Alert] = ()
    stale: Sequence[Alert] = ()

    @property
    def is_worth_a_mail(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.new or self.still or self.over)

    @property
    def is_none(self) -> bool:
        """Whether there is nothing at all to do."""
        return not (self.is_worth_a_mail or self.stale)


def look(
    db: Database,
    service: Service,
    categories: Mapping[str, Category],
    now: datetime,
    outage: Outage | None = None,
) -> int:
    """Put a mail with all that is to be told now into the outbox; return how many were put there.

    `categories` are those in effect; `outage` says when the database could not be used, of which
    nothing can stand in it. Without an account for alerts nothing is told. The mail and
    the record of what it tells are made in one transaction: nothing is lost by a crash, or told
    twice by two processes. Raises `StoreError`.
    """
    settings = service.alert_settings
    if settings is None:
        return 0
    folder = database_url.folder(service.database)
    watched = Watched(categories, settings, folder, outage)
    with db.reading() as tx:
        # Nearly always there is nothing, and then nobody has to wait for this look.
        if _news(tx, watched, now).is_none:
            return 0
    with db.transaction() as tx:
        alerts.lock(tx)
        news = _news(tx, watched, now)  # another process may have told it meanwhile
        alerts.forget(tx, news.stale)
        if not news.is_worth_a_mail:
            return 0
        _record(tx, news, now)
        _write(tx, sender(settings, service.alerts.to), service.alerts.to, news, now)
    return 1


def _compared(told: Sequence[Alert], holding: Sequence[Condition], now: datetime) -> News:
    """Compare what was told with what holds now."""
    by_key = {(one.what, one.subject): one for one in told}
    held = {(one.what, one.subject) for one in holding}
    new: list[Condition] = []
    still: list[Condition] = []
    for condition in holding:
        known = by_key.get((condition.what, condition.subject))
        if known is not None and _is_recent(known, now):
            continue
        if known is None or known.is_over:
            new.append(condition)
        else:
            still.append(replace(condition, since=known.since))
    gone = [one for one in told if (one.what, one.subject) not in held]
    return News(
        new,
        still,
        over=[one for one in gone if not one.is_over],
        stale=[one for one in gone if one.is_over and not _is_recent(one, now)],
    )


def _news(tx: Tx, watched: Watched, now: datetime) -> News:
    told = alerts.every(tx)
    # A mail that lies in the future was made before the clock was set back.
    if any(now - _GATHERING < one.last_mail_at <= now for one in told):
        return News()
    return _compared(told, conditions.holding(tx, watched, now), now)


def _is_recent(told: Alert, now: datetime) -> bool:
    return now - _A_DAY < told.told_at <= now


def _record(tx: Tx, news: News, now: datetime) -> None:
    told = [
        Alert(one.what, one.subject, min(one.since or now, now), told_at=now)
        for one in (*news.new, *news.still)
    ]
    alerts.keep(tx, [*told, *(one.ended(now) for one in news.over)])


def _write(tx: Tx, sent_by: str, recipients: Sequence[str], news: News, now: datetime) -> None:
    over = [Ended(What(one.what), one.subject, one.told_at) for one in news.over]
    subject, text = alert(new=news.new, still=news.still, over=over)
    mail = letter(sender=sent_by, recipients=recipients, subject=subject, text=text, now=now)
    service_mail.put(tx, Kind.ALERT, mail, sender=sent_by, recipients=recipients, now=now)


def sender(settings: OutgoingSettings, operators: Sequence[str]) -> str:
    """Return whom alerts come from: the account itself, which its server is sure to allow.

    Where its user name is no address it is the first operator.
    """
    try:
        return normalise(settings.username or "")
    except AddressError:
        return operators[0]
