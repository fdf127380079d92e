"""Tokens: what somebody was asked to confirm, known by the hash of a secret that he was sent."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from storage.database import Tx
from storage.schema import tokens as table
from storage.states import Purpose


@dataclass(frozen=True)
class Token:
    """What a token stands for."""

    purpose: Purpose
    address: str
    key: str  #: the address in lower case, for comparing
    detail: str  #: the person's name, the change of options, or the held post's id


def keep(
    tx: Tx, category_id: int, secret: str, token: Token, *, expires_at: datetime, now: datetime
) -> None:
    """Remember by its hash that `secret` stands for this; what has run out is forgotten."""
    tx.execute(table.delete().where(table.c.category_id == category_id, table.c.expires_at <= now))
    row = {
        "sha256": _hashed(secret),
        "purpose": token.purpose,
        "category_id": category_id,
        "address": token.address,
        "address_key": token.key,
        "detail": token.detail,
        "expires_at": expires_at,
    }
    tx.execute(table.insert().values(row))


def use(tx: Tx, category_id: int, secret: str, now: datetime) -> Token | None:
    """Return what a secret stands for in this category, once; None if it stands for nothing.

    It is looked for by its hash: how long that takes tells nothing about the secrets there are.
    """
    delete = (
        table.delete()
        .where(
            table.c.sha256 == _hashed(secret),
            table.c.category_id == category_id,
            table.c.expires_at > now,
        )
        .returning(table.c.purpose, table.c.address, table.c.address_key, table.c.detail)
    )
    row = tx.execute(delete).one_or_none()
    return Token(Purpose(row[0]), *row[1:]) if row else None


def look(tx: Tx, category_id: int, secret: str, now: datetime) -> tuple[Token, datetime] | None:
    """Return what a secret stands for in this category, and until when, and leave it so."""
    columns = (table.c.purpose, table.c.address, table.c.address_key, table.c.detail)
    query = select(*columns, table.c.expires_at).where(
        table.c.sha256 == _hashed(secret),
        table.c.category_id == category_id,
        table.c.expires_at > now,
    )
    row = tx.execute(query).one_or_none()
    return (Token(Purpose(row[0]), *row[1:4]), row[4]) if row else None


def asked_about(tx: Tx, category_id: int, detail: str) -> list[str]:
    """Return the addresses of those who were sent a code to moderate this, each once."""
    query = select(table.c.address).where(
        table.c.category_id == category_id,
        table.c.purpose == Purpose.MODERATE,
        table.c.detail == detail,
    )
    return list(dict.fromkeys(tx.execute(query.order_by(table.c.id)).scalars()))


def void(tx: Tx, secrets: Iterable[str]) -> None:
    """Let these secrets stand for nothing any more, in whatever category: others have seen them."""
    delete = table.delete().where(table.c.sha256 == bindparam("wanted"))
    # In one order, so that two who void the same never wait for each other.
    tx.execute(delete, [{"wanted": one} for one in sorted(map(_hashed, secrets))])


def asked(tx: Tx, category_id: int, now: datetime) -> list[Token]:
    """Return who has been asked to confirm that he wants to join, and can still do so."""
    columns = (table.c.purpose, table.c.address, table.c.address_key, table.c.detail)
    query = select(*columns).where(
        table.c.category_id == category_id,
        table.c.purpose == Purpose.SUBSCRIBE,
        table.c.expires_at > now,
    )
    return [Token(Purpose(row[0]), *row[1:]) for row in tx.execute(query.order_by(table.c.id))]


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii", "replace")).hexdigest()
