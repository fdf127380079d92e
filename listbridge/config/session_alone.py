"""One half of a mail session taken by itself, without a category."""

from typing import Literal

from listbridge.config import halves
from listbridge.config.models import Service
from listbridge.config.problems import validate
from listbridge.mailbox import IncomingSettings
from listbridge.submission import OutgoingSettings

Half = Literal["incoming", "outgoing"]


def settings(service: Service, name: str, half: Half) -> IncomingSettings | OutgoingSettings | None:
    """Return what a mail session says of a half, as far as it goes; None if it says nothing."""
    table = service.sessions.by_name[name].halves({}).get(half)
    if table is None:
        return None
    whole = {"host": "left.open"} | table
    whole.pop("dkim", None)  # what it signs for is a category's
    if half == "incoming":
        incoming, _ = validate(IncomingSettings, whole)
        return halves.absolute(incoming, service.folder, service.tokens) if incoming else None
    outgoing, _ = validate(OutgoingSettings, whole)
    return halves.absolute(outgoing, service.folder, service.tokens) if outgoing else None
