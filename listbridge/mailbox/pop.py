"""One POP3 maildrop as a `Mailbox`: RETR, and DELE only of what this connection has read."""

import poplib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

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
    OutOfStep,
    Sentences,
    Unreadable,
    in_batches,
    nothing_came,
    too_large,
)
from listbridge.mailbox.settings import IncomingSettings

# So many DELE are sent in one go: they and their answers fit into any system's buffers.
_RUN = 200


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
        #: Whether several commands may be sent in one go.
        self._pipelines = False

    def on_progress(self, report: Callable[[], None]) -> None:
        """See `Mailbox.on_progress`."""
        self._link.progress = report

    def list(self) -> Listing:
        """Return the maildrop's messages; see `Mailbox.list`."""
        with self._link.talking("listing the mailbox"):
            if self._settings.pipelining == "auto" and not self._read_only:
                self._pipelines = self._client.offers(b"PIPELINING")
            sizes = self._client.sizes()
            names = _unique(self._client.names())
            found = [
                Listed(None, names.get(number), number, size, None)
                for number, size in sorted(sizes.items())
            ]
            return [listed for listed in found if self._is_recent(listed)]

    def fetch(self, wanted: Sequence[Listed]) -> Iterator[Batch]:
        """Yield the bytes of the wanted messages in batches; see `Mailbox.fetch`."""
        readable = [listed for listed in wanted if self._fits(listed)]
        if not self._pipelines:
            yield from self._one_by_one(readable)
            return
        for some in in_batches(readable):
            if batch := self._in_one_go(some):
                yield batch

    def _one_by_one(self, wanted: Sequence[Listed]) -> Iterator[Batch]:
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
            for listed, refused in zip(stored, self._mark(stored), strict=True):
                if refused is None:
                    self._marked.append(listed)
                else:
                    self._complain(refused)
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

    def _fits(self, listed: Listed) -> bool:
        reason = too_large(listed)
        if reason:
            self.unreadable.append((listed, reason))
        return reason is None

    def _fetch_one(self, listed: Listed) -> Batch:
        """Return the message, alone, or nothing where it cannot be had."""
        with self._link.talking("fetching messages"):
            message = partial(self._client.message, listed, look_only=self._read_only)
            return self._retrieved(listed, message)

    def _in_one_go(self, wanted: Sequence[Listed]) -> Batch:
        """Return those of the messages that can be had."""
        batch: Batch = []
        size = 0
        most = sum(listed.size for listed in wanted) + BATCH_BYTES
        with self._link.talking("fetching messages"):
            self._client.ask_for(wanted)
            for listed in wanted:
                batch += self._retrieved(listed, partial(self._client.next_asked, listed))
                size = sum(len(one.raw) for one in batch)
                if size > most:
                    raise OutOfStep(f"{self._link.where} sends far more than it announces")
        return batch

    def _retrieved(self, listed: Listed, get: Callable[[], bytes]) -> Batch:
        try:
            raw = get()
            reason = nothing_came(listed, raw)
        except poplib.error_proto as err:
            if not explain.is_refusal(err):
                raise
            words = self._link.secrets.quotable(explain.server_words(err))
            reason = f"the server refused to send it: {words}"
        if reason is not None:
            self.unreadable.append((listed, reason))
            return []
        self._read.add(listed.number)
        return [FetchedMessage(listed, raw)]

    def _mark(self, stored: Sequence[Listed]) -> Iterator[poplib.error_proto | None]:
        """Mark messages as deleted; yield, for each, None or how the server refuses it."""
        runs = _RUN if self._pipelines else 1
        for start in range(0, len(stored), runs):
            numbers = [listed.number for listed in stored[start : start + runs]]
            yield from self._client.mark(numbers)

    def _complain(self, refused: poplib.error_proto) -> None:
        words = self._link.secrets.quotable(explain.server_words(refused))
        complaint = f"{self._link.where} refused to delete a stored message: {words}"
        if complaint not in self.complaints:
            self.complaints.append(complaint)


def _unique(names: dict[int, str]) -> dict[int, str]:
    # RFC 1939 7 promises unique names; a server that gives all the same gives none.
    seen = Counter(names.values())
    return {number: name for number, name in names.items() if seen[name] == 1}
