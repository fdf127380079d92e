"""Messages in hand: tried together or alone, set aside when they are bad, given back otherwise.

A message may be such that it ends the program. So before anything of it is read one more attempt
is on record, and a message on which the program died too often is not tried again.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import sleep

from listbridge import clock
from listbridge.errors import ListbridgeError
from listbridge.intake import events
from listbridge.intake.tally import Tally
from storage import inbound
from storage.database import Database
from storage.errors import StoreError
from storage.inbound import Inbound

# In hand at this many deaths of the program, a message is set aside instead of tried once more.
_DEATHS = 3

# A database that is started anew is back by then. Seconds.
_STORE_WAITS = (0.5, 2.0, 10.0)


@dataclass
class Hand:
    """One message that is being handled."""

    raw: bytes | None = None  #: once it is read, so that the log can name it


def handle(
    db: Database,
    inbound_ids: Sequence[int],
    together: Callable[[Sequence[Inbound]], int],
    alone: Callable[[Inbound], None],
    after: Callable[[], None],
) -> None:
    """Handle some received messages, the first ones together where that goes well.

    `together` returns how many it has handled, none if the first is bad, and whatever it raises,
    it has done nothing; what is wrong, and with which, shows when each is `alone`. `after` is
    called after each of them. `StoreError` ends it, and what is left stays received.
    """
    with db.transaction() as tx:
        left = inbound.begin_several(tx, inbound_ids)  # without what another process has decided
    several = len(left) > 1
    try:
        while left:
            done = 0
            if several:
                try:
                    done = together(left)
                except Exception:
                    several = False
            if done == 0:
                alone(left[0])
                done = 1
            del left[:done]
            after()
    except StoreError:
        _give_back(db, [one.id for one in left])
        raise


def _give_back(db: Database, inbound_ids: Sequence[int]) -> None:
    """Have an attempt not count: it was no fault of the messages, which stay received."""
    for wait in (*_STORE_WAITS, None):
        try:
            with db.transaction() as tx:
                inbound.give_back(tx, inbound_ids)
        except StoreError:
            if wait is not None:
                sleep(wait)
        else:
            return


def is_deadly(one: Inbound) -> bool:
    """Say whether the program has died so often with a message in hand that it is left alone."""
    return one.attempts > _DEATHS


def shunt_deadly(db: Database, one: Inbound, tally: Tally) -> None:
    """Set a message aside without reading it."""
    reason = f"the program ended {_DEATHS} times while it was handling this message"
    _shunt(db, one, tally, reason, None, None)


@contextmanager
def shunted_if_bad(db: Database, one: Inbound, tally: Tally) -> Iterator[Hand]:
    """Set the message aside if handling it raises anything but `StoreError`."""
    hand = Hand()
    try:
        yield hand
    except StoreError:
        raise
    except ListbridgeError as err:
        _shunt(db, one, tally, str(err), None, hand.raw)
    except Exception as err:
        # Whatever a library raised on these bytes: this message is set aside, the next goes on.
        reason = f"handling it failed: {type(err).__name__}"
        _shunt(db, one, tally, reason, _without_content(err), hand.raw)


def _shunt(
    db: Database, one: Inbound, tally: Tally, reason: str, trace: str | None, raw: bytes | None
) -> None:
    # A reason may quote what no database takes, and then not even shunting would help.
    reason = reason.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    with db.transaction() as tx:
        done = inbound.shunt(tx, one.id, reason=reason, traceback=trace, now=clock.now())
    if done:
        tally.add(shunted=1)
        events.shunted(one, reason, raw)


def _without_content(err: Exception) -> str:
    """Return where it failed, without the error's text, which may quote the message."""
    where = "".join(traceback.format_tb(err.__traceback__))
    return f"{where}{type(err).__name__}"
