"""`poll-once`: one round over categories side by side, each polled once and sent for once."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from listbridge.bootstrap import Accounts, Installation
from listbridge.delivery.worker import send_due
from listbridge.intake.tally import Tally
from listbridge.mailbox import open_mailbox
from listbridge.service.intake_round import take_in
from listbridge.service.rehearsal import rehearse
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

        async def one(slug: str) -> None:
            if dry_run:
                run = asyncio.get_running_loop().run_in_executor
                done(await run(polls, rehearse, installation, slug, send))
            else:
                done(await _round(installation, slug, accounts if send else None, polls))

        try:
            await asyncio.gather(*(one(slug) for slug in slugs))
        finally:
            await accounts.close()


async def _round(
    installation: Installation, slug: str, accounts: Accounts | None, polls: ThreadPoolExecutor
) -> Tally:
    category, category_id = installation.category(slug), installation.ids[slug]
    tally = Tally(slug)
    run = asyncio.get_running_loop().run_in_executor
    await run(polls, take_in, installation.db, category, category_id, tally, open_mailbox)
    if accounts is None or category.outgoing is None:
        return tally
    try:
        account = accounts.of(category.outgoing)
        sent = await send_due(installation.db, category_id, category.outgoing, account)
    except StoreError as err:
        tally.complain(str(err))
        return tally
    tally.add(
        sent=sent.outcomes[DeliveryState.SENT],
        deferred=sent.outcomes[DeliveryState.DEFERRED],
        failed=sent.outcomes[DeliveryState.FAILED],
        uncertain=sent.outcomes[DeliveryState.UNCERTAIN],
    )
    if sent.error:
        tally.complain(sent.error)
    return tally
