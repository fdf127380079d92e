"""`poll-once`: one round over categories side by side, each polled once and sent for once."""

import asyncio
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from listbridge import clock
from listbridge.bootstrap import Accounts, Installation
from listbridge.bounces import Book
from listbridge.delivery.worker import send_due
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.tally import Tally
from listbridge.mailbox import open_mailbox
from listbridge.service.intake_round import whole_round
from listbridge.service.rehearsal import rehearse
from storage import pauses
from storage.database import Database
from storage.errors import StoreError
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
) -> None:
    """Poll these categories and send what is due; `done` gets each one's tally as it is finished.

    With `dry_run` nothing changes anywhere, and the numbers are what would be.
    """
    accounts = Accounts()
    with ThreadPoolExecutor(_POLLS_AT_ONCE, thread_name_prefix="poll") as polls:

        async def round_of(readers: Readers) -> None:
            try:
                if dry_run:
                    run = asyncio.get_running_loop().run_in_executor
                    await run(polls, rehearse, installation, readers, send)
                else:
                    await _round(installation, readers, accounts if send else None, polls)
            except StoreError as err:
                readers.complain(str(err))
            except Exception as err:
                # Whatever blew up, it costs who reads this mailbox a round; the others go on.
                where = traceback.extract_tb(err.__traceback__)[-1]
                readers.complain(
                    f"it failed with {type(err).__name__} in {where.name}; report this"
                )
            for one in readers.polled:
                done(one.tally)

        try:
            crowds = [installation.readers(some) for some in installation.crowds(slugs)]
            await asyncio.gather(*map(round_of, crowds))
        finally:
            await accounts.close()


async def _round(
    installation: Installation,
    readers: Readers,
    accounts: Accounts | None,
    polls: ThreadPoolExecutor,
) -> None:
    run = asyncio.get_running_loop().run_in_executor
    await run(polls, whole_round, installation.db, readers, open_mailbox)
    if accounts is not None:
        await asyncio.gather(*(_send(installation.db, one, accounts) for one in readers.polled))


async def _send(db: Database, reader: Reader, accounts: Accounts) -> None:
    settings = reader.category.outgoing
    if settings is None:
        return
    book = Book(reader.id, reader.category)
    account = accounts.of(settings)
    sent = await send_due(db, reader.id, settings, account, book=book)
    reader.tally.add(
        sent=sent.outcomes[DeliveryState.SENT],
        deferred=sent.outcomes[DeliveryState.DEFERRED],
        failed=sent.outcomes[DeliveryState.FAILED],
        uncertain=sent.outcomes[DeliveryState.UNCERTAIN],
    )
    if sent.error:
        reader.tally.complain(sent.error)
    if account.trouble is not None:
        await asyncio.to_thread(_note_pause, db, settings.account, str(account.trouble))
    elif sent.outcomes:
        await asyncio.to_thread(_note_recovery, db, settings.account)


def _note_pause(db: Database, account: str, reason: str) -> None:
    """Put on record that the account cannot be used, for `status`: the next round tries it again.

    A service that has paused it keeps its own time for that.
    """
    now = clock.now()
    with db.transaction() as tx:
        until = max([now, *(one.until for one in pauses.every(tx) if one.account == account)])
        pauses.keep(tx, account, until=until, reason=reason, now=now)


def _note_recovery(db: Database, account: str) -> None:
    with db.reading() as tx:
        paused = any(one.account == account for one in pauses.every(tx))
    if paused:
        with db.transaction() as tx:
            pauses.end(tx, account)
