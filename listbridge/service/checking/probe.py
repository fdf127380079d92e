"""Sends messages to a category's own address and waits until they are in the mailbox.

One goes to the address itself, one to a sub-address of it (RFC 5233). Both are marked as a
program's (Auto-Submitted), so whoever takes them in never posts them. While they are waited for,
the mailbox's lease is held: a running service leaves the mailbox alone, and polls it again as soon
as the probe is over.
"""

import asyncio
import time
import uuid
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime

from listbridge import clock
from listbridge.category import Category
from listbridge.delivery import signing
from listbridge.errors import ListbridgeError
from listbridge.intake.poll import time_budget
from listbridge.mailbox import (
    FetchedMessage,
    IncomingSettings,
    Listed,
    Mailbox,
    MailboxBusy,
    open_mailbox,
)
from listbridge.service.checking.finding import Finding, fine, wrong
from listbridge.service.checking.returned import judged
from listbridge.service.mailbox_lease import mailbox_lease
from listbridge.submission import Envelope, Outcome, OutgoingSettings, Result, SmtpCourier
from storage.database import Database
from storage.errors import StoreError

_WHAT = "probe"
_LONGEST_WAIT = timedelta(minutes=2)
# Some servers count logins, so they come ever more rarely.
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
# Once the one has come the other is due, and it is waited for as long again, and so long.
_GRACE_SECONDS = 5.0
# Ours has less than two; nothing larger is read to find it.
_LARGEST = 64 * 1024
_FIELD = "X-Listbridge-Probe"


_Places = set[tuple[int | None, str]]


class _Astray(ListbridgeError):
    """The probe did not come back as it should."""


@dataclass(frozen=True)
class _Message:
    """One message that is sent to where it should come back from."""

    recipient: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class _Return:
    """How the messages came back."""

    seconds: float
    raw: bytes
    sub_addressed: str  #: what became of the message to the sub-address


def probe(
    category: Category,
    incoming: IncomingSettings,
    outgoing: OutgoingSettings,
    db: Database | None,
) -> list[Finding]:
    """Send messages on the way all posts go, wait for them, judge them, and delete them again."""
    slug = category.slug
    # Whatever its date, and without a copy in the folder that posts are moved to. Where deleting
    # means archiving, it goes to the trash as they do.
    after_fetch = "trash" if incoming.after_fetch == "trash" else "delete"
    settings = incoming.model_copy(update={"since": None, "after_fetch": after_fetch})
    try:
        with _undisturbed(category, db):
            back = _there_and_back(category.address, settings, outgoing)
    except ListbridgeError as err:
        return [wrong(slug, _WHAT, err.fault, err.cure or "mend what is said, and try again")]
    except StoreError as err:
        return [wrong(slug, _WHAT, str(err), "mend the database, and try again")]
    seen = f"was back after {back.seconds:.1f} s, and is deleted again"
    return [
        fine(slug, _WHAT, seen),
        *judged(slug, category.address, back.raw),
        fine(slug, f"{_WHAT} sub-addressing", back.sub_addressed),
    ]


def _undisturbed(category: Category, db: Database | None) -> AbstractContextManager[object]:
    return mailbox_lease(db, category, patient=True) if db is not None else nullcontext()


def _there_and_back(
    address: str, incoming: IncomingSettings, outgoing: OutgoingSettings
) -> _Return:
    """Return how it went; raise `ListbridgeError` if the message to the address did not come."""
    plain, tagged = _Message(address), _Message(_sub_address(address))
    # The lease lasts no longer than the budget.
    wait = min(_LONGEST_WAIT, time_budget(incoming)).total_seconds()
    there_before = _places(incoming)
    began = time.monotonic()
    outcomes = asyncio.run(_send(address, outgoing, [plain, tagged]))
    _require_sent(outcomes[plain], outgoing, address)
    found = _wait_for(incoming, plain, there_before, began + wait)
    if found is None:
        raise _Astray(
            f"{outgoing.place} accepted a message to {address}, but within {wait:.0f} s it did not "
            f"come into the mailbox of {incoming.username}",
            cure=f"have mail to {address} delivered there, look for it among the spam, and see "
            "that nothing else empties the mailbox; if it comes later, it is not posted",
        )
    took = time.monotonic() - began
    _delete(incoming, plain, found.listed)
    until = min(began + wait, began + 2 * took + _GRACE_SECONDS)
    sub_addressed = _sub_addressed(incoming, tagged, outcomes[tagged], there_before, until)
    return _Return(took, found.raw, sub_addressed)


def _sub_address(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}+probe@{domain}"


def _sub_addressed(
    settings: IncomingSettings,
    message: _Message,
    outcome: Outcome,
    there_before: _Places,
    deadline: float,
) -> str:
    """Say what became of the message to the sub-address; delete it if it came."""
    if outcome.result is not Result.SENT:
        return f"{message.recipient} is refused; mail to such addresses does not arrive"
    found = _wait_for(settings, message, there_before, deadline)
    if found is None:
        return f"a message to {message.recipient} did not arrive; if it comes, it is not posted"
    _delete(settings, message, found.listed)
    return f"mail to {message.recipient} arrives"


async def _send(
    address: str, settings: OutgoingSettings, messages: list[_Message]
) -> dict[_Message, Outcome]:
    courier = SmtpCourier(settings)
    try:
        async with courier.connection() as connection:
            outcomes = {}
            for one in messages:
                envelope = Envelope(address, (one.recipient,))
                told = await connection.deliver(envelope, _signed(_message(address, one), settings))
                outcomes[one] = told[one.recipient]
            return outcomes
    finally:
        await courier.close()


def _require_sent(outcome: Outcome, settings: OutgoingSettings, address: str) -> None:
    if outcome.result is not Result.SENT:
        raise _Astray(
            f'{settings.place} did not accept a message to {address}: "{outcome.reply}"',
            cure="see what the server says, and whether this account may write to that address",
        )


def _signed(content: bytes, settings: OutgoingSettings) -> bytes:
    if settings.dkim is None:
        return content
    return signing.seal(content, signing.signer(settings.dkim)).fields() + content


def _message(address: str, message: _Message) -> bytes:
    domain = address.rpartition("@")[2]
    lines = [
        f"From: {address}",
        f"To: {message.recipient}",
        "Subject: listbridge check --probe",
        f"Date: {format_datetime(clock.now())}",
        f"Message-ID: <{message.token}@{domain}>",
        # RFC 3834: nobody answers it, and it is never posted.
        "Auto-Submitted: auto-generated",
        # As in every copy, so that it shows whether the field is signed.
        f"List-Unsubscribe: <mailto:{address}?subject=unsubscribe>",
        f"{_FIELD}: {message.token}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
        "This message only shows that mail to this address arrives. It can be deleted.",
        "",
    ]
    return "\r\n".join(lines).encode()


def _places(settings: IncomingSettings) -> _Places:
    """Return where messages lie already, as far as the server names places."""
    box = open_mailbox(settings, read_only=True)
    try:
        return {place for one in box.list() if (place := _place(one))}
    finally:
        box.drop()


def _wait_for(
    settings: IncomingSettings, message: _Message, there_before: _Places, deadline: float
) -> FetchedMessage | None:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        found = _look(settings, message, there_before)
        if found is not None or time.monotonic() > deadline:
            return found
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _look(
    settings: IncomingSettings, message: _Message, there_before: _Places
) -> FetchedMessage | None:
    """Look without a trace: what others have in the mailbox must not count as read."""
    try:
        box = open_mailbox(settings, read_only=True)
    except MailboxBusy:
        return None
    try:
        new = [one for one in box.list() if _place(one) not in there_before]
        return _find(box, [one for one in new if one.size <= _LARGEST], message)
    finally:
        box.drop()


def _delete(settings: IncomingSettings, message: _Message, place: Listed) -> None:
    """Delete the probe and nothing else."""
    box = open_mailbox(settings)
    try:
        same = [one for one in box.list() if _is_same(one, place)]
        found = _find(box, same, message)
        gone = box.delete([found.listed]) if found is not None else []
        gone = [*gone, *box.finish()]
    finally:
        box.drop()
    if not gone:
        raise _Astray(
            "; ".join(["the probe came back, but could not be deleted", *box.complaints]),
            cure=f"mend deletion, and delete the message with the field {_FIELD}",
        )


def _find(box: Mailbox, listing: list[Listed], message: _Message) -> FetchedMessage | None:
    marked = f"{_FIELD}: {message.token}".encode()
    every = (one for batch in box.fetch(listing) for one in batch)
    return next((one for one in every if marked in one.raw), None)


def _place(listed: Listed) -> tuple[int | None, str] | None:
    return (listed.uidvalidity, listed.uid) if listed.uid is not None else None


def _is_same(listed: Listed, found: Listed) -> bool:
    # A maildrop without UIDL names no places; the token then decides alone.
    return (_place(listed), listed.size) == (_place(found), found.size)
