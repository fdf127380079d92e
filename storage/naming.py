"""Stored mail that names a person and belongs to no post: it is read to find that out."""

import quopri
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, select

from storage import raw_messages
from storage.database import Tx
from storage.schema import inbound, outgoing, posts
from storage.states import Kind, Result


@dataclass(frozen=True)
class Naming:
    """Whatever names somebody, by the ids of the rows."""

    letters: frozenset[int]  #: outgoing: notices, probes, reports of ours, to whomever
    digests: frozenset[int]  #: outgoing
    read: frozenset[int]  #: inbound: commands, reports, and mail of robots


def find(tx: Tx, keys: Collection[str]) -> Naming:
    """Look through all service mail, and all that came and is no post, for the keys of addresses.

    It takes as long as to read all of that, so it is done before anything is locked.
    """
    wanted = pattern(keys)
    ours = select(outgoing.c.id, outgoing.c.raw_id)
    kept_by_a_post = exists().where(posts.c.raw_id == inbound.c.raw_id)
    read = select(inbound.c.id, inbound.c.raw_id).where(
        inbound.c.result.in_((Result.COMMAND, Result.BOUNCE, Result.ROBOT)), ~kept_by_a_post
    )
    return Naming(
        letters=_among(tx, ours.where(outgoing.c.kind.not_in((Kind.POST, Kind.DIGEST))), wanted),
        digests=_among(tx, ours.where(outgoing.c.kind == Kind.DIGEST), wanted),
        read=_among(tx, read, wanted),
    )


def pattern(keys: Collection[str]) -> re.Pattern[str]:
    """Return what finds these in a text, and not where they are a part of longer addresses."""
    addresses = "|".join(map(re.escape, keys))
    return re.compile(rf"(?<![\w.+-])(?:{addresses})(?![\w-]|\.\w)", re.IGNORECASE)


def _among(tx: Tx, rows: Select[Any], wanted: re.Pattern[str]) -> frozenset[int]:
    return frozenset(_naming(tx, rows, wanted))


def _naming(tx: Tx, rows: Select[Any], wanted: re.Pattern[str]) -> Iterator[int]:
    for row_id, raw_id in tx.execute(rows).all():
        raw = raw_messages.read(tx, raw_id)
        for octets in (raw, quopri.decodestring(raw)):
            if wanted.search(octets.decode("utf-8", "replace")):
                yield row_id
                break
