"""`listbridge post`"""

import sys
from datetime import UTC, datetime

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


def _moment(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    """Read a time as people and programs write it; without an offset it is this machine's."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        sentence = 'write a date and a time, such as "2026-11-22T09:00" or "2026-11-22T09:00+01:00"'
        raise click.BadParameter(sentence) from None
    if at <= clock.now():
        raise click.BadParameter("this time is past")
    return at


def _tell_scheduled(category: str, inbound_id: int, at: datetime, *, as_json: bool) -> None:
    if as_json:
        output.show_json({"id": str(inbound_id), "category": category, "scheduled": at})
        return
    click.echo(
        f"It waits until {at.astimezone():%Y-%m-%d %H:%M %Z}; "
        f"`listbridge posts scheduled withdraw {inbound_id}` takes it back.",
        err=True,
    )


@click.command()
@click.argument("category", shell_complete=slugs)
@click.option("--approve", is_flag=True, help="Accept it whatever the rules say.")
@click.option("--at", "at", callback=_moment, metavar="TIME", help="Decide and send it then.")
@common
def post(category: str, approve: bool, at: datetime | None, settings: Settings) -> None:
    """Post the message on standard input to CATEGORY, by the same door as mail; print its id."""
    with opened(settings) as installation:
        category_id = category_with_members(installation, category)
        raw = sys.stdin.buffer.read()
        if not raw.strip():
            raise click.UsageError("there is no message on standard input")
        now = clock.now()
        with installation.db.transaction() as tx:
            inbound_id, _ = inbound.keep(
                tx,
                category_id,
                raw,
                source=Source.CLI,
                now=now,
                approved=approve,
                not_before=at,
            )
        events.received(category, inbound_id, raw)
        if at is not None:
            _tell_scheduled(category, inbound_id, at, as_json=settings.json)
            return
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
