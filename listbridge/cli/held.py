"""`listbridge held …`"""

import click

from listbridge.bootstrap import Installation
from listbridge.category import Category
from listbridge.cli import chosen, events, output
from listbridge.cli.completion import slugs
from listbridge.cli.group import Group
from listbridge.cli.options import (
    LIMIT,
    Settings,
    category_with_members,
    common,
    one_line,
    opened,
    require_category,
)
from listbridge.delivery import from_choice
from listbridge.dmarc import Policy
from listbridge.errors import ListbridgeError
from listbridge.message import parse
from listbridge.moderation import actions
from listbridge.moderation.password import opened as opened_by
from storage import posts, raw_messages
from storage.database import Tx
from storage.posts import Post
from storage.states import PostState

_NOT_HELD = "not held (any more)"


@click.group(cls=Group)
@common
@click.pass_context
def held(context: click.Context, settings: Settings) -> None:
    """Posts that wait for a moderator."""
    context.obj = settings


@held.command("list")
@click.argument("category", required=False, shell_complete=slugs)
@click.option("--limit", type=LIMIT, help="Show only the newest.")
@common
def list_(category: str | None, limit: int | None, settings: Settings) -> None:
    """List the held posts of CATEGORY, or of all."""
    with opened(settings) as installation:
        category_id = require_category(installation, category) if category else None
        with installation.db.reading() as tx:
            found = posts.in_category(tx, category_id, state=PostState.HELD, limit=limit)
    columns = ("id", "category", "sender", "subject", "reason", "since")
    rows = [_row(one) for one in found]
    output.show(rows, columns, as_json=settings.json, nothing="Nothing is held.")


@held.command()
@click.argument("id_", metavar="ID")
@common
def show(id_: str, settings: Settings) -> None:
    """Show a held post with its text."""
    [post_id] = chosen.ids([id_])
    with opened(settings) as installation, installation.db.reading() as tx:
        post = posts.find(tx, post_id)
        if post is None or post.state is not PostState.HELD:
            raise ListbridgeError(f"post {post_id} is {_NOT_HELD}")
        text = _text(installation, post, raw_messages.read(tx, post.raw_id))
    row = {**_row(post), "trail": post.trail, "text": text}
    output.show_one(row, as_json=settings.json)


@held.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--always", is_flag=True, help="Let the author in for good.")
@common
def approve(ids: tuple[str, ...], always: bool, settings: Settings) -> None:
    """Accept each post; it goes out with the next `poll-once`, or at once where `serve` runs."""
    with opened(settings) as installation:
        wanted = chosen.ids(ids)
        _follow_files(installation, wanted)
        policies = _policies(installation, wanted)

        def act(tx: Tx, post_id: int) -> bool:
            post = posts.find(tx, post_id)
            if post is None or post.state is not PostState.HELD:
                return False
            _require_usable(installation, post)
            category = installation.category(post.category)
            policy = policies.get(post_id, Policy.UNKNOWN)
            return actions.approve(tx, category, post, policy, for_good=always)

        chosen.each(
            installation.db, wanted, act, done="approved", not_done=_NOT_HELD, tell=events.held
        )


@held.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--because", callback=one_line, help="The reason, kept with the post, and told.")
@common
def reject(ids: tuple[str, ...], because: str | None, settings: Settings) -> None:
    """Reject each post; its author is told, if he is a subscriber."""
    with opened(settings) as installation:

        def act(tx: Tx, post_id: int) -> bool:
            post = posts.find(tx, post_id)
            if post is None or post.state is not PostState.HELD:
                return False
            return actions.reject(tx, _usable(installation, post), post, because)

        chosen.each(
            installation.db,
            chosen.ids(ids),
            act,
            done="rejected",
            not_done=_NOT_HELD,
            tell=events.held,
        )


@held.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@common
def discard(ids: tuple[str, ...], settings: Settings) -> None:
    """Discard each post without a word."""
    with opened(settings) as installation:

        def act(tx: Tx, post_id: int) -> bool:
            post = posts.find(tx, post_id)
            if post is None or post.state is not PostState.HELD:
                return False
            return actions.discard(tx, _usable(installation, post), post)

        chosen.each(
            installation.db,
            chosen.ids(ids),
            act,
            done="discarded",
            not_done=_NOT_HELD,
            tell=events.held,
        )


def _follow_files(installation: Installation, post_ids: list[int]) -> None:
    """Make sure that whoever is in a subscriber file by now gets what is approved now."""
    with installation.db.reading() as tx:
        found = [posts.find(tx, post_id) for post_id in post_ids]
    for slug in sorted({post.category for post in found if post} & installation.ids.keys()):
        category_with_members(installation, slug)


def _policies(installation: Installation, post_ids: list[int]) -> dict[int, Policy]:
    """Ask for the policies of the authors' domains, before anything is locked."""
    with installation.db.reading() as tx:
        found = [post for post_id in post_ids if (post := posts.find(tx, post_id))]
    policies: dict[int, Policy] = {}
    for slug in {post.category for post in found} & installation.ids.keys():
        own = [post for post in found if post.category == slug]
        by_author = from_choice.policies(installation.category(slug), [post.sender for post in own])
        policies |= {post.id: by_author.get(post.sender, Policy.UNKNOWN) for post in own}
    return policies


def _text(installation: Installation, post: Post, raw: bytes) -> str:
    category = installation.configuration.categories.get(post.category)
    return parse(raw).text if category is None else opened_by(category, raw).parsed.text


def _usable(installation: Installation, post: Post) -> Category | None:
    return installation.category(post.category) if post.category in installation.ids else None


def _require_usable(installation: Installation, post: Post) -> None:
    if post.category not in installation.ids:
        raise ListbridgeError(f"category {post.category!r} has no usable file; mend that first")


def _row(post: Post) -> output.Row:
    return {
        "id": str(post.id),
        "category": post.category,
        "sender": post.sender,
        "subject": post.subject,
        "reason": post.reason,
        "since": post.created_at,
    }
