"""Which account sends the alerts: the outgoing half of a mail session."""

from pathlib import Path
from typing import Any

from listbridge.config import halves
from listbridge.config.models import ServiceFile
from listbridge.config.problems import Finding, validate
from listbridge.config.sessions import Session, Sessions
from listbridge.mailsession.layers import PATTERNS, filled_in, names_of, unfilled
from listbridge.submission import OutgoingSettings

_KEY = ("alerts", "mail_session")


def settings(
    service: ServiceFile, sessions: Sessions, folder: Path, tokens: Path
) -> OutgoingSettings | None:
    """Return the account; None where nobody is to get alerts, or nothing can send them."""
    _, session = _chosen(service, sessions)
    table = _outgoing(session)
    if not table or not service.alerts.to:
        return None
    address = str(table.get("username", ""))
    made, _ = validate(OutgoingSettings, _signing_for(address, table))
    return halves.absolute(halves.signing(made, folder, address), folder, tokens) if made else None


def findings(service: ServiceFile, sessions: Sessions) -> list[Finding]:
    """Say why alerts that somebody is to get cannot be sent.

    What is wrong within the mail session itself is told elsewhere.
    """
    name, session = _chosen(service, sessions)
    if service.alerts.mail_session and session is None:
        return [Finding(_KEY, sessions.unknown(name))]
    if not service.alerts.to:
        return []
    if session is None:
        return [
            Finding(_KEY, f"required with `to`: the mail session that sends; {_which(sessions)}")
        ]
    table = _outgoing(session)
    if "host" not in table:
        fault = f"the mail session {name!r} has no outgoing host, so it cannot send alerts"
        return [Finding(_KEY, f"{fault}; give it one, or name another mail session")]
    left = unfilled(table["host"]) or unfilled(table.get("username"))
    if left is None:
        return []
    fault = f"the mail session {name!r} has {left} in it, which only a category fills in"
    return [Finding(_KEY, f"{fault}; name another mail session")]


def _chosen(service: ServiceFile, sessions: Sessions) -> tuple[str, Session | None]:
    """Return the mail session that is named, else the only one, else none."""
    name = service.alerts.mail_session
    if name is None and len(sessions.by_name) == 1:
        [name] = sessions.by_name
    return name or "", sessions.find(name or "")


def _outgoing(session: Session | None) -> dict[str, Any]:
    return session.halves({}).get("outgoing", {}) if session else {}


def _signing_for(address: str, table: dict[str, Any]) -> dict[str, Any]:
    """Fill in how alerts from this address are signed; they are not where that stays open."""
    given = table.pop("dkim", None)
    if given is None or "@" not in address:
        return table
    _, *own = PATTERNS  # there is no slug
    names = names_of("", address)
    filled = filled_in(given, {name: names[name] for name in own})
    return table if unfilled(str(filled)) else {**table, "dkim": filled}


def _which(sessions: Sessions) -> str:
    if not sessions.by_name:
        return "define one, with a table [mail_sessions.NAME.outgoing]"
    return f"name one of {', '.join(map(repr, sessions.by_name))}"
