"""One IMAP or POP3 mailbox: settings, connection, messages, deletion."""

from listbridge.mailbox.connect import open_mailbox, open_watch
from listbridge.mailbox.idle import NoIdle, Watch
from listbridge.mailbox.mailbox import (
    FetchedMessage,
    Listed,
    LoginRefused,
    Mailbox,
    MailboxBusy,
    MailboxError,
    OutOfStep,
    ReadOnly,
    TooMany,
)
from listbridge.mailbox.settings import IncomingSettings

__all__ = [
    "FetchedMessage",
    "IncomingSettings",
    "Listed",
    "LoginRefused",
    "Mailbox",
    "MailboxBusy",
    "MailboxError",
    "NoIdle",
    "OutOfStep",
    "ReadOnly",
    "TooMany",
    "Watch",
    "open_mailbox",
    "open_watch",
]
