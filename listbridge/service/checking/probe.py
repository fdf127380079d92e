"""Sends a message to a category's own address and waits until it is in the mailbox.

The message is marked as a program's (Auto-Submitted), so whoever takes it in never posts it. While
it is waited for, the mailbox's lease is held: a running service leaves the mailbox alone, and polls
it again as soon as the probe is over.
"""

import asyncio
import time
import uuid
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from email.utils import format_datetime

from listbridge import clock
from listbridge.category import Category
from listbridge.errors import ListbridgeError
from listbridge.intake.poll import time_budget
from listbridge.mailbox import IncomingSettings, Listed, Mailbox, MailboxBusy, open_mailbox
from listbridge.service.checking.finding import Finding, fine, wrong
from listbridge.service.intake_round import mailbox_lease
from listbridge.submission import Envelope, Outcome, OutgoingSettings, Result, SmtpCourier
from storage.database import Database
from storage.errors import StoreError

_WHAT = "probe"
_LONGEST_WAIT = timedelta(minutes=2)
# Some servers count logins, so they come ever more rarely.
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
# Ours has less than two; nothing larger is read to find it.
_LARGEST = 64 * 1024
_FIELD = "X-Listbridge-Probe"


class _Astray(ListbridgeError):
    """The probe did not come back as it should."""


def probe(
    category: Category,
    incoming: IncomingSettings,
    outgoing: OutgoingSettings,
    db: Database | None,
) -> Finding:
    """Send a message on the way all posts go, wait for it, and delete it again."""
    slug = category.slug
    # Whatever its date, and without a copy in the folder that posts are moved to.
    settings = incoming.model_copy(update={"since": None, "after_fetch": "delete"})
    try:
        with _undisturbed(category, db):
            seconds = _there_and_back(category.address, settings, outgoing)
    except ListbridgeError as err:
        return wrong(slug, _WHAT, err.fault, err.cure or "mend what is said, and try again")
    except StoreError as err:
        return wrong(slug, _WHAT, str(err), "mend the database, and try again")
    return fine(slug, _WHAT, f"was back after {seconds:.1f} s, and is deleted again")


def _undisturbed(category: Category, db: Database | None) -> AbstractContextManager[object]:
    return mailbox_lease(db, category, patient=True) if db is not None else nullcontext()


def _there_and_back(address: str, incoming: IncomingSettings, outgoing: OutgoingSettings) -> float:
    """Return how many seconds it took; raise `ListbridgeError` if it did not come."""
    token = uuid.uuid4().hex
    # The lease lasts no longer than the budget.
    wait = min(_LONGEST_WAIT, time_budget(incoming)).total_seconds()
    there_before = _places(incoming)
    began = time.monotonic()
    asyncio.run(_send(address, outgoing, token))
    found = _wait_for(incoming, token, there_before, began + wait)
    if found is None:
        raise _Astray(
            f"{outgoing.place} accepted a message to {address}, but within {wait:.0f} s it did not "
            f"come into the mailbox of {incoming.username}",
            cure=f"have mail to {address} delivered there, look for it among the spam, and see "
            "that nothing else empties the mailbox; if it comes later, it is not posted",
        )
    took = time.monotonic() - began
    _delete(incoming, token, found)
    return took


async def _send(address: str, settings: OutgoingSettings, token: str) -> None:
    courier = SmtpCourier(settings)
    try:
        async with courier.connection() as connection:
            outcomes = await connection.deliver(
                Envelope(address, (address,)), _message(address, token)
            )
    finally:
        await courier.close()
    _require_sent(outcomes[address], settings, address)


def _require_sent(outcome: Outcome, settings: OutgoingSettings, address: str) -> None:
    if outcome.result is not Result.SENT:
        raise _Astray(
            f'{settings.place} did not accept a message to {address}: "{outcome.reply}"',
            cure="see what the server says, and whether this account may write to that address",
        )


def _message(address: str, token: str) -> bytes:
    domain = address.rpartition("@")[2]
    lines = [
        f"From: {address}",
        f"To: {address}",
        "Subject: listbridge check --probe",
        f"Date: {format_datetime(clock.now())}",
        f"Message-ID: <{token}@{domain}>",
        # RFC 3834: nobody answers it, and it is never posted.
        "Auto-Submitted: auto-generated",
        f"{_FIELD}: {token}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
        "This message only shows that mail to this address arrives. It can be deleted.",
        "",
    ]
    return "\r\n".join(lines).encode()


def _places(settings: IncomingSettings) -> set[tuple[int | None, str]]:
    """Return where messages lie already, as far as the server names places."""
    box = open_mailbox(settings, read_only=True)
    try:
        return {place for one in box.list() if (place := _place(one))}
    finally:
        box.drop()


def _wait_for(
    settings: IncomingSettings,
    token: str,
    there_before: set[tuple[int | None, str]],
    deadline: float,
) -> Listed | None:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        found = _look(settings, token, there_before)
        if found is not None or time.monotonic() > deadline:
            return found
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _look(
    settings: IncomingSettings, token: str, there_before: set[tuple[int | None, str]]
) -> Listed | None:
    """Look without a trace: what others have in the mailbox must not count as read."""
    try:
        box = open_mailbox(settings, read_only=True)
    except MailboxBusy:
        return None
    try:
        new = [one for one in box.list() if _place(one) not in there_before]
        return _find(box, [one for one in new if one.size <= _LARGEST], token)
    finally:
        box.drop()


def _delete(settings: IncomingSettings, token: str, found: Listed) -> None:
    """Delete the probe and nothing else."""
    box = open_mailbox(settings)
    try:
        same = [one for one in box.list() if _is_same(one, found)]
        listed = _find(box, same, token)
        gone = box.delete([listed]) if listed is not None else []
        gone = [*gone, *box.finish()]
    finally:
        box.drop()
    if not gone:
        raise _Astray(
            "; ".join(["the probe came back, but could not be deleted", *box.complaints]),
            cure=f"mend deletion, and delete the message with the field {_FIELD}",
        )


def _find(box: Mailbox, listing: list[Listed], token: str) -> Listed | None:
    field = f"{_FIELD}: {token}".encode()
    every = (one for batch in box.fetch(listing) for one in batch)
    return next((one.listed for one in every if field in one.raw), None)


def _place(listed: Listed) -> tuple[int | None, str] | None:
    return (listed.uidvalidity, listed.uid) if listed.uid is not None else None


def _is_same(listed: Listed, found: Listed) -> bool:
    # A maildrop without UIDL names no places; the token then decides alone.
    return (_place(listed), listed.size) == (_place(found), found.size)
