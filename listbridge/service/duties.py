"""What a category owes by the clock, seen to at the end of every pass over its mailbox.

Whatever gives cause to a duty notes it down (`storage.duties`), so a category that owes nothing is
asked one question. A duty and the note that it is done are one transaction: if the process dies in
between, it is owed still, and nobody gets anything twice.
"""

import traceback
from collections.abc import Callable, Mapping
from datetime import datetime

from listbridge import clock
from listbridge.category import Category
from listbridge.delivery import digest
from listbridge.intake.dispatch import nobody_waits
from listbridge.intake.readers import Reader
from listbridge.membership import bounce_report, news, probes
from listbridge.moderation import summary
from storage import categories, duties, restored
from storage.database import Database, Tx
from storage.errors import StoreError
from storage.states import Duty, Trouble

#: Does a duty of a category that can send, locked, with its id, by the time given; returns how many
#: deliveries that made, and when it is owed again (None: when there is new cause).
Doing = Callable[[Tx, Category, int, datetime], tuple[int, datetime | None]]

_DO: Mapping[Duty, Doing] = {
    Duty.DIGEST: digest.send,
    Duty.PROBES: probes.see_to,
    Duty.BOUNCE_REPORT: bounce_report.see_to,
    Duty.NEWS: news.see_to,
    Duty.SUMMARY: summary.send,
}


def see_to(db: Database, one: Reader, queued: Callable[[int], None] = nobody_waits) -> None:
    """Do all that a category owes by now, and count what it queues; raises `StoreError`.

    `queued` is called with the category's id if deliveries have been made. What raises anything
    else is owed still, and keeps nothing else from being done. In a database that may be an old
    state put back all of it waits: it may have been done since.
    """
    if one.category.outgoing is None:
        return
    with db.reading() as tx:
        owed = duties.due(tx, one.id, clock.now())
    if not owed or restored.standing(db, clock.now()):
        return
    for what in owed:
        try:
            with db.transaction() as tx:
                made = _do(tx, one, what)
        except StoreError:
            raise
        except Exception as err:
            where = traceback.extract_tb(err.__traceback__)[-1]
            why = f"its {what} failed with {type(err).__name__} in {where.name}; report this"
            one.tally.complain(why, Trouble.OURS)
            continue
        one.tally.add(queued=made)
        if made:
            queued(one.id)


def _do(tx: Tx, one: Reader, what: Duty) -> int:
    categories.lock(tx, one.id)
    now = clock.now()
    if what not in duties.due(tx, one.id, now):
        return 0  # another process has done it meanwhile
    made, next_at = _DO[what](tx, one.category, one.id, now)
    duties.done(tx, one.id, what, next_at)
    return made
