"""Which parts a service consists of, and how they are joined."""

import asyncio
from collections.abc import Callable

from listbridge.metrics import Metrics
from listbridge.service.listening import Listening
from listbridge.service.lookout import Lookout
from listbridge.service.part import Part
from listbridge.service.polling import Polling
from listbridge.service.roster import Roster
from listbridge.service.sending import Sending
from listbridge.service.store_watch import StoreWatch
from listbridge.service.watching import Watching


def mail_parts(
    roster: Roster, metrics: Metrics, watch: StoreWatch, *, poll: bool, send: bool
) -> list[Part]:
    """Build what moves mail; where one process does both, polling wakes sending at the commit."""
    parts: list[Part] = [Lookout(roster, watch)] if poll or send else []
    queued: Callable[[int], None] = _nobody_here
    if send:
        sending = Sending(roster, metrics)
        loop = asyncio.get_running_loop()
        parts += [sending, Listening(roster, sending.wake)]
        watch.on_recovery(sending.store_is_back)

        def queued(category_id: int) -> None:
            loop.call_soon_threadsafe(sending.wake, category_id)

    if poll:
        polling = Polling(roster, metrics, queued)
        parts += [polling, Watching(roster, polling.poll_now)]
        watch.on_recovery(polling.store_is_back)
    return parts


def _nobody_here(_category_id: int) -> None:
    """The sender is another process; it watches the store."""
