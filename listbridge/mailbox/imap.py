"""One IMAP folder as a `Mailbox`: by UID within UIDVALIDITY, sizes first, in batches."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from imapclient.datetime_util import parse_to_datetime

from listbridge.mailbox import explain, imap_client
from listbridge.mailbox.imap_removal import Removal
from listbridge.mailbox.link import Link
from listbridge.mailbox.mailbox import (
    Batch,
    FetchedMessage,
    Listed,
    Listing,
    MailboxError,
    Sentences,
    Unreadable,
    in_batches,
    nothing_came,
    too_large,
)
from listbridge.mailbox.settings import IncomingSettings

# Servers accept command lines of 8,000 octets (RFC 7162 4); UIDs have up to ten digits.
_LISTED_AT_ONCE = 500
# The items of an answer that was to bring a message.
_ASKED_FOR = {b"UID", b"BODY[]"}
# RFC 3501 9: nz-number. The database could not hold just any number.
_LARGEST_UIDVALIDITY = 2**32 - 1


class ImapMailbox:
    """An open IMAP folder."""

    def __init__(
        self,
        settings: IncomingSettings,
        link: Link,
        client: imap_client.Client,
        *,
        read_only: bool,
    ) -> None:
        self.unreadable: Unreadable = []
        self.complaints: Sentences = []
        self._settings = settings
        self._link = link
        self._read_only = read_only
        self._client = client
        self._uidvalidity = self._select()
        # RFC 3501 2.3.1.1: without UIDVALIDITY a UID says nothing beyond this connection.
        self.deletes_unread = self._uidvalidity is not None
        self._removal = Removal(self._client, settings, self.complaints)
        # The batch to be fetched after the one in hand, and the FETCH that was sent for it already.
        self._next: Listing = []
        self._asked: imap_client.Asked | None = None

    def on_progress(self, report: Callable[[], None]) -> None:
        """See `Mailbox.on_progress`."""
        self._link.progress = report

    def list(self) -> Listing:
        """Return the folder's messages, oldest UID first; see `Mailbox.list`."""
        since = self._settings.since
        with self._link.talking("listing the folder"):
            uids = sorted(self._client.uid_search(*_criteria(since)))
            found: Listing = []
            for start in range(0, len(uids), _LISTED_AT_ONCE):
                found += self._describe(uids[start : start + _LISTED_AT_ONCE], since)
        return found

    def fetch(self, wanted: Sequence[Listed]) -> Iterator[Batch]:
        """Yield the bytes of the wanted messages in batches; see `Mailbox.fetch`."""
        self._check_same_folder(wanted)
        batches = deque(in_batches([listed for listed in wanted if self._fits(listed)]))
        while batches:
            batch = batches.popleft()
            self._next = batches[0] if batches else []
            if messages := self._fetch_batch(batch):
                yield messages

    def delete(self, stored: Sequence[Listed]) -> Listing:
        """Remove messages, or move them away; return those that a SEARCH no longer finds.

        Where the server has no UIDPLUS, leftovers flagged \\Deleted in an earlier pass should be
        named in the first call, since only a folder without foreign \\Deleted mail is expunged.
        """
        if self._read_only:
            raise MailboxError(f"{self._link.where}: opened only for looking; nothing is deleted")
        self._check_same_folder(stored)
        with self._link.talking("deleting what was stored"):
            numbers = [listed.number for listed in stored]
            gone = self._removal.remove(numbers, meanwhile=self._ask_for_next)
        return [listed for listed in stored if listed.number in gone]

    def finish(self) -> Listing:
        """Log out; everything that was deleted has been verified before."""
        try:
            with self._link.talking("logging out"):
                self._forget_what_went()
                self._client.logout()
        except MailboxError:
            pass  # Nothing depends on the server's farewell.
        finally:
            self._link.close()
        return []

    def _forget_what_went(self) -> None:
        """Complain of no message that another client has taken away while it was to be read.

        Dovecot 2.4 answers for such a one without its content.
        """
        if self.unreadable:
            present = set(self._client.uid_search("ALL"))
            self.unreadable = [x for x in self.unreadable if x[0].number in present]

    def drop(self) -> None:
        """Cut the connection at once; see `Mailbox.drop`."""
        self._link.drop()

    def _select(self) -> int | None:
        folder, link = self._settings.folder, self._link
        with link.talking("opening the folder"):
            try:
                self._client.select_folder(folder, readonly=self._read_only)
            except Exception as err:
                if not explain.is_refusal(err):
                    raise
                words = explain.server_words(err)
                what = f"does not open the folder {folder!r}"
                raise explain.refusal(
                    link.where, what, words, link.secrets, cure="check folder"
                ) from None
            announced: Any = self._client.wire.untagged_responses.get("UIDVALIDITY")
            uidvalidity = int(announced[-1]) if announced else None
            if uidvalidity is not None and not 0 < uidvalidity <= _LARGEST_UIDVALIDITY:
                raise ValueError("no UIDVALIDITY")
        self._client.wire.uidvalidity = uidvalidity
        return uidvalidity

    def _describe(self, uids: Sequence[int], since: date | None) -> Listing:
        answers = self._client.uid_fetch(uids, "(UID RFC822.SIZE INTERNALDATE FLAGS)")
        found: Listing = []
        for uid in uids:
            # A message expunged by another client since the SEARCH has no answer.
            fields = answers.get(uid)
            if fields is None:
                continue
            arrived = _internal_date(fields.get(b"INTERNALDATE"))
            if since is None or arrived is None or arrived.date() >= since:
                found += self._listed(uid, fields, arrived)
        return found

    def _listed(self, uid: int, fields: dict[bytes, Any], arrived: datetime | None) -> Listing:
        size = fields.get(b"RFC822.SIZE")
        if not isinstance(size, int):
            self.complaints.append(
                f"{self._link.where} does not tell the size of message UID {uid}; it is left alone"
            )
            return []
        flags = fields.get(b"FLAGS")
        deleted = isinstance(flags, tuple) and any(
            isinstance(flag, bytes) and flag.lower() == rb"\deleted" for flag in flags
        )
        return [Listed(self._uidvalidity, str(uid), uid, size, _in_utc(arrived), deleted)]

    def _fits(self, listed: Listed) -> bool:
        reason = too_large(listed)
        if reason:
            self.unreadable.append((listed, reason))
        return reason is None

    def _fetch_batch(self, batch: Listing) -> Batch:
        wire = self._client.wire
        with self._link.talking("fetching messages"):
            asked, self._asked = self._asked or self._ask_for(batch), None
            answers = self._client.fetched(asked)
            wire.expects_messages = False
            wire.check_uidvalidity()
        return self._messages(batch, answers)

    def _ask_for(self, batch: Listing) -> imap_client.Asked:
        self._client.wire.expects_messages = True
        return self._client.ask("FETCH", [listed.number for listed in batch], "(UID BODY.PEEK[])")

    def _ask_for_next(self) -> None:
        """Have the next batch come while the deletion of the last one goes on."""
        if self._next:
            self._asked, self._next = self._ask_for(self._next), []

    def _messages(self, batch: Listing, answers: dict[int, dict[bytes, Any]]) -> Batch:
        messages: Batch = []
        for listed in batch:
            if listed.number not in answers:
                continue
            fields = answers[listed.number]
            raw: Any = fields.get(b"BODY[]")
            if reason := nothing_came(listed, raw) or _may_be_cut(listed, fields):
                self.unreadable.append((listed, reason))
            else:
                messages.append(FetchedMessage(listed, raw))
        return messages

    def _check_same_folder(self, messages: Sequence[Listed]) -> None:
        if any(listed.uidvalidity != self._uidvalidity for listed in messages):
            raise MailboxError(
                f"{self._link.where}: the UIDs are those of an earlier state of the folder "
                "(another UIDVALIDITY), so nothing is done by them"
            )


def _may_be_cut(listed: Listed, fields: dict[bytes, Any]) -> str | None:
    """Say in a sentence why a message may be less than the whole, or return None.

    Behind a literal that is longer than announced the rest of the message stands in the place of
    more items. Either sign alone is innocent: some sizes are estimates, and FLAGS come unasked.
    """
    if len(fields[b"BODY[]"]) == listed.size or fields.keys() <= _ASKED_FOR:
        return None
    return "the server sent more than was asked for with it, and not of the announced size"


def _criteria(since: date | None) -> Sequence[Any]:
    # SEARCH compares dates in whichever time zone the server likes; a day more is asked for and
    # INTERNALDATE decides.
    if since is None or since == date.min:
        return ("ALL",)
    return ("SINCE", since - timedelta(days=1))


def _internal_date(value: object) -> datetime | None:
    if not isinstance(value, bytes):
        return None
    try:
        arrived: datetime = parse_to_datetime(value, normalise=False)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return arrived if arrived.tzinfo else arrived.replace(tzinfo=UTC)


def _in_utc(moment: datetime | None) -> datetime | None:
    try:
        return moment.astimezone(UTC) if moment else None
    except (OverflowError, ValueError):  # In the year 1 or 9999.
        return None
