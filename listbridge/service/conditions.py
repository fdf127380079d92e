"""What is not as it should be: everything an operator is alerted of, as it stands now."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from listbridge import bounces
from listbridge.category import Category
from listbridge.notices import Condition, What
from listbridge.oauth2 import OAuth2Error, token_file
from listbridge.oauth2.token_file import Tokens
from listbridge.service import consents, signing_keys
from listbridge.service.consents import Account
from listbridge.service.store_watch import Outage
from listbridge.submission import OutgoingSettings
from storage import bounces as refusals
from storage import budgets, categories, pauses, polls, waiting
from storage.database import Tx
from storage.pauses import Pause
from storage.polls import Poll
from storage.states import Trouble

_Known = Mapping[int, Category]

# A server that is started anew, or a line that is cut for a moment, needs nobody: so many passes in
# a row must fail, over so long a time.
_PASSES = 5
_FAILING = timedelta(minutes=10)
# These do not mend themselves, so one pass is enough.
_AT_ONCE = {Trouble.LOGIN, Trouble.DELETIONS, Trouble.SUBSCRIBERS}
# The account's own retries end most pauses sooner.
_PAUSED = timedelta(minutes=5)
# A moderator who is quick about it is not reported to the operator.
_HELD = timedelta(hours=1)
# Greylisting, and a server that is down for a night's maintenance, are over by then.
_QUEUED = timedelta(hours=4)
# A database that is started anew is back by then.
_AWAY = timedelta(minutes=1)
# Enough to take in a few of the largest messages and still be able to clean up.
_LEAST_FREE_BYTES = 500_000_000
_LEAST_FREE_SHARE = 0.05
# On a very large disk a twentieth is plenty.
_FREE_ENOUGH_BYTES = 5_000_000_000
# On a large list there are always a few whose company takes no list's mail.
_REFUSED_SHARE = 0.01

# Who makes a new client secret, or a new consent, may be on holiday.
_SECRET_ENDS = timedelta(days=30)
_CONSENT_ENDS = timedelta(days=14)


@dataclass(frozen=True)
class Watched:
    """What is looked after: the categories in effect, and what else may be in trouble."""

    categories: Mapping[str, Category]  #: by slug
    alert_settings: OutgoingSettings  #: the account that sends the alerts
    database_folder: Path | None  #: None where the database is on a server of its own
    outage: Outage | None = None  #: of the database, if one is just over


def holding(tx: Tx, watched: Watched, now: datetime) -> list[Condition]:
    """Return all that holds now; of each sort and category or account there is one at most."""
    known = _in_effect(tx, watched)
    return [
        *_outage(watched.outage),
        *_disk(watched.database_folder, now),
        *_accounts(tx, watched, now),
        *signing_keys.missing(watched.categories.values(), now),
        *_consents(watched, now),
        *_passes(tx, known),
        *_waiting_for_a_person(tx, known, now),
        *_waiting_for_a_decision(tx, known, now),
        *_waiting_to_leave(tx, known, now),
        *_refused(tx, known, now),
    ]


def _in_effect(tx: Tx, watched: Watched) -> _Known:
    """Return the categories that are looked after, by the store's id."""
    return {
        one.id: watched.categories[one.slug]
        for one in categories.every(tx)
        if one.slug in watched.categories
    }


def _outage(outage: Outage | None) -> Iterator[Condition]:
    if outage is not None and outage.lasted >= _AWAY:
        minutes = round(outage.lasted / timedelta(minutes=1))
        yield Condition(
            What.STORE,
            "",
            outage.since,
            f"For {minutes} min the database could not be used; now it can be. Meanwhile mail "
            f"stayed in the mailboxes, and nothing was sent: {outage.error}",
            "nothing for the mail, which goes on by itself. See why it was so, lest it come back: "
            "`listbridge check --offline`; what could not be recorded in time may arrive twice, "
            "and `listbridge queue list --state uncertain` names it.",
        )


def _disk(folder: Path | None, now: datetime) -> Iterator[Condition]:
    if folder is None:
        return
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return  # without its folder the database is in a trouble that shows everywhere
    least = min(usage.total * _LEAST_FREE_SHARE, _FREE_ENOUGH_BYTES)
    if usage.free < max(least, _LEAST_FREE_BYTES):
        yield Condition(
            What.DISK,
            "",
            now,
            f"Of the disk with {folder} only {usage.free // 1_000_000} MB are free. When it is "
            "full, mail stays in the mailboxes, and nothing is sent.",
            "make room on it, or move the database to a larger one.",
        )


def _accounts(tx: Tx, watched: Watched, now: datetime) -> Iterator[Condition]:
    users = _users(watched)
    for one in pauses.every(tx):
        if one.account in users and now - one.since >= _PAUSED:
            yield _paused(one, users[one.account])


def _users(watched: Watched) -> dict[str, str | None]:
    """Return the accounts in use, each with the slug of a category that uses it, if any does."""
    users: dict[str, str | None] = {watched.alert_settings.account: None}
    return users | {
        one.outgoing.account: slug
        for slug, one in watched.categories.items()
        if one.active and one.outgoing
    }


def _paused(pause: Pause, user: str | None) -> Condition:
    check = f"listbridge check {user}" if user else "listbridge check"
    return Condition(
        What.PAUSED,
        pause.account.removeprefix("@"),
        pause.since,
        f"It is tried again from time to time; until then its mail waits: {pause.reason}",
        f"check its settings and its password, and ask its provider; `{check}` says how far it "
        "comes. Nothing is lost, and what waits goes out by itself afterwards.",
    )


def _consents(watched: Watched, now: datetime) -> Iterator[Condition]:
    used = {slug: one for slug, one in watched.categories.items() if one.active}
    for account in consents.in_effect(used, watched.alert_settings):
        yield from _secret_ends(account, now)
        try:
            tokens = token_file.read(account.token_file)
        except OAuth2Error:
            continue  # the login fails, which is told
        if tokens is not None:
            yield from _consent_ends(account, tokens, now)


def _secret_ends(account: Account, now: datetime) -> Iterator[Condition]:
    day = account.settings.secret_expires
    if day is None:
        return
    ends = datetime.combine(day, time(), UTC)
    if now >= ends - _SECRET_ENDS:
        yield Condition(
            What.CLIENT,
            account.username,
            ends - _SECRET_ENDS,
            f"The client secret at {account.settings.title} ends on {day}. From then on no mail is "
            "read or sent by this account.",
            "make a new one there, put it where client_secret says, and set secret_expires to its "
            "last day.",
        )


def _consent_ends(account: Account, tokens: Tokens, now: datetime) -> Iterator[Condition]:
    cure = f"`listbridge oauth login {account.username}`."
    if tokens.refused_because and tokens.refused_since:
        sentence = f"Mail is not read or sent by this account: {tokens.refused_because}"
        cure = "what it says. `listbridge oauth status` shows it until it has helped."
        yield Condition(What.CONSENT, account.username, tokens.refused_since, sentence, cure)
        return
    ends = tokens.consent_ends
    if ends is None:
        return
    # One that lasts only a week is not worth an alert from its first day on.
    life = ends - (tokens.granted_at or tokens.refreshed_at)
    told_from = ends - min(_CONSENT_ENDS, life / 2)
    if now >= told_from:
        sentence = (
            f"The consent at {account.settings.title} ends on {ends:%Y-%m-%d}. From then on no "
            "mail is read or sent by this account."
        )
        yield Condition(What.CONSENT, account.username, told_from, sentence, cure)


def _passes(tx: Tx, known: _Known) -> Iterator[Condition]:
    last = polls.every(tx)
    for category_id, category in known.items():
        poll = last.get(category_id)
        if category.active and poll is not None and poll.trouble is not None:
            enough = poll.trouble in _AT_ONCE or poll.failures >= _enough(category.poll_every)
            if enough and poll.ended_at is not None:
                yield _failing(category.slug, poll, poll.trouble, poll.ended_at)


def _enough(poll_every: timedelta) -> int:
    """Return how many failed passes in a row take long enough, each wait twice the one before."""
    passes = _PASSES
    while poll_every * (2 ** (passes - 1) - 1) < _FAILING:
        passes += 1
    return passes


def _failing(slug: str, poll: Poll, trouble: Trouble, ended_at: datetime) -> Condition:
    when = f"{ended_at:%Y-%m-%d %H:%M} UTC"
    often = (
        f"The last pass, at {when},"
        if poll.failures == 1
        else f"Each of the last {poll.failures} passes, the latest at {when},"
    )
    sentence = f"{often} ended with: {poll.error}"
    return Condition(What(trouble), slug, None, sentence, _CURES[trouble].format(slug=slug))


_CURES = {
    Trouble.LOGIN: "check the user name and the password in the category's file, and whether the "
    "provider wants another way to log in; then `listbridge check {slug}`. The mail stays in the "
    "mailbox until then.",
    Trouble.UNREACHABLE: "`listbridge check {slug}` says how far it comes. If the server is only "
    "down, nothing has to be done: the mail stays there, and passes go on.",
    Trouble.MAILBOX: "`listbridge check {slug}` shows what the server allows; look into the "
    "mailbox with a mail program, and take out what cannot be read.",
    Trouble.DELETIONS: "see whether the mailbox keeps what is deleted (a setting of the provider), "
    "and whether its owner may delete: `listbridge check {slug}`. No post is sent twice meanwhile.",
    Trouble.SUBSCRIBERS: "mend the file; it is read again with the next pass or reload. Nobody was "
    "removed, and mail goes out to the subscribers of before.",
    Trouble.OURS: "look into the log for this category; `listbridge audit` says whether the "
    "database is whole. What was taken in is safe, and the rest stays in the mailbox.",
}


def _waiting_for_a_person(tx: Tx, known: _Known, now: datetime) -> Iterator[Condition]:
    shunted, held = waiting.shunted(tx), waiting.held(tx)
    for category_id, category in known.items():
        slug = category.slug
        if one := shunted.get(category_id):
            yield Condition(
                What.SHUNTED,
                slug,
                one.since,
                f"{_messages(one.number)} could not be handled and reached nobody.",
                "`listbridge shunted list` names them, `listbridge shunted show ID` says why; then "
                "`listbridge shunted retry ID` or `listbridge shunted drop ID`.",
            )
        if (one := held.get(category_id)) and now - one.since >= _HELD:
            yield Condition(
                What.HELD,
                slug,
                one.since,
                f"{_messages(one.number)} must be approved or refused.",
                f"`listbridge held list {slug}` names them; then `listbridge held approve ID`, "
                "`listbridge held reject ID` or `listbridge held discard ID`.",
            )


def _waiting_for_a_decision(tx: Tx, known: _Known, now: datetime) -> Iterator[Condition]:
    for category_id, one in waiting.held_deliveries(tx).items():
        if category_id in known and now - one.since >= _HELD:
            yield Condition(
                What.DELIVERIES,
                known[category_id].slug,
                one.since,
                f"{_deliveries(one.number)} held, by somebody or because the server's last answer "
                'was lost: `on_uncertain = "hold"` leaves it to you whether to send again.',
                "`listbridge queue list --state held` names them; then `listbridge queue release "
                "ID` or `listbridge queue cancel ID`.",
            )


def _deliveries(number: int) -> str:
    return "One delivery is" if number == 1 else f"{number} deliveries are"


def _messages(number: int) -> str:
    return "One message" if number == 1 else f"{number} messages"


def _waiting_to_leave(tx: Tx, known: _Known, now: datetime) -> Iterator[Condition]:
    unsent = waiting.unsent(tx)
    for category_id, category in known.items():
        settings, one = category.outgoing, unsent.get(category_id)
        if one is None or settings is None or not category.active:
            continue
        if now - one.since >= _QUEUED and not _waits_for_budget(tx, settings, now):
            yield Condition(
                What.QUEUE,
                category.slug,
                one.since,
                f"{one.number} deliveries wait to be sent, the oldest of a message that was "
                f"accepted {_hours(now - one.since)} hours ago.",
                "`listbridge queue list` shows what the server answered; "
                f"`listbridge check {category.slug}` tests the account.",
            )


def _refused(tx: Tx, known: _Known, now: datetime) -> Iterator[Condition]:
    for category_id, one in refusals.refused_by_policy(tx, now - bounces.WITHIN).items():
        enough = max(bounces.MANY, one.active * _REFUSED_SHARE)
        if category_id in known and one.people >= enough:
            slug = known[category_id].slug
            yield Condition(
                What.REFUSED,
                slug,
                one.since,
                f"Within a day the mail of {one.people} subscribers was refused by a policy, as "
                "spam or for what is missing in it. It counts against none of them. One server "
                f"said: {one.reason or 'nothing'}",
                f"`listbridge bounces list {slug}` shows what the servers say; mostly SPF, DKIM or "
                "DMARC of the list's domain need mending, or its address is on a blocklist.",
            )


def _waits_for_budget(tx: Tx, settings: OutgoingSettings, now: datetime) -> bool:
    return budgets.is_used_up(
        tx,
        settings.account,
        per_hour=settings.max_per_hour,
        per_day=settings.max_per_day,
        now=now,
    )


def _hours(span: timedelta) -> int:
    return int(span / timedelta(hours=1))
