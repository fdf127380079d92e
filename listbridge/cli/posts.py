"""`listbridge posts …`"""

import click

from listbridge.cli import chosen, output
from listbridge.cli.completion import slugs
from listbridge.cli.group import Group
from listbridge.cli.options import LIMIT, Settings, common, opened, require_category
from listbridge.cli.queue import delivery_row
from listbridge.cli.scheduled import scheduled
from listbridge.errors import ListbridgeError
from storage import deliveries
from storage import posts as store
from storage.posts import Post


@click.group(cls=Group)
@common
@click.pass_context
def posts(context: click.Context, settings: Settings) -> None:
    """What was written to a category."""
    context.obj = settings


posts.add_command(scheduled)


@posts.command("list")
@click.argument("category", shell_complete=slugs)
@click.option("--limit", type=LIMIT, help="Show only the newest.")
@common
def list_(category: str, limit: int | None, settings: Settings) -> None:
    """List the posts of CATEGORY in the order they came."""
    with opened(settings) as installation:
        category_id = require_category(installation, category)
        with installation.db.reading() as tx:
            found = store.in_category(tx, category_id, limit=limit)
    columns = ("id", "thread", "sender", "subject", "date", "state")
    rows = [post_row(one) for one in found]
    output.show(rows, columns, as_json=settings.json, nothing=f"{category} has no posts.")


@posts.command()
@click.argument("id_", metavar="ID")
@common
def show(id_: str, settings: Settings) -> None:
    """Show one post: what was decided about it and why, and who got it."""
    [post_id] = chosen.ids([id_])
    with opened(settings) as installation, installation.db.reading() as tx:
        post = store.find(tx, post_id)
        if post is None:
            raise ListbridgeError(f"there is no post {post_id}")
        sent = deliveries.of_post(tx, post_id)
    if settings.json:
        rows = [delivery_row(one) for one in sent]
        output.show_json({**_row(post), "trail": post.trail, "deliveries": rows})
        return
    output.show_one(_row(post), as_json=False)
    for step in post.trail:
        click.echo(f"  {step['rule']}: {step['verdict']} {step['reason']}".rstrip())
    columns = ("recipient", "state", "attempts", "last_reply")
    output.show([delivery_row(x) for x in sent], columns, as_json=False, nothing="No deliveries.")


def _row(post: Post) -> output.Row:
    """Return a post with what a person decided about it, if one did."""
    decided = {"decided_by": post.decided_by, "decided_at": post.decided_at}
    return {**post_row(post), **(decided if post.decided_at else {})}


def post_row(post: Post) -> output.Row:
    """Return a post as people and programs see it."""
    return {
        "id": str(post.id),
        "category": post.category,
        "message_id": post.message_id,
        "thread": str(post.thread_id),
        "parent": None if post.parent_id is None else str(post.parent_id),
        "sender": post.sender,
        "subject": post.subject,
        "date": post.date,
        "state": post.state,
        "reason": post.reason,
    }
