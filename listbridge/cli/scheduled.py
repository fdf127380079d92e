"""`listbridge posts scheduled …`"""

import click

from listbridge import message
from listbridge.bootstrap import Installation
from listbridge.cli import chosen, events, output
from listbridge.cli.completion import slugs
from listbridge.cli.group import Group
from listbridge.cli.options import Settings, common, opened, require_category
from listbridge.moderation.password import without_password
from storage import raw_messages
from storage import scheduled as store
from storage.database import Tx
from storage.scheduled import Scheduled


@click.group(cls=Group)
@common
@click.pass_context
def scheduled(context: click.Context, settings: Settings) -> None:
    """What was handed in for a later time (`post --at`)."""
    context.obj = settings


@scheduled.command("list")
@click.argument("category", required=False, shell_complete=slugs)
@common
def list_(category: str | None, settings: Settings) -> None:
    """List what waits for its time in CATEGORY, or in all, the next one first."""
    with opened(settings) as installation:
        category_id = require_category(installation, category) if category else None
        with installation.db.reading() as tx:
            rows = [_row(tx, installation, one) for one in store.listed(tx, category_id)]
    columns = ("id", "category", "scheduled", "sender", "subject")
    output.show(rows, columns, as_json=settings.json, nothing="Nothing is scheduled.")


@scheduled.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@common
def withdraw(ids: tuple[str, ...], settings: Settings) -> None:
    """Take each message back: it is never posted."""
    with opened(settings) as installation:
        chosen.each(
            installation.db,
            chosen.ids(ids),
            store.withdraw,
            done="withdrawn",
            not_done="not scheduled (any more)",
            tell=events.scheduled,
        )


def _row(tx: Tx, installation: Installation, one: Scheduled) -> output.Row:
    category = installation.configuration.categories.get(one.category)
    glance = message.glance(without_password(category, raw_messages.read(tx, one.raw_id)))
    return {
        "id": str(one.id),
        "category": one.category,
        "scheduled": one.not_before,
        "sender": glance.sender,
        "subject": glance.subject,
        "approved": one.approved,
        "since": one.received_at,
    }
