"""One IMAP or POP3 mailbox: settings, connection, messages, deletion."""

from listbridge.mailbox.connect import open_mailbox
from listbridge.mailbox.mailbox import (
    FetchedMessage,
    Listed,
    Mailbox,
    MailboxBusy,
    MailboxError,
)
from listbridge.mailbox.settings import IncomingSettings

__all__ = [
    "FetchedMessage",
    "IncomingSettings",
    "Listed",
    "Mailbox",
    "MailboxBusy",
    "MailboxError",
    "open_mailbox",
]
