"""Findings about the alerts: whether somebody is told, and whether the mail would get there."""

from collections.abc import Iterator
from dataclasses import replace

from listbridge.config import Service
from listbridge.service import alerting
from listbridge.service.checking.finding import Finding, fine
from listbridge.service.checking.servers import check_outgoing, check_outgoing_password
from listbridge.submission import Envelope

# A mail about a thousand mailboxes at once has less.
_LARGEST = 1_000_000


def check_alerts(service: Service, *, offline: bool) -> Iterator[Finding]:
    """Yield findings about the account that sends the alerts; nothing is sent."""
    settings, operators = service.alert_settings, service.alerts.to
    if settings is None:
        seen = "nobody is told by mail what goes wrong: `[alerts] to` names nobody"
        yield fine(None, "alerts", seen)
        return
    found = [check_outgoing_password("", settings)]
    if not offline:
        sender = alerting.sender(settings, operators)
        found = [
            one
            for to in operators
            for one in check_outgoing(
                "", settings, _LARGEST, Envelope(sender, (to,)), must_arrive=True
            )
        ]
    # What is not about one of them is seen alike for all.
    for one in dict.fromkeys(found):
        yield replace(one, category=None, what=one.what.replace("outgoing", "alerts", 1))
