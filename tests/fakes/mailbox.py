"""A mailbox in memory that misbehaves on command, and sees what is done to the mail in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from listbridge.mailbox import FetchedMessage, IncomingSettings, Listed, MailboxError
from listbridge.mailbox.mailbox import Batch, Listing

ARRIVED = datetime(2026, 10, 31, 8, 0, tzinfo=UTC)
HOST = "mail.example.org"
IMAP = IncomingSettings(host=HOST, username="general@example.org")
POP3 = IncomingSettings(host=HOST, username="general@example.org", protocol="pop3")


@dataclass(eq=False)
class Stored:
    """One message as it lies on the server."""

    raw: bytes
    uid: int
    arrived: datetime
    flagged: bool = False  #: \\Deleted
    unreadable: str = ""  #: why the server does not give it away
    size: int = 0  #: as the server announces it


@dataclass
class FakeServer:
    """A server with one mailbox. What `on` says for a step happens just before that step.

    Steps are "open", "list", "fetch 1" (the first batch), "delete 1" and "finish"; what happens
    may change the server, or raise. `is_safe` is asked about all bytes that are about to go.
    """

    protocol: str = "imap"
    is_safe: Callable[[bytes], bool] = lambda raw: False
    uidvalidity: int | None = 7
    messages: list[Stored] = field(default_factory=list)
    batch: int = 200
    forgets: bool = False  #: deletes, and has the message again at the next login
    refuses: bool = False  #: says no to each deletion
    loses_quit: str = ""  #: "before" or "after" it deleted
    name: Callable[[Stored, int], str | None] = lambda one, login: f"u{one.uid}"  #: POP3: UIDL
    on: dict[str, Callable[[], None]] = field(default_factory=dict)
    logins: int = 0
    steps: list[str] = field(default_factory=list)
    read: list[bytes] = field(default_factory=list)  #: every message ever given away
    gone: list[bytes] = field(default_factory=list)  #: every message ever deleted
    crimes: list[str] = field(default_factory=list)  #: what must never be done to a mailbox

    @property
    def settings(self) -> IncomingSettings:
        """How to reach it."""
        return IMAP if self.protocol == "imap" else POP3

    def deliver(self, *raws: bytes, flagged: bool = False, unreadable: str = "") -> None:
        """Put messages into the mailbox."""
        for raw in raws:
            uid = max((one.uid for one in self.messages), default=len(self.gone)) + 1
            arrived = ARRIVED + timedelta(minutes=uid)
            self.messages.append(Stored(raw, uid, arrived, flagged, unreadable, len(raw)))

    def renumber(self) -> None:
        """Give the folder another UIDVALIDITY, and old UIDs to other messages."""
        assert self.uidvalidity is not None
        self.uidvalidity += 1
        for uid, one in enumerate(reversed(self.messages), start=1):
            one.uid = uid

    def lying_there(self) -> list[bytes]:
        """Return the bytes of what is in the mailbox."""
        return [one.raw for one in self.messages]

    def open(self, settings: IncomingSettings, *, read_only: bool = False) -> "FakeMailbox":
        """Log in, as `open_mailbox` does."""
        assert settings.protocol == self.protocol
        self.logins += 1
        self.do("open")
        return FakeMailbox(self, read_only=read_only)

    def do(self, step: str) -> None:
        """Note a step, and let happen what the test wants to happen before it."""
        self.steps.append(step)
        self.on.get(step, lambda: None)()


class FakeMailbox:
    """One connection to the server."""

    def __init__(self, server: FakeServer, *, read_only: bool) -> None:
        self.server = server
        self.deletes_unread = server.protocol == "imap" and server.uidvalidity is not None
        self.unreadable: list[tuple[Listed, str]] = []
        self.complaints: list[str] = []
        self._read_only = read_only
        self._uidvalidity = server.uidvalidity
        self._view = list(server.messages)
        self._listed: dict[Listed, Stored] = {}
        self._read: set[Listed] = set()
        self._marked: list[Listed] = []
        self._batches = self._deletions = 0

    def on_progress(self, _report: Callable[[], None]) -> None:
        """All of it is here already."""

    def list(self) -> Listing:
        """Return what lay in the mailbox at the login."""
        self.server.do("list")
        names = [self.server.name(one, self.server.logins) for one in self._view]
        for number, one in enumerate(self._view, start=1):
            name = names[number - 1]
            if self.server.protocol == "imap":
                listed = Listed(
                    self._uidvalidity, str(one.uid), one.uid, one.size, one.arrived, one.flagged
                )
            else:
                unique = name if names.count(name) == 1 else None
                listed = Listed(None, unique, number, one.size, None)
            self._listed[listed] = one
        return [*self._listed]

    def fetch(self, wanted: Sequence[Listed]) -> Iterator[Batch]:
        """Give the bytes away, `server.batch` messages at a time."""
        for start in range(0, len(wanted), self.server.batch):
            self._batches += 1
            self.server.do(f"fetch {self._batches}")
            self._check_same_folder()
            batch = []
            for listed in wanted[start : start + self.server.batch]:
                one = self._listed[listed]
                if one not in self.server.messages:
                    continue  # another client has expunged it
                if one.unreadable:
                    self.unreadable.append((listed, one.unreadable))
                    continue
                self.server.read.append(one.raw)
                self._read.add(listed)
                batch.append(FetchedMessage(listed, one.raw))
            yield batch

    def delete(self, stored: Sequence[Listed]) -> Listing:
        """Delete at once (IMAP), or mark for QUIT (POP3)."""
        self._deletions += 1
        self.server.do(f"delete {self._deletions}")
        self._check_same_folder()
        for listed in stored:
            self._judge(listed)
        if self.server.refuses:
            if stored:
                self.complaints.append(f"{HOST} refused to delete")
            return []
        if self.server.protocol == "pop3":
            self._marked.extend(stored)
            return []
        return self._remove(stored)

    def finish(self) -> Listing:
        """Log out; over POP3 this is what deletes."""
        self.server.do("finish")
        if self.server.loses_quit == "before":
            raise MailboxError(f"{HOST} closed the connection")
        gone = self._remove(self._marked)
        if self.server.loses_quit == "after":
            raise MailboxError(f"{HOST} closed the connection")
        return gone

    def drop(self) -> None:
        """Cut the connection: nothing that was marked is deleted."""
        self.server.steps.append("drop")

    def _check_same_folder(self) -> None:
        if self.server.uidvalidity != self._uidvalidity:
            raise MailboxError(f"{HOST}: another UIDVALIDITY")

    def _judge(self, listed: Listed) -> None:
        raw = self._listed[listed].raw
        if self._read_only:
            self.server.crimes.append("deleted in a dry run")
        if not self.server.is_safe(raw):
            self.server.crimes.append(f"deleted before it was committed: {raw[:60]!r}")
        if not self.deletes_unread and listed not in self._read:
            self.server.crimes.append(f"deleted unread: {raw[:60]!r}")

    def _remove(self, stored: Sequence[Listed]) -> Listing:
        for listed in stored:
            one = self._listed[listed]
            self.server.gone.append(one.raw)
            if not self.server.forgets and one in self.server.messages:
                self.server.messages.remove(one)
        return [*stored]


def breaks() -> None:
    """Do what a broken connection does: for `FakeServer.on`."""
    raise MailboxError(f"{HOST} closed the connection")
