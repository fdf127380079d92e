"""What the subscribers of a category wish besides each post by itself, asked of every post."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, select

from storage.database import Tx
from storage.schema import is_otherwise
from storage.schema import subscriptions as table
from storage.states import DIGESTS, Receives, SubscriptionState

_ASK: Any = (
    select(
        table.c.receives,
        table.c.language,
        and_(table.c.acknowledge, table.c.address_key == bindparam("author")),
    )
    .where(
        table.c.category_id == bindparam("category"),
        table.c.state == SubscriptionState.ACTIVE,
        is_otherwise,
    )
    .distinct()
)


@dataclass(frozen=True)
class Wishes:
    """What there is to do about a post, in one word each."""

    digests: bool = False  #: somebody takes them
    languages: tuple[str | None, ...] = ()  #: of those who want a few lines about each post
    acknowledged: bool = False  #: its author wants to be told that it was accepted


def about_post(tx: Tx, category_id: int, author: str | None) -> Wishes:
    """Say what is wished of a post by the author with this key, in one question to the store."""
    rows = tx.execute(_ASK, {"category": category_id, "author": author or ""}).all()
    languages = {language for receives, language, _ in rows if receives == Receives.UPDATES}
    return Wishes(
        digests=any(receives in DIGESTS for receives, *_ in rows),
        languages=tuple(sorted(languages, key=lambda one: one or "")),
        acknowledged=any(is_his for *_, is_his in rows),
    )
