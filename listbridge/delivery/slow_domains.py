"""A domain that wants less mail just now gets none, so that it costs the others nothing.

One of its recipients is tried again when his time comes; the rest wait until just after that.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from listbridge.delivery.retry import LONGEST_WAIT
from listbridge.delivery.settle import Settled
from storage import claims
from storage.database import Tx

# So long after the one that is tried first, a share each, so that they do not come all at once.
_SHARES = tuple(timedelta(seconds=15) * number for number in range(1, 5))


def put_off(tx: Tx, category_id: int, ends: Iterable[Iterable[Settled]], now: datetime) -> None:
    """Put off what waits for domains that have just asked for it, in one category."""
    slow = {end.slow_domain: end for each in ends for end in each}
    for domain, end in slow.items():
        if domain is None or end.next_attempt is None:
            continue
        until = [min(end.next_attempt + later, now + LONGEST_WAIT) for later in _SHARES]
        reply = f"not tried yet: of another recipient of {domain} the server said: {end.reply}"
        claims.put_off(
            tx, category_id, domain, soon=now + _SHARES[-1], until=until, reply=reply, now=now
        )
