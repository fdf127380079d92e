"""`poll-once`: one round over categories side by side, each polled once and sent for once."""

import asyncio
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from listbridge.bootstrap import Accounts, Installation
from listbridge.delivery.worker import send_due
from listbridge.intake.tally import Tally
from listbridge.mailbox import open_mailbox
from listbridge.service.intake_round import whole_round
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
            tally = Tally(slug)
            try:
                if dry_run:
                    run = asyncio.get_running_loop().run_in_executor
                    await run(polls, rehearse, installation, slug, send, tally)
                else:
                    await _round(installation, slug, accounts if send else None, polls, tally)
            except StoreError as err:
                tally.complain(str(err))
            except Exception as err:
                # Whatever blew up, it costs this category its round; the others go on.
                where = traceback.extract_tb(err.__traceback__)[-1]
                tally.complain(f"it failed with {type(err).__name__} in {where.name}; report this")
            done(tally)

        try:
            await asyncio.gather(*(one(slug) for slug in slugs))
        finally:
            await accounts.close()


async def _round(
    installation: Installation,
    slug: str,
    accounts: Accounts | None,
    polls: ThreadPoolExecutor,
    tally: Tally,
) -> None:
    category, category_id = installation.category(slug), installation.ids[slug]
    run = asyncio.get_running_loop().run_in_executor
    await run(polls, whole_round, installation.db, category, category_id, tally, open_mailbox)
    if accounts is None or category.outgoing is None:
        return
    account = accounts.of(category.outgoing)
    sent = await send_due(installation.db, category_id, category.outgoing, account)
    tally.add(
        sent=sent.outcomes[DeliveryState.SENT],
        deferred=sent.outcomes[DeliveryState.DEFERRED],
        failed=sent.outcomes[DeliveryState.FAILED],
        uncertain=sent.outcomes[DeliveryState.UNCERTAIN],
    )
    if sent.error:
        tally.complain(sent.error)
