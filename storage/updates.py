"""Content updates: a few lines about a post, to those who want them and not the post itself."""

from datetime import datetime

from sqlalchemy import bindparam, insert, select

from storage import raw_messages, wakeup
from storage.database import Tx
from storage.dialects import COUNTED, many_rows
from storage.outbox import FILLED, GETTING, PRIORITY
from storage.schema import deliveries, outgoing, post_aliases, subscriptions
from storage.service_mail import Letter
from storage.states import DeliveryState, Kind, Receives

_FILL = insert(deliveries).from_select(
    list(FILLED),
    select(*FILLED.values()).where(
        *GETTING,
        subscriptions.c.receives == Receives.UPDATES,
        subscriptions.c.language.is_not_distinct_from(
            bindparam("spoken", type_=subscriptions.c.language.type)
        ),
    ),
)


def put(
    tx: Tx,
    category_id: int,
    post_id: int,
    letter: Letter,
    *,
    sender: str,
    language: str | None,
    without: str | None,
    author: str | None,
    now: datetime,
) -> int:
    """Put a letter about a post into the outbox for all who want such ones in this language.

    Return how many there are. An answer to the letter counts as one to the post. `without` and
    `author` are as in `outbox.fan_out`; the category is locked.
    """
    row = {
        "kind": Kind.NOTICE,
        "category_id": category_id,
        "post_id": None,
        "sender": sender,
        "head": letter.head,
        "body": None,
        "raw_id": raw_messages.keep(tx, letter.head + letter.body),
        "made_message_id": letter.message_id,
        "recipients": 0,
        "created_at": now,
    }
    made = tx.execute(outgoing.insert().values(row).returning(outgoing.c.id)).scalar_one()
    values = {
        "outgoing": made,
        "category": category_id,
        "post": post_id,
        "spoken": language,
        "without": without or "",
        "author": author or "",
        # There may be as many as of the post, so they are no sooner than that.
        "its_priority": PRIORITY[Kind.POST],
        "its_state": DeliveryState.PENDING.value,
        "now": now,
        "refusal": None,
    }
    with many_rows(tx):
        count = tx.execute(_FILL, values, execution_options=COUNTED).rowcount
    tx.execute(outgoing.update().where(outgoing.c.id == made).values(recipients=count))
    name = {"category_id": category_id, "message_id": letter.message_id, "post_id": post_id}
    tx.execute(post_aliases.insert().values(name))
    wakeup.tell(tx)
    return count
