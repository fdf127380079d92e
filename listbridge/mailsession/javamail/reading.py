"""JavaMail properties become tables with the keys of [incoming] and [outgoing].

overlay    properties that go over fields: only what they say themselves
complete   properties that are a whole session: JavaMail's defaults where they say nothing
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from listbridge import guard
from listbridge.mailsession import slips
from listbridge.mailsession.javamail import judge, names, values
from listbridge.mailsession.javamail.half import Half, Login
from listbridge.mailsession.javamail.names import STORES, TRANSPORTS
from listbridge.mailsession.remarks import Notes, Remark

_STORE = "mail.store.protocol"
_TRANSPORT = "mail.transport.protocol"


@dataclass(frozen=True)
class Reading:
    """What properties come to; the tables may hold passwords and are shown nowhere."""

    incoming: dict[str, Any] | None = field(default=None, repr=False)
    outgoing: dict[str, Any] | None = field(default=None, repr=False)
    problems: tuple[Remark, ...] = ()  #: what cannot be used as it is; its key was left out
    warnings: tuple[Remark, ...] = ()  #: what is taken, but should be known
    ignored: tuple[Remark, ...] = ()  #: what means nothing here


def overlay(properties: Mapping[str, Any], *, protocol: str = "imap") -> Reading:
    """Read properties that override fields; a table has only the keys they really set.

    `protocol` is what the fields say, imap or pop3: names of the other one have no effect, unless
    mail.store.protocol asks for it.
    """
    notes = Notes()
    given = _documented(properties, notes)
    store = _store(given, (protocol, f"{protocol}s"), notes)
    inbound, outbound = Half(store, given, notes), Half(_transport(given, notes), given, notes)
    incoming, outgoing = inbound.said(), outbound.said()
    if given.get(_STORE) == store:
        incoming = {"protocol": inbound.plain} | incoming
    if outbound.flag("auth", "username") is False:
        outgoing |= {"username": None, "password": None}
    _judge(given, inbound, outbound, notes)
    return Reading(incoming or None, outgoing or None, **notes.lists())


def complete(
    properties: Mapping[str, Any],
    *,
    store: str = "imap",
    reads_with: Login | None = None,
    sends_with: Login | None = None,
    always_logs_in: bool = False,
) -> Reading:
    """Read properties that are a whole session, as another system keeps it.

    `store` is the protocol where mail.store.protocol is not set. The logins are the container's
    own, and go before the properties'. Without `always_logs_in` only mail.smtp.auth leads to a
    login at the outgoing server, as with JavaMail.
    """
    notes = Notes()
    given = _documented(properties, notes)
    candidates = (store, *(x for x in STORES if x != store))
    inbound = Half(_store(given, candidates, notes), given, notes, reads_with)
    outbound = Half(_transport(given, notes), given, notes, sends_with)
    reads, sends = inbound.is_meant, outbound.is_meant
    if not reads and not sends:
        # Who names nothing but a server means both, as JavaMail does.
        reads = sends = "mail.host" in given
    incoming = inbound.completed(logs_in=True) if reads else None
    outgoing = outbound.completed(logs_in=_logs_in(outbound, always_logs_in)) if sends else None
    _judge(given, inbound, outbound, notes)
    return Reading(incoming, outgoing, **notes.lists())


def _documented(properties: Mapping[str, Any], notes: Notes) -> dict[str, str]:
    """Return the properties that JavaMail knows and that say something, as texts."""
    given: dict[str, str] = {}
    for name, value in properties.items():
        text = values.text(value)
        if names.find(name) is None:
            notes.warn(name if guard.is_safe(name) else repr(name), _unknown(name))
        elif text is None:
            notes.problem(name, "write a text, a whole number, true or false")
        elif not guard.is_safe(text):
            notes.problem(name, "contains a control character or line break; remove it")
        elif text.strip():
            given[name] = text if name.endswith(".password") else text.strip()
    return given


def _unknown(name: str) -> str:
    known = names.every_name()
    nearest = get_close_matches(name, [*known, *map(_with_s, known)], n=1)
    meant = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"is no property of JavaMail, and has no effect{meant}"


def _with_s(name: str) -> str:
    """Name the property as it is called where TLS begins at once: mail.imap.x, mail.imaps.x."""
    _, protocol, *rest = name.split(".")
    return ".".join(("mail", f"{protocol}s", *rest)) if f"{protocol}s" in names.PROTOCOLS else name


def _store(given: Mapping[str, str], candidates: tuple[str, ...], notes: Notes) -> str:
    """Return the protocol that mail is read by."""
    named = given.get(_STORE)
    if named in STORES:
        return named
    if named is not None:
        notes.problem(_STORE, slips.one_of(named, STORES), "incoming", "protocol")
    return _used(given, candidates)


def _transport(given: Mapping[str, str], notes: Notes) -> str:
    """Return the protocol that mail is sent by."""
    for name in (f"{_TRANSPORT}.rfc822", _TRANSPORT):
        named = given.get(name)
        if named in TRANSPORTS:
            return named
        if named is not None:
            notes.problem(name, slips.one_of(named, TRANSPORTS), "outgoing", "security")
    return _used(given, TRANSPORTS)


def _used(given: Mapping[str, str], candidates: tuple[str, ...]) -> str:
    """Return the first candidate whose names are used, else the first of all."""
    used = (x for x in candidates if any(name.startswith(f"mail.{x}.") for name in given))
    return next(used, candidates[0])


def _logs_in(outbound: Half, always: bool) -> bool:
    said = outbound.flag("auth", "username")
    if said is None and not always and "user" in outbound.own:
        outbound.notes.warn(
            f"mail.{outbound.protocol}.auth",
            "is not set, so JavaMail would not log in, and neither does listbridge; set it to true "
            "if the server wants a login",
        )
    return always if said is None else said


def _judge(given: Mapping[str, str], inbound: Half, outbound: Half, notes: Notes) -> None:
    judge.session(given, inbound.protocol, outbound.protocol, notes)
    judge.half(inbound)
    judge.half(outbound)
