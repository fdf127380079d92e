"""Probes: mail to subscribers who are suspended because theirs came back.

Whoever answers one gets posts again. Silence proves nothing: a server that takes mail may throw it
away. So after the last probe without an answer he is removed, whether it came back or not.
"""

from datetime import datetime

from listbridge import maillog
from listbridge.bounces import MANY, WITHIN, weekly
from listbridge.category import Category
from listbridge.membership.subscriptions import unsubscribe
from listbridge.membership.telling import tell
from listbridge.message import tokens as written_tokens
from listbridge.notices import Notice, Writing
from storage import bounces, news, suspensions, tokens
from storage.database import Tx
from storage.news import Event
from storage.states import Kind, News, Origin, Purpose
from storage.subscriptions import Subscription
from storage.tokens import Token

#: One pass sees to no more, as the category is locked meanwhile; the next one goes on.
_AT_ONCE = 200
_LONGEST_REASON = 300


def see_to(
    tx: Tx, category: Category, category_id: int, now: datetime
) -> tuple[int, datetime | None]:
    """Write to, or remove, whoever it is time for; return how many were written to, and when next.

    While many servers refuse the list's mail, it waits: no probe would arrive either.
    """
    if bounces.people_refused(tx, category_id, now - WITHIN, MANY) >= MANY:
        return 0, now + WITHIN
    settings, told = category.bounces, 0
    suspensions.pull_back(tx, category_id, now)
    due = _due(tx, category, category_id, now)
    unsent = suspensions.unsent_probes(tx, category_id) if due else set()
    for one in due:
        if one.key in unsent:
            suspensions.put_off(tx, category_id, one.key, now)
        elif one.probes < settings.probes:
            _probe(tx, category, category_id, one, now)
            told += 1
        else:
            _remove(tx, category, category_id, one, now)
    return told, _next(tx, category, category_id, now, is_more=len(due) == _AT_ONCE)


def _due(tx: Tx, category: Category, category_id: int, now: datetime) -> list[Subscription]:
    settings = category.bounces
    if not settings.probes:
        return []
    before = now - settings.probe_every
    return suspensions.due_for_probe(tx, category_id, before, _AT_ONCE, _fewer_than(category))


def _fewer_than(category: Category) -> int | None:
    """With so many probes all is done; None where who had them all is still to be removed."""
    return None if category.bounces.remove else category.bounces.probes


def _next(
    tx: Tx, category: Category, category_id: int, now: datetime, *, is_more: bool
) -> datetime | None:
    every = category.bounces.probe_every
    if is_more:
        return now
    if last := suspensions.last_probed(tx, category_id, _fewer_than(category)):
        return last + every
    # Whoever is left may get probes, or be removed, when the settings are others.
    return now + every if suspensions.count(tx, category_id) else None


def _probe(tx: Tx, category: Category, category_id: int, one: Subscription, now: datetime) -> None:
    settings = category.bounces
    left = settings.probes - one.probes
    until = now + settings.probe_every * left
    secret = written_tokens.new_secret()
    reason = bounces.last_reason(tx, one.id) or ""
    values = {
        "code": written_tokens.written(secret),
        "until": f"{until:%Y-%m-%d %H:%M} UTC",
        "reason": written_tokens.blotted(reason[:_LONGEST_REASON]),
    }
    writing = Writing(one.address, language=one.language, values=values)
    tell(tx, category, category_id, Notice.PROBE, writing, now, Kind.PROBE)
    token = Token(Purpose.RESUME, one.address, one.key, "")
    tokens.keep(tx, category_id, secret, token, expires_at=until, now=now)
    suspensions.note_probe(tx, category_id, one.key, now)
    maillog.info(
        "subscriber.probed", category=category.slug, subscriber=one.address, probe=one.probes + 1
    )


def _remove(tx: Tx, category: Category, category_id: int, one: Subscription, now: datetime) -> None:
    unsubscribe(tx, category_id, one.key, Origin.BOUNCES)
    event = Event(News.GIVEN_UP, one.address, now)
    news.note(tx, category_id, event, category.news_due(now))
    weekly.owe(tx, category, category_id, now)
    maillog.warning("subscriber.removed", category=category.slug, subscriber=one.address)
