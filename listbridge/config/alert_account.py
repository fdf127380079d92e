"""Which account sends the alerts: the outgoing half of a mail session."""

from pathlib import Path

from listbridge.config import halves
from listbridge.config.models import MailSession, ServiceFile
from listbridge.config.problems import Finding, validate
from listbridge.submission import OutgoingSettings

_KEY = ("alerts", "mail_session")


def settings(service: ServiceFile, folder: Path) -> OutgoingSettings | None:
    """Return the account; None where nobody is to get alerts, or nothing can send them."""
    _, session = _chosen(service)
    if session is None or session.outgoing is None or not service.alerts.to:
        return None
    made, _ = validate(OutgoingSettings, session.outgoing)
    return halves.absolute(made, folder) if made else None


def findings(service: ServiceFile) -> list[Finding]:
    """Say why alerts that somebody is to get cannot be sent.

    What is wrong within the mail session itself, or that it does not exist, is told elsewhere.
    """
    name, session = _chosen(service)
    if not service.alerts.to or (service.alerts.mail_session and session is None):
        return []
    if session is None:
        return [
            Finding(_KEY, f"required with `to`: the mail session that sends; {_which(service)}")
        ]
    if _has_host(session) or _is_completed_elsewhere(session):
        return []
    return [Finding(_KEY, f"{_no_host(name)}; give it one, or name another mail session")]


def warnings(service: ServiceFile) -> list[Finding]:
    """Say that no alerts are sent, where only a key without an effect yet would supply the host."""
    name, session = _chosen(service)
    if not service.alerts.to or session is None or _has_host(session):
        return []
    return [Finding(_KEY, f"{_no_host(name)} yet")] if _is_completed_elsewhere(session) else []


def _chosen(service: ServiceFile) -> tuple[str, MailSession | None]:
    """Return the mail session that is named, else the only one, else none."""
    name = service.alerts.mail_session
    if name is None and len(service.mail_sessions) == 1:
        [name] = service.mail_sessions
    return name or "", service.mail_sessions.get(name or "")


def _has_host(session: MailSession) -> bool:
    return "host" in (session.outgoing or {})


def _is_completed_elsewhere(session: MailSession) -> bool:
    return bool(session.provider or session.properties_file or session.properties)


def _which(service: ServiceFile) -> str:
    if not service.mail_sessions:
        return "define one, with a table [mail_sessions.NAME.outgoing]"
    return f"name one of {', '.join(map(repr, service.mail_sessions))}"


def _no_host(name: str) -> str:
    return f"the mail session {name!r} has no outgoing host, so it cannot send alerts"
