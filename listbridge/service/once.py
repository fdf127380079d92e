"""`poll-once`: one round over categories side by side, each polled once and sent for once."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from listbridge.bootstrap import Accounts, Installation
from listbridge.bounces import Book
from listbridge.delivery.worker import send_due
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.tally import Tally
from listbridge.mailbox import open_mailbox
from listbridge.service.intake_round import costs_a_round, whole_round
from listbridge.service.rehearsal import Seen, look, rehearse
from listbridge.service.round_end import Usage, tell_operator
from storage.database import Database
from storage.states import DeliveryState

# A mailbox on a dead host keeps its thread until the time limit; the others must not wait for it.
_POLLS_AT_ONCE = 64


async def poll_once(
    installation: Installation,
    slugs: Sequence[str],
    *,
    send: bool,
    dry_run: bool,
    done: Callable[[Tally], None],
) -> str | None:
    """Poll these categories and send what is due; `done` gets each one's tally as it is finished.

    Then alerts go out; returned is what kept them from it. With `dry_run` nothing changes anywhere,
    and the numbers are what would be.
    """
    accounts, usage = Accounts(), Usage()
    with ThreadPoolExecutor(_POLLS_AT_ONCE, thread_name_prefix="poll") as polls:

        async def round_of(readers: Readers) -> None:
            with costs_a_round(readers):
                await _take_in(installation, readers, polls)
                if send:
                    await _send(installation.db, readers, accounts, usage)
            _done(readers, done)

        try:
            crowds = [installation.readers(some) for some in installation.crowds(slugs)]
            if dry_run:
                await _rehearse(installation.db, crowds, send, polls)
                for readers in crowds:
                    _done(readers, done)
                return None
            await asyncio.gather(*map(round_of, crowds))
            return await tell_operator(installation, usage, accounts if send else None)
        finally:
            await accounts.close()


def _done(readers: Readers, done: Callable[[Tally], None]) -> None:
    for one in readers.polled:
        done(one.tally)


async def _rehearse(
    db: Database, crowds: Sequence[Readers], send: bool, polls: ThreadPoolExecutor
) -> None:
    """Look at all mailboxes, some at a time, and then make the round over all of them at once."""
    run = asyncio.get_running_loop().run_in_executor

    async def look_at(readers: Readers) -> Seen | None:
        with costs_a_round(readers):
            return await run(polls, look, db, readers)
        return None

    seen = await asyncio.gather(*map(look_at, crowds))
    with costs_a_round(Readers([one for readers in crowds for one in readers.polled])):
        await run(polls, rehearse, db, list(zip(crowds, seen, strict=True)), send)


async def _take_in(installation: Installation, readers: Readers, polls: ThreadPoolExecutor) -> None:
    run = asyncio.get_running_loop().run_in_executor
    await run(polls, whole_round, installation.db, readers, open_mailbox)


async def _send(db: Database, readers: Readers, accounts: Accounts, usage: Usage) -> None:
    await asyncio.gather(*(_send_for(db, one, accounts, usage) for one in readers.polled))


async def _send_for(db: Database, reader: Reader, accounts: Accounts, usage: Usage) -> None:
    settings = reader.category.outgoing
    if settings is None:
        return
    account = accounts.of(settings)
    book = Book(reader.id, reader.category)
    sent = await send_due(db, reader.id, settings, account, book=book)
    usage.note(settings.account, account, sent)
    reader.tally.add(
        sent=sent.outcomes[DeliveryState.SENT],
        deferred=sent.outcomes[DeliveryState.DEFERRED],
        failed=sent.outcomes[DeliveryState.FAILED],
        uncertain=sent.outcomes[DeliveryState.UNCERTAIN],
    )
    if sent.error:
        reader.tally.complain(sent.error)
