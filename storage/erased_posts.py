"""What an erased person has posted: it stays in its thread without him, if need be empty."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select

from storage.blanking import UNSENT, blank, blank_outgoing, is_used
from storage.database import Tx
from storage.naming import pattern
from storage.schema import digest_entries, inbound, is_received, outgoing, post_aliases, posts
from storage.states import Kind, PostState, Result

_REASON = "erased"
_DUPLICATE = "same Message-ID and content as post "


def erase(tx: Tx, keys: Collection[str], *, with_posts: bool) -> Counter[str]:
    """Posts lose their author's name; their bytes only where nobody was sent them, or `with_posts`.

    Whatever came with the same content as one of them goes like it, and so does what tells others
    of it, or is still to do so.
    """
    columns = (posts.c.id, posts.c.category_id, posts.c.inbound_id, posts.c.raw_id)
    told = (posts.c.state, posts.c.trail, posts.c.reason)
    his = tx.execute(select(*columns, *told).where(posts.c.sender_key.in_(keys))).all()
    updates = _updates(tx, keys)
    # One message may be a post in several categories, accepted here and rejected there.
    sent = {one.raw_id for one in his if one.state == PostState.ACCEPTED and not with_posts}
    gone, going_out = set(), set()
    for post in his:
        if post.raw_id in sent:
            continue
        its = or_(outgoing.c.post_id == post.id, outgoing.c.id.in_(updates[post.id]))
        if _is_needed(tx, post, its):
            going_out.add(post.id)
        else:
            gone.add(post.id)
            _take_content(tx, post, its)
    for post in his:
        if post.id not in going_out:
            _anonymise(tx, post, keys)
    for inbound_id, raw_id in _copies_of(tx, gone):
        blank(tx, raw_id)
        tx.execute(inbound.update().where(inbound.c.id == inbound_id).values(reason=_REASON))
    return Counter(
        {
            "posts without a name": len(his) - len(going_out),
            "posts without content": len(gone),
            "posts going out": len(going_out),
        }
    )


def _updates(tx: Tx, keys: Collection[str]) -> Mapping[int, list[int]]:
    """Return the letters that told others a little about his posts, by the post's id."""
    query = (
        select(posts.c.id, outgoing.c.id)
        .select_from(outgoing)
        .join(
            post_aliases,
            (post_aliases.c.category_id == outgoing.c.category_id)
            & (post_aliases.c.message_id == outgoing.c.made_message_id),
        )
        .join(posts, posts.c.id == post_aliases.c.post_id)
        .where(posts.c.sender_key.in_(keys), outgoing.c.kind == Kind.NOTICE)
    )
    found: defaultdict[int, list[int]] = defaultdict(list)
    for post_id, outgoing_id in tx.execute(query):
        found[post_id].append(outgoing_id)
    return found


def _take_content(tx: Tx, post: Any, its: ColumnElement[bool]) -> None:
    blank(tx, post.raw_id)
    blank_outgoing(tx, its)
    # Of what another list has sent on, the copy that came has bytes of its own.
    came = tx.execute(select(inbound.c.raw_id).where(inbound.c.id == post.inbound_id)).scalar_one()
    if not is_used(tx, came):
        blank(tx, came)
    here = digest_entries.c.category_id == post.category_id
    tx.execute(digest_entries.delete().where(here, digest_entries.c.post_id == post.id))


def _anonymise(tx: Tx, post: Any, keys: Collection[str]) -> None:
    values: dict[str, object] = {"sender": None, "sender_key": None, "sender_name": ""}
    wanted = pattern(keys)
    if wanted.search(str(post.trail)):
        values["trail"] = []
    if wanted.search(post.reason or ""):
        values["reason"] = _REASON
    tx.execute(posts.update().where(posts.c.id == post.id).values(values))
    its = select(posts.c.inbound_id).where(posts.c.id == post.id).scalar_subquery()
    if "reason" in values:
        tx.execute(inbound.update().where(inbound.c.id == its).values(reason=_REASON))


def _is_needed(tx: Tx, post: Any, its: ColumnElement[bool]) -> bool:
    """Say whether a post's bytes are still to be sent, or to be decided for another category."""
    undecided = exists().where(inbound.c.raw_id == post.raw_id, is_received)
    unsent = exists().where(or_(its, outgoing.c.raw_id == post.raw_id), UNSENT)
    return bool(tx.execute(select(or_(unsent, undecided))).scalar())


def _copies_of(tx: Tx, post_ids: Collection[int]) -> list[tuple[int, int]]:
    """Return id and raw id of what came once more with other bytes and the same content."""
    query = select(inbound.c.id, inbound.c.raw_id, inbound.c.reason).where(
        inbound.c.result == Result.DUPLICATE, inbound.c.reason.startswith(_DUPLICATE)
    )
    wanted = {f"{_DUPLICATE}{post_id}" for post_id in post_ids}
    return [(row.id, row.raw_id) for row in tx.execute(query) if row.reason in wanted]
