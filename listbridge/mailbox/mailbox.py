"""One open mailbox, whatever its protocol: list, fetch, delete what was stored, finish.

A pass goes: `list` → `fetch` batch by batch → commit the bytes → `delete` → `finish`. After any
`MailboxError` the connection is good for nothing but `drop`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from listbridge.errors import ListbridgeError

# More than this in one message is never read: it would not fit into memory beside the others.
LARGEST_MESSAGE = 256 * 1024 * 1024
# A batch is what lies in memory before it is committed.
BATCH_COUNT = 500
BATCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Listed:
    """One message as the server lists it."""

    #: IMAP: the folder's UIDVALIDITY, None where the server gives none. POP3: None.
    uidvalidity: int | None
    #: IMAP: the UID. POP3: the UIDL, None where it is missing or not unique in the listing.
    uid: str | None
    #: IMAP: the UID. POP3: the message number, which counts in this connection only.
    number: int
    #: Octets as the server announces them; some servers only estimate.
    size: int
    #: IMAP: INTERNALDATE in UTC. POP3: None.
    internal_date: datetime | None
    #: IMAP: flagged \Deleted. Either left over from an interrupted pass of ours, to be deleted
    #: by who recognises it, or flagged by another client: then it is to be left alone, not fetched.
    deleted: bool = False


@dataclass(frozen=True)
class FetchedMessage:
    """One message's bytes, exactly as the server gave them."""

    listed: Listed
    raw: bytes


class MailboxError(ListbridgeError):
    """The mailbox cannot be read now; the text says which server, why, and what to do."""


class LoginRefused(MailboxError):
    """The server does not let us in."""


class ReadOnly(MailboxError):
    """The folder may be read, but nothing may be deleted there, so that nothing is taken in."""


class OutOfStep(MailboxError):
    """Answers did not fit what was asked for in one go; asked one by one they may."""


class MailboxBusy(MailboxError):
    """Another connection holds the mailbox, or the server wants us later; nothing is wrong."""


class TooMany(MailboxBusy):
    """The server counts connections or logins, and there were too many; it passes by itself."""


Listing: TypeAlias = list[Listed]
Batch: TypeAlias = list[FetchedMessage]
Unreadable: TypeAlias = list[tuple[Listed, str]]
Sentences: TypeAlias = list[str]


class Mailbox(Protocol):
    """One open connection to one mailbox; it belongs to one thread, only `drop` may cross."""

    #: Whether messages recognised by UID may be deleted without reading them in this connection.
    deletes_unread: bool
    #: Messages that `fetch` could not give, each with the reason; they must not be deleted.
    unreadable: Unreadable
    #: What the operator should hear although the pass goes on.
    complaints: Sentences

    def on_progress(self, report: Callable[[], None]) -> None:
        """Have `report` called whenever one more message, or its header, has come in."""

    def list(self) -> Listing:
        """Return what lies in the folder now and is not older than `since`.

        Messages flagged \\Deleted are among them, see `Listed.deleted`.
        """

    def fetch(self, wanted: Sequence[Listed]) -> Iterator[Batch]:
        """Yield the wanted messages in batches bounded by number and by bytes.

        A larger message comes alone; one that has gone meanwhile is left out; one that cannot be
        had is added to `unreadable`. The caller clears a batch when done with it, so that it does
        not lie in memory beside the next one.
        """

    def delete(self, stored: Sequence[Listed]) -> Listing:
        """Remove messages whose bytes are committed; return those verified gone by now.

        Over POP3 nothing is gone before `finish`, and only what was read in this connection
        may be named.
        """

    def finish(self) -> Listing:
        """End the connection cleanly; return what was deleted by ending it (POP3)."""

    def drop(self) -> None:
        """Cut the connection at once, from any thread, waking one that waits; never raises."""


def in_batches(wanted: Sequence[Listed]) -> Iterator[Listing]:
    """Cut `wanted` into runs of at most `BATCH_COUNT` messages and `BATCH_BYTES` listed octets."""
    batch: Listing = []
    size = 0
    for listed in wanted:
        if batch and (len(batch) >= BATCH_COUNT or size + listed.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(listed)
        size += listed.size
    if batch:
        yield batch


def too_large(listed: Listed) -> str | None:
    """Say in a sentence why a message is too large to be read, or return None."""
    if listed.size <= LARGEST_MESSAGE:
        return None
    return f"its announced size of {listed.size} octets is above the limit of {LARGEST_MESSAGE}"


def nothing_came(listed: Listed, raw: object) -> str | None:
    """Say in a sentence why `raw` is no message, or return None; zero octets of size 0 are one."""
    if not isinstance(raw, bytes):
        return "the server sent no content for it"
    if not raw and listed.size > 0:
        return f"the server sent no content for it although its size is {listed.size} octets"
    return None
