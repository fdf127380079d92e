"""How stored messages leave an IMAP folder without taking anybody else's with them."""

import imaplib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from imapclient import DELETED

from listbridge.mailbox import explain
from listbridge.mailbox.imap_client import Client
from listbridge.mailbox.mailbox import Sentences
from listbridge.mailbox.settings import IncomingSettings

_NAMED_AT_ONCE = 500
_NOT_MARKED = "refused to mark stored messages as deleted"
_NOT_EXPUNGED = "refused to expunge what was stored"
# RFC 6154 2: only a folder that the server itself marks; a name would be a guess.
_TRASH = rb"\trash"
# RFC 9051 7.3.1: nothing can be moved to these.
_NO_PLACE = {rb"\noselect", rb"\nonexistent"}
NO_TRASH = "marks no folder as the trash (\\Trash, RFC 6154)"
NO_TRASH_CURE = (
    "let the mailbox's settings show the trash to IMAP programs, "
    'or set after_fetch to "move" or "delete"'
)


class Removal:
    """Deletes by the best way this server has; what it refuses becomes a complaint."""

    def __init__(self, client: Client, settings: IncomingSettings, complaints: Sentences) -> None:
        self._client = client
        self._settings = settings
        self._complaints = complaints
        self._flagged: set[int] = set()
        offered = set(client.capabilities())
        # RFC 9051 2.1.2: IMAP4rev2 has UID EXPUNGE built in.
        self._expunges_by_uid = bool(offered & {b"UIDPLUS", b"IMAP4REV2"})
        self._moves = b"MOVE" in offered
        self._has_namespaces = b"NAMESPACE" in offered
        # The folder to move to; it is looked up, or created, when the first message goes there.
        self._target: str | None = None
        #: Whether the removal under way has a reason, even one that was told before.
        self._has_complained = False

    def is_sure(self) -> bool:
        """Say whether messages go whatever other clients have flagged \\Deleted in the folder."""
        if self._expunges_by_uid or not self._moves:
            return self._expunges_by_uid
        return self._settings.after_fetch == "move" or self.find_trash() is not None

    def find_target(self) -> tuple[str, bool]:
        """Return the full name of the folder to move to, and whether it is there already."""
        name = self._settings.target
        if self._client.folder_exists(name):
            return name, True
        prefix = self._personal_prefix()
        full = name if name.startswith(prefix) else prefix + name
        return full, full != name and bool(self._client.folder_exists(full))

    def find_trash(self) -> str | None:
        """Return the full name of the folder that the server marks as the trash, if any."""
        for flags, name in self._client.special_folders():
            lower = {flag.lower() for flag in flags}
            if _TRASH in lower and not lower & _NO_PLACE and name != self._settings.folder:
                return name
        return None

    def remove(self, uids: Sequence[int], meanwhile: Callable[[], None]) -> set[int]:
        """Remove the messages; return those that are verified gone from the folder.

        `meanwhile` may be called to ask for something else that the server does in between; over
        a long way that saves the time of a whole answer.
        """
        if not uids:
            return set()
        self._has_complained = False
        if self._settings.after_fetch == "delete":
            self._delete(uids, meanwhile)
        else:
            self._move_away(uids)
        left = self._still_there(uids)
        if left and not self._has_complained:
            self._complain(
                "still shows messages whose deletion it has confirmed; check this user's right "
                "to delete, or whether the provider archives what is deleted"
            )
        return set(uids) - left

    def _delete_by_uid(self, uids: Sequence[int], meanwhile: Callable[[], None]) -> None:
        # Dovecot 2.3 has EXPUNGE act on what was so before the commands that came with it: sent
        # together with STORE it removes nothing, and a SEARCH behind it still finds everything.
        flagging = self._client.ask("STORE", uids, "+FLAGS.SILENT", r"(\Deleted)")
        meanwhile()
        if self._try(_NOT_MARKED, self._client.answer, flagging):
            # imaplib's own UID EXPUNGE would take what was fetched meanwhile for its answer.
            expunging = self._client.ask("EXPUNGE", uids)
            self._try(_NOT_EXPUNGED, self._client.answer, expunging)

    def _delete(self, uids: Sequence[int], meanwhile: Callable[[], None] = lambda: None) -> None:
        if self._expunges_by_uid:
            for some in _in_runs(uids):
                self._delete_by_uid(some, meanwhile)
            return
        trash = self.find_trash() if self._moves else None
        if trash is not None:
            self._move(uids, trash)
            return
        if all(self._flag(some) for some in _in_runs(uids)):
            self._expunge_if_all_is_ours()

    def _flag(self, uids: Sequence[int]) -> bool:
        done = self._try(
            _NOT_MARKED,
            lambda: self._client.add_flags(uids, [DELETED], silent=True),
        )
        if done:
            self._flagged.update(uids)
        return done

    def _expunge_if_all_is_ours(self) -> None:
        # Plain EXPUNGE removes whatever is flagged, whoever flagged it.
        if self._client.uid_search("DELETED") <= self._flagged:
            self._try(_NOT_EXPUNGED, self._client.expunge)
            return
        self._complain(
            "can only expunge everything at once (no UIDPLUS), and another client has flagged "
            "messages \\Deleted, so the stored ones stay in the folder, flagged; expunge there, "
            'or set after_fetch = "move"'
        )

    def _move_away(self, uids: Sequence[int]) -> None:
        if self._target is None:
            in_trash = self._settings.after_fetch == "trash"
            self._target = self._prepare_trash() if in_trash else self._prepare_target()
        if self._target is None:
            return
        if self._moves:
            self._move(uids, self._target)
            return
        refused = f"refused to copy stored messages to {self._target!r}"
        for some in _in_runs(uids):
            if self._try(refused, self._client.copy, some, self._target):
                self._delete(some)

    def _move(self, uids: Sequence[int], folder: str) -> None:
        for some in _in_runs(uids):
            self._try(
                f"refused to move stored messages to {folder!r}", self._client.move, some, folder
            )

    def _prepare_trash(self) -> str | None:
        """Return the trash's full name; None, with a complaint, if nothing is marked as that.

        Then all stays where it is: whoever asked for the trash wants to find the mail there, or
        knows that this server does not delete otherwise.
        """
        trash = self.find_trash()
        if trash is None:
            self._complain(f"{NO_TRASH}, so the stored mail stays in the folder; {NO_TRASH_CURE}")
        return trash

    def _prepare_target(self) -> str | None:
        """Return the folder's full name, creating it where it is missing; None if refused."""
        full, is_there = self.find_target()
        if is_there:
            return full
        created = self._try(f"refused to create {full!r}", self._client.create_folder, full)
        return full if created else None

    def _personal_prefix(self) -> str:
        # RFC 2342: some servers (Courier) keep all folders below "INBOX.".
        personal = self._client.namespace().personal if self._has_namespaces else None
        return str(personal[0][0]) if personal else ""

    def _still_there(self, uids: Sequence[int]) -> set[int]:
        left: set[int] = set()
        for some in _in_runs(uids):
            left |= self._client.uid_search("UID", ",".join(map(str, some)))
        return left & set(uids)

    def _try(self, refused: str, command: Callable[..., Any], *args: Any) -> bool:
        try:
            command(*args)
        except imaplib.IMAP4.error as err:
            if not explain.is_refusal(err):
                raise
            words = self._client.wire.link.secrets.quotable(explain.server_words(err))
            self._complain(f"{refused}: {words}")
            return False
        return True

    def _complain(self, sentence: str) -> None:
        self._has_complained = True
        complaint = f"{self._client.wire.link.where} {sentence}"
        if complaint not in self._complaints:
            self._complaints.append(complaint)


def _in_runs(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), _NAMED_AT_ONCE):
        yield uids[start : start + _NAMED_AT_ONCE]
