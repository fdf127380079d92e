"""`listbridge allowed …`"""

import click

from listbridge.cli import output
from listbridge.cli.completion import slugs
from listbridge.cli.group import Group
from listbridge.cli.options import Settings, common, opened, require_category
from listbridge.message import key
from storage import allowed as store
from storage.allowed import Allowed


@click.group(cls=Group)
@common
@click.pass_context
def allowed(context: click.Context, settings: Settings) -> None:
    """Authors whom moderators have let in for good."""
    context.obj = settings


@allowed.command("list")
@click.argument("category", required=False, shell_complete=slugs)
@common
def list_(category: str | None, settings: Settings) -> None:
    """List who was let into CATEGORY, or into all, by whom and when."""
    with opened(settings) as installation:
        category_id = require_category(installation, category) if category else None
        with installation.db.reading() as tx:
            found = store.listed(tx, category_id)
    columns = ("category", "address", "by", "since")
    rows = [_row(one) for one in found]
    output.show(rows, columns, as_json=settings.json, nothing="Nobody was let in.")


@allowed.command()
@click.argument("category", shell_complete=slugs)
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@common
@click.pass_context
def remove(
    context: click.Context, category: str, addresses: tuple[str, ...], settings: Settings
) -> None:
    """Let authors into CATEGORY no more; the rules decide about them as about anybody."""
    failed = False
    with opened(settings) as installation:
        category_id = require_category(installation, category)
        for one in addresses:
            with installation.db.transaction() as tx:
                removed = store.remove(tx, category_id, key(one))
            click.echo(f"{one}: {'removed' if removed else 'was not let in'}", err=True)
            failed |= not removed
    if failed:
        context.exit(1)


def _row(one: Allowed) -> output.Row:
    return {
        "category": one.category,
        "address": one.address,
        "by": one.allowed_by,
        "since": one.allowed_at,
    }
