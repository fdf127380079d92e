"""How stored messages leave an IMAP folder without taking anybody else's with them."""

import imaplib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from imapclient import DELETED

from listbridge.mailbox import explain
from listbridge.mailbox.imap_client import Client
from listbridge.mailbox.mailbox import Sentences
from listbridge.mailbox.settings import IncomingSettings

_NAMED_AT_ONCE = 200
_TRASH = rb"\Trash"


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

    def is_sure(self) -> bool:
        """Say whether messages go whatever other clients have flagged \\Deleted in the folder."""
        if self._expunges_by_uid or not self._moves:
            return self._expunges_by_uid
        return self._settings.after_fetch == "move" or self._find_trash() is not None

    def find_target(self) -> tuple[str, bool]:
        """Return the full name of the folder to move to, and whether it is there already."""
        name = self._settings.target
        if self._client.folder_exists(name):
            return name, True
        prefix = self._personal_prefix()
        full = name if name.startswith(prefix) else prefix + name
        return full, full != name and bool(self._client.folder_exists(full))

    def remove(self, uids: Sequence[int]) -> set[int]:
        """Remove the messages; return those that are verified gone from the folder."""
        if not uids:
            return set()
        before = len(self._complaints)
        if self._settings.after_fetch == "move":
            self._move_away(uids)
        else:
            self._delete(uids)
        left = self._still_there(uids)
        if left and len(self._complaints) == before:
            self._complain(
                "still shows messages whose deletion it has confirmed; check this user's right "
                "to delete, or whether the provider archives what is deleted"
            )
        return set(uids) - left

    def _delete(self, uids: Sequence[int]) -> None:
        if self._expunges_by_uid:
            for some in _in_runs(uids):
                if self._flag(some):
                    self._try("refused to expunge what was stored", self._client.expunge, some)
            return
        trash = self._find_trash() if self._moves else None
        if trash is not None:
            self._move(uids, trash)
            return
        if all(self._flag(some) for some in _in_runs(uids)):
            self._expunge_if_all_is_ours()

    def _flag(self, uids: Sequence[int]) -> bool:
        done = self._try(
            "refused to mark stored messages as deleted",
            lambda: self._client.add_flags(uids, [DELETED], silent=True),
        )
        if done:
            self._flagged.update(uids)
        return done

    def _expunge_if_all_is_ours(self) -> None:
        # Plain EXPUNGE removes whatever is flagged, whoever flagged it.
        if self._client.uid_search("DELETED") <= self._flagged:
            self._try("refused to expunge what was stored", self._client.expunge)
            return
        self._complain(
            "can only expunge everything at once (no UIDPLUS), and another client has flagged "
            "messages \\Deleted, so the stored ones stay in the folder, flagged; expunge there, "
            'or set after_fetch = "move"'
        )

    def _move_away(self, uids: Sequence[int]) -> None:
        if self._target is None:
            self._target = self._prepare_target()
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

    def _find_trash(self) -> str | None:
        # RFC 6154: only a folder that the server itself marks; a name would be a guess.
        for flags, _, name in self._client.list_folders():
            if _TRASH in flags and name != self._settings.folder:
                return str(name)
        return None

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
        complaint = f"{self._client.wire.link.where} {sentence}"
        if complaint not in self._complaints:
            self._complaints.append(complaint)


def _in_runs(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), _NAMED_AT_ONCE):
        yield uids[start : start + _NAMED_AT_ONCE]
