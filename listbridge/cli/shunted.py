"""`listbridge shunted …`"""

import click

from listbridge import message
from listbridge.cli import chosen, events, output
from listbridge.cli.completion import slugs
from listbridge.cli.group import Group
from listbridge.cli.options import LIMIT, Settings, common, opened, require_category
from listbridge.errors import ListbridgeError
from listbridge.moderation.password import without_password
from storage import inbound, raw_messages
from storage.database import Tx
from storage.inbound import Inbound
from storage.states import InboundState

_NOT_SHUNTED = "not shunted (any more)"


@click.group(cls=Group)
@common
@click.pass_context
def shunted(context: click.Context, settings: Settings) -> None:
    """Messages set aside because they could not be handled."""
    context.obj = settings


@shunted.command("list")
@click.argument("category", required=False, shell_complete=slugs)
@click.option("--limit", type=LIMIT, help="Show no more than so many.")
@common
def list_(category: str | None, limit: int | None, settings: Settings) -> None:
    """List the shunted messages of CATEGORY, or of all."""
    with opened(settings) as installation:
        category_id = require_category(installation, category) if category else None
        with installation.db.reading() as tx:
            found = inbound.shunted(tx, category_id)[:limit]
            rows = [_row(tx, one) for one in found]
    columns = ("id", "category", "sender", "subject", "reason", "since")
    output.show(rows, columns, as_json=settings.json, nothing="Nothing is shunted.")


@shunted.command()
@click.argument("id_", metavar="ID")
@common
def show(id_: str, settings: Settings) -> None:
    """Show why a message was shunted, and its raw bytes."""
    [inbound_id] = chosen.ids([id_])
    with opened(settings) as installation, installation.db.reading() as tx:
        one = inbound.find(tx, inbound_id)
        if one is None or one.state is not InboundState.SHUNTED:
            raise ListbridgeError(f"message {inbound_id} is {_NOT_SHUNTED}")
        category = installation.configuration.categories.get(one.category)
        raw = without_password(category, raw_messages.read(tx, one.raw_id))
        shown = raw.decode("utf-8", "backslashreplace")
        row = {**_row(tx, one), "traceback": one.traceback, "raw": shown}
    output.show_one(row, as_json=settings.json)


@shunted.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All that are shunted.")
@common
def retry(ids: tuple[str, ...], every: bool, settings: Settings) -> None:
    """Have each message handled again by the next `poll-once`."""
    chosen.require_some(ids, every=every)
    with opened(settings) as installation:
        wanted = chosen.ids(ids)
        if every:
            with installation.db.reading() as tx:
                wanted = [one.id for one in inbound.shunted(tx)]
        chosen.each(
            installation.db,
            wanted,
            inbound.retry,
            done="to be retried",
            not_done=_NOT_SHUNTED,
            tell=events.shunted,
        )


@shunted.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@common
def drop(ids: tuple[str, ...], settings: Settings) -> None:
    """Give each message up; its bytes are kept."""
    with opened(settings) as installation:
        chosen.each(
            installation.db,
            chosen.ids(ids),
            inbound.drop,
            done="dropped",
            not_done=_NOT_SHUNTED,
            tell=events.shunted,
        )


def _row(tx: Tx, one: Inbound) -> output.Row:
    # The message could not be read as a whole, so only its header is looked at, and carefully.
    glance = message.glance(raw_messages.read(tx, one.raw_id))
    return {
        "id": str(one.id),
        "category": one.category,
        "sender": glance.sender,
        "subject": glance.subject,
        "reason": one.reason,
        "since": one.received_at,
    }
