"""One outgoing message ready for SMTP, for all alike or for each recipient his own."""

import asyncio
from dataclasses import dataclass, field
from functools import cached_property

from listbridge import message
from listbridge.delivery import signing
from listbridge.message import Seal, Signer, StandIns, Template
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
    signer: Signer | None = None  #: None: nothing is signed
    signature: bytes = b""  #: what stands on top of the bytes, if they are signed for all alike
    room: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        most = max(2, _MOST_OCTETS // max(1, len(self.eight_bit)))
        object.__setattr__(self, "room", asyncio.Semaphore(most))

    @cached_property
    def seven_bit(self) -> bytes | None:
        if self.eight_bit.isascii():
            return self.eight_bit
        made = message.seven_bit(self.eight_bit[len(self.signature) :])
        if made is None or self.signer is None or self.stand_ins is not None:
            return made
        return signing.seal(made, self.signer).fields() + made

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

    @cached_property
    def seal(self) -> Seal | None:
        """What signs personal copies; made of the message with the stand-ins."""
        return None if self.signer is None else signing.seal(self.eight_bit, self.signer)

    @cached_property
    def seven_bit_seal(self) -> Seal | None:
        """The same for servers without 8BITMIME."""
        if self.signer is None or self.seven_bit is None:
            return None
        return signing.seal(self.seven_bit, self.signer)

    async def content(self, *, accepts_8bit: bool) -> bytes | None:
        """Return the bytes that are the same for all."""
        return self.eight_bit if accepts_8bit else await asyncio.to_thread(lambda: self.seven_bit)

    async def own(self, recipient: str, secret: str | None, *, accepts_8bit: bool) -> bytes | None:
        """Return one recipient's copy; who has no `secret` is subscribed no more."""
        assert self.stand_ins is not None
        if accepts_8bit:
            made: Template | None = self.template
            seal = self.seal
        else:
            if "seven_bit_template" not in self.__dict__:
                await asyncio.to_thread(self._make_seven_bit)
            made, seal = self.seven_bit_template, self.seven_bit_seal
        if made is None:
            return None
        secret = secret or self.stand_ins.secret
        copy = made.copy(recipient, secret)
        if seal is None:
            return copy
        head = made.own(seal.head, recipient, secret)
        return seal.of_copy(copy, head, own_body=made.own_body).fields() + copy

    def _make_seven_bit(self) -> None:
        _ = self.seven_bit_seal, self.seven_bit_template


def read(db: Database, outgoing_id: int, signer: Signer | None = None) -> Wire:
    """Read a message to be sent, to be signed if there is a `signer`."""
    with db.reading() as tx:
        outgoing = outbox.find(tx, outgoing_id)
        content = _content(tx, outgoing)
    secret, signature = outgoing.stand_in, b""
    if signer is not None and secret is None:
        signature = signing.seal(content, signer).fields()
        content = signature + content
    wire = Wire(
        outgoing.names,
        outgoing.sender,
        content,
        outgoing.own_senders,
        None if secret is None else StandIns(secret),
        signer,
        signature,
    )
    if wire.stand_ins is not None:
        _ = wire.template, wire.seal  # here, where nobody waits for the event loop
    return wire


def _content(tx: Tx, outgoing: Outgoing) -> bytes:
    if outgoing.body is not None:
        return message.wire(outgoing.head, outgoing.body)
    raw = raw_messages.read(tx, outgoing.raw_id)
    return message.wire(outgoing.head, raw, message.body_start(raw))


def for_several(tx: Tx, outgoing: Outgoing, member: str) -> bytes:
    """Return the message as it may be shown to several; of personal copies, that of `member`."""
    content = _content(tx, outgoing)
    if outgoing.stand_in is None:
        return content
    return message.template(content, StandIns(outgoing.stand_in)).for_several(member)
