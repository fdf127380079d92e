"""What really happened to each message of a dialogue, whatever the servers said about it."""

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Truth:
    """Which messages there were, who took them away, and what must never have been done."""

    database: Path
    delivered: list[bytes] = field(default_factory=list)
    #: What another client deleted, or marked as deleted: nobody answers for it any more.
    taken_away: set[bytes] = field(default_factory=set)
    crimes: list[str] = field(default_factory=list)
    deletions: int = 0

    def deleted(self, raws: Iterable[bytes]) -> None:
        """Judge a deletion in the moment in which it is carried out."""
        for raw in raws:
            self.deletions += 1
            if raw not in self.taken_away and not self._is_committed(raw):
                self.crimes.append(f"deleted before it was committed: {subject(raw)}")

    def _is_committed(self, raw: bytes) -> bool:
        # A connection of its own sees only what would outlive a crash.
        connection = sqlite3.connect(self.database)
        query = "SELECT count(*) FROM raw_messages WHERE sha256 = ?"
        [found] = connection.execute(query, (digest(raw),)).fetchone()
        connection.close()
        return bool(found)

    def answered_for(self) -> list[bytes]:
        """Return the messages that must be in the database in the end."""
        return [raw for raw in self.delivered if raw not in self.taken_away]


def digest(raw: bytes) -> str:
    """Return the hash under which a message is stored."""
    return hashlib.sha256(raw).hexdigest()


def subject(raw: bytes) -> str:
    """Return the subject, by which a dialogue's messages are told apart."""
    return raw.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
