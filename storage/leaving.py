"""Secrets by which a subscriber leaves with one mail: the same in every copy for him, for years.

None is stored. Each is computed from the subscription and a key of this database, and names the
subscription, so that it is found again. Who leaves and comes back gets another one.
"""

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Select, Text, bindparam, select, true

from storage.database import Tx
from storage.dialects import insert_unless_there, json_pairs
from storage.schema import keys as keys_table
from storage.schema import subscriptions as table
from storage.states import SubscriptionState

# What the key is for; it goes into each secret, so that none fits any other purpose.
_PURPOSE = "leave"
_KEY_OCTETS = 32
# Five octets of the id and sixteen of the code: 8 and 26 digits of base32 (RFC 4648 6).
_ID_OCTETS, _CODE_OCTETS = 5, 16
_ID_DIGITS = 8


def prepare(tx: Tx) -> None:
    """Make the key, unless it is there; before the first secret is computed."""
    key = secrets.token_bytes(_KEY_OCTETS)
    insert_unless_there(tx, keys_table, {"purpose": _PURPOSE, "octets": key})


def of(tx: Tx, category_id: int, keys: Iterable[str]) -> Mapping[str, str]:
    """Return the secrets of those among these addresses (by key) that are subscribed."""
    values = {"category": category_id, "wanted": json.dumps(dict.fromkeys(keys, ""))}
    rows = tx.execute(_OF[tx.dialect.name], values).all()
    return {one[2]: _secret(category_id, *one) for one in rows}


def whose(tx: Tx, category_id: int, secret: str) -> str | None:
    """Return the address whose subscription in this category a secret ends; None if none's."""
    row = tx.execute(_WHOSE, {"category": category_id, "this": _id_in(secret)}).one_or_none()
    if row is None:
        return None
    address, *about = row
    right = _secret(category_id, *about)
    return str(address) if hmac.compare_digest(right.encode(), secret.encode()) else None


# What a secret is computed from, as `_secret` takes it.
_ABOUT = (keys_table.c.octets, table.c.id, table.c.address_key, table.c.joined_at)


def _query(*columns: Column[Any]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(table.join(keys_table, true()))
        .where(
            keys_table.c.purpose == _PURPOSE,
            table.c.category_id == bindparam("category"),
            table.c.state.in_((SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED)),
        )
    )


def _among(dialect: str) -> Select[Any]:
    wanted = json_pairs(dialect, bindparam("wanted", type_=Text))
    return _query(*_ABOUT).where(table.c.address_key.in_(select(wanted.c.key)))


# Asked for each page of deliveries, so they are put together once.
_OF = {dialect: _among(dialect) for dialect in ("sqlite", "postgresql")}
_WHOSE = _query(table.c.address, *_ABOUT).where(table.c.id == bindparam("this"))


def _secret(
    category_id: int, key: bytes, subscription_id: int, address_key: str, joined: datetime | None
) -> str:
    since = "" if joined is None else joined.isoformat()
    # No address holds a line end.
    about = f"{_PURPOSE}\n{category_id}\n{subscription_id}\n{since}\n{address_key}"
    code = hmac.digest(key, about.encode("utf-8", "surrogatepass"), "sha256")[:_CODE_OCTETS]
    octets = subscription_id.to_bytes(_ID_OCTETS, "big") + code
    return base64.b32encode(octets).decode("ascii").rstrip("=").lower()


def _id_in(secret: str) -> int:
    """Return the id that a secret names; 0, which nobody has, where it names none."""
    try:
        return int.from_bytes(base64.b32decode(secret[:_ID_DIGITS].upper()), "big")
    except (binascii.Error, ValueError):
        return 0
