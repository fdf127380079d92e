"""Findings about mailboxes and SMTP accounts; nothing changes there, and no mail is sent."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from threading import Lock

from listbridge import clock, network, tls
from listbridge.errors import ListbridgeError
from listbridge.intake.poll import time_budget
from listbridge.intake.watchdog import Watchdog
from listbridge.mailbox import IncomingSettings, MailboxBusy, TooMany
from listbridge.mailbox import connect as incoming
from listbridge.mailbox.inspect import Inspection
from listbridge.oauth2 import Credential
from listbridge.service.checking import secrets, tokens
from listbridge.service.checking.finding import Finding, fine, wrong
from listbridge.submission import Envelope, OutgoingSettings
from listbridge.submission import connect as outgoing
from listbridge.submission.inspect import ENVELOPE, inspect

_Seen = str | ssl.SSLSocket | ssl.SSLObject | ListbridgeError

_ENVELOPE = f"outgoing {ENVELOPE}"
_ASK = "if it stays so, ask who runs the server"
# How a server is asked for TLS: RFC 9051 6.2.1, RFC 2595 4, RFC 3207 4.
_STARTTLS = {
    "imap": (b"a STARTTLS\r\n",),
    "pop3": (b"STLS\r\n",),
    "smtp": (b"EHLO [127.0.0.1]\r\n", b"STARTTLS\r\n"),
}


def check_incoming_password(slug: str, settings: IncomingSettings) -> Finding:
    """Say whether there is a password or a consent; without a word to any server."""
    if settings.oauth2 is not None:
        return tokens.kept(slug, "incoming", settings.oauth2, settings.username)
    return _incoming_password(slug, settings)[0]


def check_outgoing_password(slug: str, settings: OutgoingSettings) -> Finding:
    """Say whether there is a password or a consent for the account, if it needs one."""
    if settings.oauth2 is not None:
        return tokens.kept(slug, "outgoing", settings.oauth2, settings.username)
    return _outgoing_password(slug, settings)[0]


def check_incoming(slug: str, settings: IncomingSettings) -> Iterator[Finding]:
    """Yield findings about a mailbox, step by step: name, connection, … login, folder, waiting."""
    finding, credential = _incoming_login(slug, settings)
    yield finding
    yield from _in_the_clear(slug, "incoming", settings, credential)
    inspection = Inspection(settings, credential)
    with Watchdog(time_budget(settings).total_seconds(), inspection.drop) as watchdog:
        inspection.on_progress(watchdog.progress)
        for what, seen in inspection.steps():
            watchdog.progress()
            yield _finding(slug, f"incoming {what}", _with_names(seen, settings))


def check_outgoing(
    slug: str,
    settings: OutgoingSettings,
    max_size: int,
    envelope: Envelope | None = None,
    *,
    must_arrive: bool = False,
) -> Iterator[Finding]:
    """Yield findings about an SMTP account that should carry posts of up to `max_size` bytes.

    `envelope`: of one of them, and whether mail to this recipient `must_arrive`.
    """
    finding, credential = _outgoing_login(slug, settings)
    yield finding
    yield from _in_the_clear(slug, "outgoing", settings, credential)
    steps = inspect(settings, credential, max_size, envelope, must_arrive=must_arrive)
    yield from asyncio.run(_inspect(slug, settings, steps))


class Accounts:
    """The SMTP accounts of many categories, each looked at once; for several threads."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], list[Finding]] = {}
        self._lock = Lock()
        self._looking: defaultdict[tuple[str, int], Lock] = defaultdict(Lock)

    def check(
        self,
        slug: str,
        settings: OutgoingSettings,
        max_size: int,
        envelope: Envelope | None = None,
    ) -> list[Finding]:
        """Return what `check_outgoing` yields; what is shared is said of each category.

        Only the envelope of the first one is tried.
        """
        key = settings.account, max_size
        with self._lock:
            looking = self._looking[key]
        with looking:
            if key not in self._found:
                self._found[key] = list(check_outgoing(slug, settings, max_size, envelope))
        found = self._found[key]
        own = [one for one in found if one.category == slug or one.what != _ENVELOPE]
        return [replace(one, category=slug) for one in own]


def _in_the_clear(
    slug: str,
    half: str,
    settings: IncomingSettings | OutgoingSettings,
    credential: Credential | None,
) -> Iterator[Finding]:
    """Say what others can read; it works, and somebody has chosen it, so nothing is wrong."""
    if settings.security != "none" or credential is None:
        return
    if not network.is_this_machine(settings.host):
        secret = "password" if settings.oauth2 is None else "access token"
        seen = f"none: whoever is on the way to {settings.host} can read the {secret}; better is "
        yield fine(slug, f"{half} TLS", seen + 'security = "tls" or "starttls"')


def _incoming_login(slug: str, settings: IncomingSettings) -> tuple[Finding, Credential | None]:
    if settings.oauth2 is None:
        return _incoming_password(slug, settings)
    renew = partial(incoming.credential_of, settings)
    return tokens.renewed(slug, "incoming", settings.oauth2, settings.username, renew)


def _outgoing_login(slug: str, settings: OutgoingSettings) -> tuple[Finding, Credential | None]:
    if settings.oauth2 is None:
        return _outgoing_password(slug, settings)
    renew = partial(outgoing.credential_of, settings)
    return tokens.renewed(slug, "outgoing", settings.oauth2, settings.username, renew)


def _incoming_password(slug: str, settings: IncomingSettings) -> tuple[Finding, str | None]:
    what = "incoming password"
    try:
        password = incoming.password_of(settings)
    except ListbridgeError as err:
        return _no_password(slug, what, err), None
    assert settings.password is not None
    return fine(slug, what, secrets.source(settings.password)), password


def _outgoing_password(slug: str, settings: OutgoingSettings) -> tuple[Finding, str | None]:
    what = "outgoing password"
    try:
        password = outgoing.password_of(settings)
    except ListbridgeError as err:
        return _no_password(slug, what, err), None
    if settings.username is None or settings.password is None:
        return fine(slug, what, "none needed, since no username is set"), None
    return fine(slug, what, secrets.source(settings.password)), password


def _no_password(slug: str, what: str, err: ListbridgeError) -> Finding:
    half = what.split()[0]
    place = f"put the password there, or name another place for it under [{half}]"
    return wrong(slug, what, err.fault, err.cure or place)


async def _inspect(
    slug: str, settings: OutgoingSettings, steps: AsyncIterator[tuple[str, _Seen]]
) -> list[Finding]:
    return [
        _finding(slug, f"outgoing {what}", _with_names(one, settings)) async for what, one in steps
    ]


def _with_names(seen: _Seen, settings: IncomingSettings | OutgoingSettings) -> _Seen:
    """Say which names there are where a certificate is for another one."""
    if not isinstance(seen, ListbridgeError) or seen.cure != tls.OTHER_NAME_CURE:
        return seen
    protocol = settings.protocol if isinstance(settings, IncomingSettings) else "smtp"
    asking = _STARTTLS[protocol] if settings.security == "starttls" else ()
    seconds = min(settings.timeout, network.LONGEST_LOOK).total_seconds()
    where = settings.host, settings.effective_port
    names = tls.names_shown(*where, seconds, settings.ca_file, asking)
    if not names:
        return seen
    return ListbridgeError(seen.fault, cure=f"{seen.cure}: {', '.join(names)}")


def _finding(slug: str, what: str, seen: _Seen) -> Finding:
    if isinstance(seen, MailboxBusy) and not isinstance(seen, TooMany):
        # Most likely our own service is just polling.
        return fine(slug, what, f"{seen.fault}; nothing is wrong, look again later")
    if isinstance(seen, ListbridgeError):
        return wrong(slug, what, seen.fault, seen.cure or _ASK)
    return fine(slug, what, seen if isinstance(seen, str) else _shown(seen))


def _shown(session: ssl.SSLSocket | ssl.SSLObject) -> str:
    """Say which TLS is spoken, and how long the certificate is good for."""
    certificate = session.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    until = datetime.fromtimestamp(ends, UTC)
    days = (until - clock.now()).days
    return f"{session.version()}, certificate valid until {until.date()} ({days} days left)"
