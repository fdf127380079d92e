"""What there is to see in an IMAP account: the folder, how mail leaves it, and what waits in it."""

import imaplib
import ssl
from collections.abc import Callable, Iterator

from listbridge.mailbox import explain, imap_client, waiting
from listbridge.mailbox.imap import ImapMailbox
from listbridge.mailbox.imap_removal import NO_TRASH, NO_TRASH_CURE, Removal
from listbridge.mailbox.link import Link
from listbridge.mailbox.mailbox import MailboxError
from listbridge.mailbox.settings import IncomingSettings
from listbridge.oauth2 import Credential

# RFC 4314 2.1: delete messages, expunge; RFC 2086 had one right for both.
_NEEDED_RIGHTS = ({"t", "e"}, {"d"})


class ImapVisit:
    """An IMAP connection whose greeting was fine."""

    def __init__(self, settings: IncomingSettings, link: Link) -> None:
        self._settings = settings
        self._link = link
        self._client = imap_client.greeted(settings, link)

    def begin_tls(self, context: ssl.SSLContext) -> None:
        """STARTTLS, required."""
        self._client.wire.begin_tls(context, self._settings.host)

    def log_in(self, credential: Credential) -> None:
        """Log in."""
        imap_client.log_in(self._client, self._settings, credential)

    def looks(self) -> Iterator[tuple[str, Callable[[], str | MailboxError]]]:
        """Yield what to look at after the login, each with how."""
        yield "folder", self._examine
        yield "waiting", self._count
        yield "deletion", self._deletion
        if self._settings.after_fetch == "move":
            yield "move_to", self._target
        if self._settings.after_fetch == "trash":
            yield "trash", self._trash
        if self._settings.idle:
            yield "IDLE", self._idle
        # The last one, because it opens the folder once more.
        yield "right to delete", self._right_to_delete

    def _examine(self) -> str:
        self._box = ImapMailbox(self._settings, self._link, self._client, read_only=True)
        return self._settings.folder

    def _count(self) -> str | MailboxError:
        waits = [one for one in self._box.list() if not one.deleted]
        with self._link.talking("counting the messages"):
            every = len(self._client.uid_search("UNDELETED"))
        dates = [one.internal_date.date() for one in waits if one.internal_date]
        return waiting.judged(self._settings, every, len(waits), min(dates, default=None))

    def _deletion(self) -> str | MailboxError:
        with self._link.talking("asking what it offers"):
            sure = Removal(self._client, self._settings, []).is_sure()
        moves = self._offers(b"MOVE")
        if sure:
            return f"each message by itself, by {'UID EXPUNGE' if self._expunges() else 'MOVE'}"
        other = 'set after_fetch = "move"' if moves else 'set protocol = "pop3" if that is offered'
        return MailboxError(
            f"{self._link.where} can only expunge everything at once (it offers no UIDPLUS"
            f"{'' if moves else ' and no MOVE'}), so nothing is deleted while another program has "
            "messages flagged \\Deleted in the folder",
            cure=f"{other}, or let no other program delete messages there",
        )

    def _target(self) -> str:
        with self._link.talking("looking for the folder to move to"):
            name, is_there = Removal(self._client, self._settings, []).find_target()
        return name if is_there else f"{name} is not there yet; it is made when it is needed"

    def _trash(self) -> str | MailboxError:
        with self._link.talking("looking for the trash"):
            name = Removal(self._client, self._settings, []).find_trash()
        if name is None:
            return MailboxError(f"{self._link.where} {NO_TRASH}", cure=NO_TRASH_CURE)
        return f"what was stored goes to {name!r}, where it is left to the provider"

    def _idle(self) -> str:
        if self._offers(b"IDLE"):
            return "the server tells of new mail"
        return "not offered, so new mail is seen at the next poll"

    def _right_to_delete(self) -> str | MailboxError:
        with self._link.talking("asking for the right to delete"):
            if not (self._has_rights() if self._offers(b"ACL") else self._may_flag()):
                return explain.only_for_reading(self._link.where)
        return "granted"

    def _has_rights(self) -> bool:
        _, answer = self._client.wire.myrights(
            self._client._normalise_folder(self._settings.folder)
        )
        rights = set(bytes(answer[0] or b"").decode("ascii", "replace").rpartition(" ")[2])
        return any(needed <= rights for needed in _NEEDED_RIGHTS)

    def _may_flag(self) -> bool:
        try:
            opened = self._client.select_folder(self._settings.folder)
        except imaplib.IMAP4.readonly:
            return False
        # RFC 3501 7.1: without this code all flags can be kept.
        return b"\\Deleted" in opened.get(b"PERMANENTFLAGS", (b"\\Deleted",))

    def _expunges(self) -> bool:
        return self._offers(b"UIDPLUS") or self._offers(b"IMAP4REV2")

    def _offers(self, name: bytes) -> bool:
        return name in self._client.capabilities()
