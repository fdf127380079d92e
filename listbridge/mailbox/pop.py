"""One POP3 maildrop as a `Mailbox`: RETR, and DELE only of what this connection has read."""

import poplib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from listbridge.mailbox import explain, pop_client, pop_dates
from listbridge.mailbox.link import Link
from listbridge.mailbox.mailbox import (
    BATCH_BYTES,
    BATCH_COUNT,
    Batch,
    FetchedMessage,
    Listed,
    Listing,
    MailboxError,
    Sentences,
    Unreadable,
    nothing_came,
    too_large,
)
from listbridge.mailbox.settings import IncomingSettings


class PopMailbox:
    """An open POP3 maildrop."""

    #: A message number names nothing beyond this connection, and UIDLs are re-used by some.
    deletes_unread = False

    def __init__(
        self,
        settings: IncomingSettings,
        link: Link,
        client: pop_client.Client,
        *,
        read_only: bool,
    ) -> None:
        self.unreadable: Unreadable = []
        self.complaints: Sentences = []
        self._settings = settings
        self._link = link
        self._read_only = read_only
        self._read: set[int] = set()
        self._marked: Listing = []
        self._client = client

    def on_progress(self, report: Callable[[], None]) -> None:
        """See `Mailbox.on_progress`."""
        self._link.progress = report

    def list(self) -> Listing:
        """Return the maildrop's messages; see `Mailbox.list`."""
        with self._link.talking("listing the mailbox"):
            sizes = self._client.sizes()
            names = _unique(self._client.names())
            found = [
                Listed(None, names.get(number), number, size, None)
                for number, size in sorted(sizes.items())
            ]
            return [listed for listed in found if self._is_recent(listed)]

    def fetch(self, wanted: Sequence[Listed]) -> Iterator[Batch]:
        """Yield the bytes of the wanted messages in batches; see `Mailbox.fetch`."""
        batch: Batch = []
        size = 0
        for listed in wanted:
            if batch and (len(batch) >= BATCH_COUNT or size + listed.size > BATCH_BYTES):
                yield self._checked(batch)
                batch, size = [], 0
            batch += self._fetch_one(listed)
            # What came counts: some servers announce no true sizes.
            size = sum(len(one.raw) for one in batch)
        if batch:
            yield self._checked(batch)

    def delete(self, stored: Sequence[Listed]) -> Listing:
        """Mark messages read in this connection; they go when `finish` is answered."""
        if self._read_only or any(listed.number not in self._read for listed in stored):
            raise MailboxError(
                f"{self._link.where}: a message that this connection has not read would be "
                "deleted, so nothing is"
            )
        with self._link.talking("deleting what was stored"):
            for listed in stored:
                self._mark(listed)
        return []

    def finish(self) -> Listing:
        """QUIT, which carries out the deletions; without its +OK they are unknown."""
        try:
            with self._link.talking("ending the session"):
                self._client.quit()
        except MailboxError as err:
            if self._marked:
                raise MailboxError(
                    f"{err}; whether {len(self._marked)} stored messages are deleted is unknown, "
                    "they are recognised at the next poll"
                ) from None
        finally:
            self._link.close()
        return self._marked

    def drop(self) -> None:
        """Cut the connection at once, so that nothing is deleted; see `Mailbox.drop`."""
        self._link.drop()

    def _is_recent(self, listed: Listed) -> bool:
        since = self._settings.since
        if since is None:
            return True
        head = self._client.head(listed)
        dated = pop_dates.arrival_date(head) if head is not None else None
        return dated is None or dated >= since

    def _checked(self, batch: Batch) -> Batch:
        with self._link.talking("fetching messages"):
            self._client.check_in_step()
        return batch

    def _fetch_one(self, listed: Listed) -> Batch:
        """Return the message, alone, or nothing where it cannot be had."""
        reason = too_large(listed)
        if reason is None:
            with self._link.talking("fetching messages"):
                raw, reason = self._retrieve(listed)
            if raw is not None and reason is None:
                self._read.add(listed.number)
                return [FetchedMessage(listed, raw)]
        self.unreadable.append((listed, reason or "the server sent no content for it"))
        return []

    def _retrieve(self, listed: Listed) -> tuple[bytes | None, str | None]:
        try:
            raw = self._client.message(listed, look_only=self._read_only)
        except poplib.error_proto as err:
            if not explain.is_refusal(err):
                raise
            words = self._link.secrets.quotable(explain.server_words(err))
            return None, f"the server refused to send it: {words}"
        return raw, nothing_came(listed, raw)

    def _mark(self, listed: Listed) -> None:
        try:
            self._client.dele(listed.number)
        except poplib.error_proto as err:
            if not explain.is_refusal(err):
                raise
            words = self._link.secrets.quotable(explain.server_words(err))
            complaint = f"{self._link.where} refused to delete a stored message: {words}"
            if complaint not in self.complaints:
                self.complaints.append(complaint)
        else:
            self._marked.append(listed)


def _unique(names: dict[int, str]) -> dict[int, str]:
    # RFC 1939 7 promises unique names; a server that gives all the same gives none.
    seen = Counter(names.values())
    return {number: name for number, name in names.items() if seen[name] == 1}
