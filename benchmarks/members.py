"""A store with a category of many members and one post on its way to them."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from listbridge import clock, message
from listbridge.delivery.worker import Account, send_due
from listbridge.submission import Courier, OutgoingSettings, SmtpCourier
from storage import categories, inbound, outbox
from storage.database import Database
from storage.opening import open_database
from storage.outbox import NewOutgoing
from storage.schema import subscriptions
from storage.states import DeliveryState, Kind, Origin, Receives, Source, SubscriptionState

LINE = b"x" * 76 + b"\r\n"
HEAD = b"From: ann@example.org\r\nSubject: hello\r\n\r\n"
BODY = LINE * (5000 // len(LINE))


@contextmanager
def store(members: int) -> Iterator[tuple[Database, int]]:
    """Make a store on disk with so many active members; yield it with the category's id."""
    with empty_store() as db:
        yield db, subscribe(db, members)


@contextmanager
def empty_store() -> Iterator[Database]:
    """Make a store on disk."""
    with (
        tempfile.TemporaryDirectory(prefix="listbridge-bench-") as folder,
        closing(open_database(f"sqlite:///{Path(folder) / 'bench.db'}")) as db,
    ):
        yield db


def subscribe(db: Database, members: int) -> int:
    """Make a category with so many active members; return its id."""
    with db.transaction() as tx:
        category_id = categories.keep(tx, "general", "general@example.org").id
        rows = [_member(category_id, number) for number in range(members)]
        tx.execute(subscriptions.insert(), rows)
    return category_id


def _member(category_id: int, number: int) -> dict[str, object]:
    address = f"member{number}@example.org"
    return {
        "category_id": category_id,
        "address": address,
        "address_key": address,
        "name": "",
        "state": SubscriptionState.ACTIVE,
        "receives": Receives.EACH,
        "origin": Origin.ADMIN,
        "changed_at": clock.now(),
    }


def queue_post(db: Database, category_id: int, *, personal: bool = False) -> int:
    """Put one post of 5 KB into the outbox; return how many deliveries that made.

    If `personal`, each has a sender and a token of his own, and is named in the footer.
    """
    stand_ins = message.new_stand_ins()
    head, body, more = HEAD, None, {}
    if personal:
        way_out = f"mailto:general@example.org?subject={stand_ins.code}"
        head = HEAD.replace(b"\r\n\r\n", f"\r\nList-Unsubscribe: <{way_out}>\r\n\r\n".encode())
        body = b"\r\n" + BODY + f"To {stand_ins.member}; {way_out}\r\n".encode()
        more = {"stand_in": stand_ins.secret, "own_senders": True}
    with db.transaction() as tx:
        raw = HEAD + BODY
        _, raw_id = inbound.keep(tx, category_id, raw, source=Source.CLI, now=clock.now())
        sender = "general@example.org"
        new = NewOutgoing(Kind.POST, category_id, None, sender, head, body, raw_id, None, **more)
        return outbox.fan_out(
            tx, new, to_subscribers=True, without=None, refusal=None, now=clock.now()
        )


def settings_for(port: int, **more: object) -> OutgoingSettings:
    """Return an account on loopback."""
    values = {"host": "127.0.0.1", "port": port, "security": "none"}
    return OutgoingSettings.model_validate(values | more)


def send(
    db: Database, category_id: int, settings: OutgoingSettings, courier: Courier | None = None
) -> tuple[float, float]:
    """Send all that is due; return the seconds it took, and of CPU."""

    async def run() -> tuple[float, float]:
        carrier = courier or SmtpCourier(settings)
        start, cpu = time.perf_counter(), time.process_time()
        sent = await send_due(db, category_id, settings, Account(carrier))
        took = time.perf_counter() - start, time.process_time() - cpu
        await carrier.close()
        assert sent.error is None, sent.error
        assert set(sent.outcomes) == {DeliveryState.SENT}, sent.outcomes
        return took

    return asyncio.run(run())
