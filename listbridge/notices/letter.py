"""The form of every service mail: a short head, and text in UTF-8."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from uuid import uuid4

from listbridge.guard import safe
from listbridge.message.headers import Head
from listbridge.message.recode import encoded
from storage.service_mail import Letter


def letter(
    *, sender: str, recipients: Sequence[str], subject: str, text: str, now: datetime
) -> Letter:
    """Compose a mail from the service at the address `sender`; `text` has lines that end in LF."""
    message_id = f"<{uuid4().hex}@{sender.rpartition('@')[2]}>"
    head = (
        Head()
        .append("From", f"listbridge <{_address(sender)}>".encode())
        .append("To", ", ".join(map(_address, recipients)).encode())
        .append("Subject", subject)
        .append("Date", format_datetime(now.astimezone(UTC)))
        .append("Message-ID", message_id)
        .append("Auto-Submitted", "auto-generated")  # RFC 3834 5: nobody's robot answers it
        .append("MIME-Version", "1.0")
        .append("Content-Type", "text/plain; charset=utf-8")
        .append("Content-Transfer-Encoding", "quoted-printable")
    )
    body = encoded(text.encode("utf-8", "replace"), "quoted-printable")
    return Letter(message_id, head.to_bytes(), body)


def _address(text: str) -> str:
    return safe(text, "an address")
