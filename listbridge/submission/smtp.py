"""One logged-in SMTP connection, which carries one transaction after another."""

from asyncio import timeout
from dataclasses import dataclass
from enum import Enum, auto

from listbridge.submission import replies
from listbridge.submission.connect import Offer
from listbridge.submission.courier import (
    AccountTrouble,
    Envelope,
    Outcome,
    Result,
    SenderRefused,
)
from listbridge.submission.lock_step import LockStep
from listbridge.submission.path import UnusableAddress, path_of
from listbridge.submission.pipeline import Chunked, Pipelined
from listbridge.submission.transaction import Transaction
from listbridge.submission.turns import Turns
from listbridge.submission.wire import Wire, WireError

# Exim answers 421 to every MAIL after 1,000 messages, and leaves after about ten transactions in
# which it accepted nobody.
_MOST_TRANSACTIONS = 900
_MOST_FRUITLESS = 8


class Way(Enum):
    """How transactions are carried."""

    LOCK_STEP = auto()  #: each command waits for its reply
    PIPELINED = auto()  #: the next envelope goes right behind a message
    CHUNKED = auto()  #: several on their way


# Of three, one message is on its way, the next envelope behind it, and one is being put on record.
_DEPTHS = {Way.LOCK_STEP: 1, Way.PIPELINED: 3, Way.CHUNKED: 8}


@dataclass(frozen=True)
class _Checked:
    """A message and what was seen in it: the same one goes out in many transactions."""

    given: bytes
    octets: bytes  #: ends with CRLF
    fault: str | None  #: why no server may get it
    is_ascii: bool


class SmtpConnection:
    """A `Connection`; after anything unclean it is closed, and `clean` stays False."""

    def __init__(self, wire: Wire, offer: Offer, place: str, way: Way = Way.LOCK_STEP) -> None:
        self._wire = wire
        self._offer = offer
        self._place = place
        self._way = way
        self._turns = Turns(wire, offer.hello)
        self._under_way = 0
        self._checked: _Checked | None = None
        self._in_step = True
        self.orderly = True  #: the server answered what it was asked
        self.transactions = 0
        self.fruitless = 0  #: transactions in which the server accepted nobody

    @property
    def accepts_8bit(self) -> bool:
        return self._offer.accepts_8bit

    @property
    def max_size(self) -> int | None:
        return self._offer.max_size

    @property
    def smtputf8(self) -> bool:
        return self._offer.smtputf8

    @property
    def depth(self) -> int:
        return _DEPTHS[self._way]

    @property
    def chunks(self) -> bool:
        """Say whether whole messages leave before anything is answered."""
        return self._way is Way.CHUNKED

    @property
    def open(self) -> bool:
        return self._in_step and self._wire.stands and not self.worn

    @property
    def clean(self) -> bool:
        """Say whether another transaction may follow on this connection; nothing is under way."""
        return self._in_step and not self._under_way and self._wire.usable

    @property
    def worn(self) -> bool:
        """Say whether the server may be about to grow tired of this connection."""
        return self.transactions >= _MOST_TRANSACTIONS or self.fruitless >= _MOST_FRUITLESS

    async def deliver(self, envelope: Envelope, message: bytes) -> dict[str, Outcome]:
        """Send `message` to everybody it can be sent to; return how each one ended.

        Raises `AccountTrouble` or `SenderRefused`, with the outcomes known by then.
        """
        checked = self._check(message)
        unfit = self._too_large(checked) or checked.fault
        if unfit is not None:
            return dict.fromkeys(envelope.recipients, Outcome(Result.FAILED, unfit))
        sender = self._sender_path(envelope.sender)
        paths, outcomes = self._recipient_paths(envelope.recipients)
        if paths:
            mail = self._mail_command([sender, *paths.values()], checked)
            octets = checked.octets
            outcomes |= await self._transact(envelope.sender, mail, paths, octets, outcomes)
        return {recipient: outcomes[recipient] for recipient in envelope.recipients}

    async def answers(self) -> bool:
        """Say whether the server still reacts (NOOP); a connection that does not is closed."""
        try:
            self._in_step = replies.says_yes(await self._wire.command("NOOP"))
        except WireError:
            self._in_step = False
        return self.clean

    async def leave(self, limit: float) -> None:
        """Say QUIT if both sides are in step, wait `limit` seconds at most, and close."""
        try:
            async with timeout(limit):
                if self.clean:
                    await self._wire.command("QUIT")
        except (WireError, TimeoutError):
            pass  # Nothing depends on a farewell.
        finally:
            self._wire.drop()

    def drop(self) -> None:
        """Close at once."""
        self._wire.drop()

    async def _transact(
        self,
        sender: str,
        mail: str,
        paths: dict[str, str],
        message: bytes,
        known: dict[str, Outcome],
    ) -> dict[str, Outcome]:
        fresh = self.transactions == 0
        about = (self._wire, self._place, fresh, sender, mail, paths, message)
        run: Transaction
        if self._way is Way.LOCK_STEP:
            run = LockStep(*about)
        elif self._way is Way.PIPELINED:
            run = Pipelined(*about, turns=self._turns)
        else:
            run = Chunked(*about, turns=self._turns)
        self.transactions += 1
        self._under_way += 1
        try:
            await run.run()
            self.fruitless += not run.accepted
        except AccountTrouble as trouble:
            trouble.outcomes |= known
            raise
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._checked = None  # it may be large, and this connection rest for long
            self.orderly &= run.orderly
            self._in_step &= run.in_step
            # After trouble and cancellation, too: a late reply must never meet the next command.
            if not self._in_step or not (self._under_way or self._wire.usable):
                self._wire.drop()
        return run.outcomes

    def _check(self, message: bytes) -> _Checked:
        if self._checked is None or self._checked.given is not message:
            octets = message if message.endswith(b"\r\n") else message + b"\r\n"
            self._checked = _Checked(message, octets, _fault(octets), octets.isascii())
        return self._checked

    def _too_large(self, message: _Checked) -> str | None:
        size, limit = len(message.octets), self._offer.max_size
        if limit is None or size <= limit:
            return None
        return f"not sent: the message has {size} bytes, {self._place} takes at most {limit}"

    def _sender_path(self, sender: str) -> str:
        try:
            return sender and path_of(sender, smtputf8=self.smtputf8)
        except UnusableAddress as err:
            raise SenderRefused(
                f"nothing can be sent from <{replies.shown(sender)}>: the address {err}"
            ) from None

    def _recipient_paths(
        self, recipients: tuple[str, ...]
    ) -> tuple[dict[str, str], dict[str, Outcome]]:
        """Return how each recipient is written, and the outcomes of those who cannot be."""
        paths, outcomes = {}, {}
        for recipient in recipients:
            try:
                paths[recipient] = path_of(recipient, smtputf8=self.smtputf8)
            except UnusableAddress as err:
                outcomes[recipient] = Outcome(Result.FAILED, f"not sent: the address {err}")
        return paths, outcomes

    def _mail_command(self, paths: list[str], message: _Checked) -> str:
        parts = [f"MAIL FROM:<{paths[0]}>"]
        if self._offer.size:
            parts.append(f"SIZE={len(message.octets)}")
        if self.accepts_8bit and not message.is_ascii:
            parts.append("BODY=8BITMIME")
        # RFC 6531 3.4; asked for only where an address needs it, since a relay may bounce what
        # was marked so for a next hop without it.
        if self.smtputf8 and not all(path.isascii() for path in paths):
            parts.append("SMTPUTF8")
        return " ".join(parts)


def _fault(message: bytes) -> str | None:
    # RFC 5321 2.3.8: CR and LF only together; anything else is how a second message is
    # smuggled past a server that takes "\n.\n" for the end (CVE-2023-51764).
    line_ends = message.count(b"\r\n")
    if message.count(b"\r") != line_ends or message.count(b"\n") != line_ends:
        return "not sent: the message holds a bare CR or LF"
    return "not sent: the message holds a NUL" if b"\0" in message else None
