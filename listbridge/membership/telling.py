"""Notices put into the outbox, in the transaction that gives cause to them."""

from datetime import datetime

from listbridge.category import Category
from listbridge.message import key
from listbridge.notices import Notice, Writing, notice
from storage import answers, service_mail
from storage.database import Tx
from storage.states import Kind


def tell(
    tx: Tx,
    category: Category,
    category_id: int,
    what: Notice,
    writing: Writing,
    now: datetime,
    kind: Kind = Kind.NOTICE,
) -> None:
    """Write somebody a notice."""
    letter = notice(category, what, writing, now)
    service_mail.put(
        tx,
        kind,
        letter,
        sender=category.address,
        recipients=[writing.to],
        now=now,
        category=category_id,
    )


def tell_owners(
    tx: Tx, category: Category, category_id: int, what: Notice, now: datetime, **values: str
) -> int:
    """Write the owners of a category a notice, each by himself; return how many there are."""
    for one in category.told_owners:
        tell(tx, category, category_id, what, Writing(one, values=values), now)
    return len(category.told_owners)


def may_answer(
    tx: Tx,
    category: Category,
    category_id: int,
    what: Notice,
    address: str,
    now: datetime,
    each: int = 1,
) -> bool:
    """Count an answer to a mail that anybody can have written, and say whether it may be given.

    So somebody in whose name others write gets no more than `each` of the kind in a day.
    """
    return answers.count_one(
        tx,
        category_id,
        key(address),
        what,
        each=each,
        in_all=category.members.answers_per_day,
        now=now,
    )
