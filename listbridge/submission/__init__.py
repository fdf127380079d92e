"""Send one message to some recipients through one SMTP account, and say how each one ended."""

from listbridge.submission.courier import (
    AccountTrouble,
    Connection,
    Courier,
    Envelope,
    Outcome,
    Result,
    SenderRefused,
)
from listbridge.submission.pool import SmtpCourier
from listbridge.submission.settings import DkimSettings, OutgoingSettings

__all__ = [
    "AccountTrouble",
    "Connection",
    "Courier",
    "DkimSettings",
    "Envelope",
    "Outcome",
    "OutgoingSettings",
    "Result",
    "SenderRefused",
    "SmtpCourier",
]
