"""`listbridge post`"""

import sys

import click

from listbridge import clock
from listbridge.cli import output
from listbridge.cli.completion import slugs
from listbridge.cli.options import Settings, category_with_members, common, opened
from listbridge.cli.posts import post_row
from listbridge.errors import ListbridgeError
from listbridge.intake import events
from listbridge.intake.dispatch import dispatch
from storage import inbound, posts
from storage.states import Source


@click.command()
@click.argument("category", shell_complete=slugs)
@click.option("--approve", is_flag=True, help="Accept it whatever the rules say.")
@common
def post(category: str, approve: bool, settings: Settings) -> None:
    """Post the message on standard input to CATEGORY, by the same door as mail; print its id."""
    with opened(settings) as installation:
        category_id = category_with_members(installation, category)
        raw = sys.stdin.buffer.read()
        if not raw.strip():
            raise click.UsageError("there is no message on standard input")
        now = clock.now()
        with installation.db.transaction() as tx:
            inbound_id, _ = inbound.keep(
                tx, category_id, raw, source=Source.CLI, now=now, approved=approve
            )
        events.received(category, inbound_id, raw)
        dispatch(installation.db, installation.reader(category), inbound_id)
        with installation.db.reading() as tx:
            one = inbound.find(tx, inbound_id)
            made = posts.of_inbound(tx, inbound_id)
    if made is None:
        what = one.result or one.state if one else "lost"
        reason = one.reason if one else None
        raise ListbridgeError(f"it did not become a post: {what} ({reason})")
    if settings.json:
        output.show_json(post_row(made))
    else:
        click.echo(str(made.id))
    if made.state != "accepted":
        click.echo(f"The post is {made.state}: {made.reason}", err=True)
