"""The end of one round: which accounts cannot be used goes on record, and the operator is told."""

import asyncio
from dataclasses import dataclass, field

from listbridge import clock
from listbridge.bootstrap import Accounts, Installation
from listbridge.delivery.worker import Account, Sent, send_due
from listbridge.service import alerting
from listbridge.service.roster import Roster
from storage import pauses
from storage.database import Database
from storage.errors import StoreError


@dataclass
class Usage:
    """How the outgoing accounts of a round have done, by name."""

    in_trouble: dict[str, str] = field(default_factory=dict)  #: and why
    working: set[str] = field(default_factory=set)

    def note(self, name: str, account: Account, sent: Sent) -> None:
        """Note how an attempt to send went; where nothing was due, it says nothing."""
        if account.trouble is not None:
            self.in_trouble[name] = str(account.trouble)
        elif sent.outcomes:
            self.working.add(name)

    def record(self, db: Database) -> None:
        """Have every process and person see it; raises `StoreError`."""
        with db.reading() as tx:
            paused = {one.account: one.until for one in pauses.every(tx)}
        over = paused.keys() & self.working - self.in_trouble.keys()
        if not (over or self.in_trouble):
            return
        now = clock.now()
        with db.transaction() as tx:
            for account, reason in self.in_trouble.items():
                # The next round tries again; a service that has paused it keeps its own time.
                until = max(now, paused.get(account, now))
                pauses.keep(tx, account, until=until, reason=reason, now=now)
            for account in over:
                pauses.end(tx, account)


async def tell_operator(
    installation: Installation, usage: Usage, accounts: Accounts | None
) -> str | None:
    """Put the alerts into the outbox that are to be sent now, as `serve` does, and send them.

    Without `accounts` they stay there. Returns what kept them from being sent.
    """
    db, service = installation.db, installation.configuration.service
    settings, ours = service.alert_settings, installation.service_id
    try:
        await asyncio.to_thread(usage.record, db)
        if settings is None or ours is None:
            return None
        active = Roster(installation).active()
        await asyncio.to_thread(alerting.look, db, service, active, clock.now())
        if accounts is None:
            return None
        account = accounts.of(settings)
        sent = await send_due(db, ours, settings, account)
        usage.note(settings.account, account, sent)
        await asyncio.to_thread(usage.record, db)
    except StoreError as err:
        return str(err)
    return sent.error
