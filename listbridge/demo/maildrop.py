"""A maildrop: what a POP3 server keeps for one user, for one session at a time (RFC 1939 8)."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stored:
    """One message with the name it keeps for good."""

    uid: str
    raw: bytes


@dataclass
class Maildrop:
    """The messages of one user, in the order they came; new ones do not show in an open session."""

    password: str = field(repr=False)
    messages: list[Stored] = field(default_factory=list)
    locked: bool = False

    def deliver(self, raw: bytes) -> None:
        """Put a message in."""
        self.messages.append(Stored(secrets.token_hex(8), raw))

    def open(self) -> list[Stored] | None:
        """Lock the maildrop and return what is in it; None if another session has it."""
        if self.locked:
            return None
        self.locked = True
        return list(self.messages)

    def close(self, deleted: Collection[str]) -> None:
        """Remove the messages of these names and unlock the maildrop."""
        self.messages = [one for one in self.messages if one.uid not in deleted]
        self.locked = False
