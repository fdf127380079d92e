"""One outgoing message ready for SMTP, for all alike or for each recipient his own."""

import asyncio
from dataclasses import dataclass, field
from functools import cached_property

from listbridge import message
from listbridge.message import StandIns, Template
from storage import outbox, raw_messages
from storage.database import Database, Tx
from storage.outbox import Names, Outgoing

# Personal copies that leave at the same time, over all connections, take no more room than this,
# unless two do.
_MOST_OCTETS = 32 << 20


@dataclass(frozen=True)
class Wire:
    """The bytes, and their form for servers without 8BITMIME.

    That form is None where the message must not be re-encoded. It is made when it is asked for: it
    takes time and room.
    """

    names: Names
    sender: str
    eight_bit: bytes
    own_senders: bool = False  #: each copy has an envelope sender that names its recipient
    stand_ins: StandIns | None = None  #: None: all get the same
    room: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        most = max(2, _MOST_OCTETS // max(1, len(self.eight_bit)))
        object.__setattr__(self, "room", asyncio.Semaphore(most))

    @cached_property
    def seven_bit(self) -> bytes | None:
        return message.seven_bit(self.eight_bit)

    @cached_property
    def template(self) -> Template:
        """What personal copies are made of."""
        assert self.stand_ins is not None
        return message.template(self.eight_bit, self.stand_ins)

    @cached_property
    def seven_bit_template(self) -> Template | None:
        """The same for servers without 8BITMIME."""
        assert self.stand_ins is not None
        if self.seven_bit is None:
            return None
        return message.template(self.seven_bit, self.stand_ins, seven_bit=True)

    async def content(self, *, accepts_8bit: bool) -> bytes | None:
        """Return the bytes that are the same for all."""
        return self.eight_bit if accepts_8bit else await asyncio.to_thread(lambda: self.seven_bit)

    async def own(self, recipient: str, secret: str | None, *, accepts_8bit: bool) -> bytes | None:
        """Return one recipient's copy; who has no `secret` is subscribed no more."""
        assert self.stand_ins is not None
        if accepts_8bit:
            made: Template | None = self.template
        elif "seven_bit_template" in self.__dict__:
            made = self.seven_bit_template
        else:
            made = await asyncio.to_thread(lambda: self.seven_bit_template)
        return None if made is None else made.copy(recipient, secret or self.stand_ins.secret)


def read(db: Database, outgoing_id: int) -> Wire:
    """Read a message to be sent."""
    with db.reading() as tx:
        outgoing = outbox.find(tx, outgoing_id)
        content = _content(tx, outgoing)
    secret = outgoing.stand_in
    wire = Wire(
        outgoing.names,
        outgoing.sender,
        content,
        outgoing.own_senders,
        None if secret is None else StandIns(secret),
    )
    if wire.stand_ins is not None:
        _ = wire.template  # here, where nobody waits for the event loop
    return wire


def _content(tx: Tx, outgoing: Outgoing) -> bytes:
    if outgoing.body is not None:
        return message.wire(outgoing.head, outgoing.body)
    raw = raw_messages.read(tx, outgoing.raw_id)
    return message.wire(outgoing.head, raw, message.body_start(raw))
