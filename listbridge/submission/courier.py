"""What sending asks of an SMTP account: the values it hands over and the values it gets back."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from listbridge.errors import ListbridgeError


@dataclass(frozen=True)
class Envelope:
    """The SMTP side of one transaction; an empty sender is the null sender `<>`."""

    sender: str
    recipients: tuple[str, ...]


class Result(Enum):
    """How one attempt for one recipient ended."""

    SENT = "sent"  #: the server answered the final dot with 2xx and answers for the copy now
    DEFERRED = "deferred"  #: a temporary refusal, or the link broke while the body was leaving
    FAILED = "failed"  #: a permanent refusal, or nothing that could ever be sent
    UNCERTAIN = "uncertain"  #: all was sent, the last answer was lost (RFC 1047)
    UNTRIED = "untried"  #: nothing of the message left for this recipient; counts as no attempt

    # Each delivery asks for it several times, and that of `Enum` is written in Python.
    __hash__ = object.__hash__


@dataclass(frozen=True)
class Outcome:
    """The end of one attempt; `reply` is the server's words, or our sentence where it said none."""

    result: Result
    reply: str
    #: The domain that wants less mail just now, where that is what the server says.
    slow_domain: str | None = None
    #: Or it only wants to see whether we come again (greylisting, RFC 6647).
    perhaps_greylisted: bool = False


class AccountTrouble(ListbridgeError):
    """The account cannot send now: the fault is in its settings or server, in no subscriber.

    `outcomes` holds what had been decided for single recipients before the trouble showed;
    of recipients who are not in it nothing has left.
    """

    def __init__(
        self,
        fault: str,
        *,
        cure: str | None = None,
        outcomes: Mapping[str, Outcome] | None = None,
    ) -> None:
        super().__init__(fault, cure=cure)
        self.outcomes: dict[str, Outcome] = dict(outcomes or {})


class LoginRefused(AccountTrouble):
    """The server does not let us in."""


class SenderRefused(AccountTrouble):
    """The server will not take mail from this one envelope sender; others may still send."""


class Connection(Protocol):
    """One open connection, for up to `depth` transactions at a time."""

    @property
    def depth(self) -> int:
        """Return how many calls of `deliver` may be under way at once."""

    @property
    def open(self) -> bool:
        """Say whether it is worth while to hand over one more message."""

    @property
    def accepts_8bit(self) -> bool:
        """Say whether the server announced 8BITMIME (RFC 6152)."""

    @property
    def max_size(self) -> int | None:
        """Return the announced SIZE in bytes (RFC 1870), or None where there is no limit."""

    @property
    def smtputf8(self) -> bool:
        """Say whether the server announced SMTPUTF8 (RFC 6531)."""

    async def deliver(self, envelope: Envelope, message: bytes) -> dict[str, Outcome]:
        """Send `message` (CRLF only, not dot-stuffed); return one outcome for each recipient."""


class Courier(Protocol):
    """One account's connections."""

    @property
    def wanted(self) -> bool:
        """Say whether somebody waits for a connection."""

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Wait for a free place and lend a connection; raise `AccountTrouble` if none opens."""

    async def close_idle(self) -> None:
        """Take leave of connections that nobody has used for a while."""

    async def close(self) -> None:
        """Take leave of the idle connections; those on loan are closed when they come back."""
