"""A group handed over to a connection: the same bytes for all, or each his own."""

from collections.abc import Mapping

from listbridge.bounces import verp
from listbridge.delivery.account import Account
from listbridge.delivery.wires import Wire
from listbridge.submission import (
    AccountTrouble,
    Connection,
    Envelope,
    Outcome,
    Result,
    SenderRefused,
)
from storage.claims import Group

_NOT_IN_7BIT = Outcome(
    Result.FAILED, "the server takes no 8-bit mail, and signed mail must not be re-encoded"
)


async def deliver(
    account: Account, connection: Connection, group: Group, wire: Wire
) -> Mapping[str, Outcome]:
    """Send a message to a group; return how it ended for each, whoever is not named was not tried.

    Raises `AccountTrouble` or `SenderRefused`, with the outcomes known by then.
    """
    recipients = tuple(one.recipient for one in group.deliveries)
    if wire.stand_ins is not None:
        return await _deliver_own(account, connection, group, wire)
    content = await wire.content(accepts_8bit=connection.accepts_8bit)
    if content is None:
        return dict.fromkeys(recipients, _NOT_IN_7BIT)
    return await connection.deliver(Envelope(wire.sender, recipients), content)


async def _deliver_own(
    account: Account, connection: Connection, group: Group, wire: Wire
) -> Mapping[str, Outcome]:
    """Give each his own copy, one after another; whoever is in no outcome was not tried."""
    ended: dict[str, Outcome] = {}
    for one in group.deliveries:
        if ended and not connection.open:
            break
        try:
            ended |= await _deliver_one(account, connection, group, one.recipient, wire)
        except AccountTrouble as trouble:
            trouble.outcomes |= ended
            raise
    return ended


async def _deliver_one(
    account: Account, connection: Connection, group: Group, recipient: str, wire: Wire
) -> Mapping[str, Outcome]:
    async with wire.room:
        secret = group.secrets.get(recipient)
        content = await wire.own(recipient, secret, accepts_8bit=connection.accepts_8bit)
        if content is None:
            return {recipient: _NOT_IN_7BIT}
        own_sender = wire.sender
        if wire.own_senders:
            own_sender = verp.sender(wire.sender, recipient, secret)
        if own_sender != wire.sender and not account.refuses_own_senders:
            try:
                return await connection.deliver(Envelope(own_sender, (recipient,)), content)
            except SenderRefused as trouble:
                account.refuse_own_senders(str(trouble))
            # Nothing of it has left. At once, or it would look as if the server had broken off.
        return await connection.deliver(Envelope(wire.sender, (recipient,)), content)
