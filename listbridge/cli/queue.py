"""`listbridge queue …`"""

import click

from listbridge import clock
from listbridge.cli import chosen, events, output
from listbridge.cli.group import Group
from listbridge.cli.options import LIMIT, Settings, common, opened
from listbridge.errors import ListbridgeError
from storage import deliveries
from storage.deliveries import Delivery
from storage.states import UNSENT, DeliveryState


@click.group(cls=Group)
@common
@click.pass_context
def queue(context: click.Context, settings: Settings) -> None:
    """Deliveries: one message to one address each."""
    context.obj = settings


@queue.command("list")
@click.option("--state", type=click.Choice([x.value for x in DeliveryState]))
@click.option("--all", "every", is_flag=True, help="Those that are finished, too.")
@click.option("--limit", type=LIMIT, help="Show no more than so many.")
@common
def list_(state: str | None, every: bool, limit: int | None, settings: Settings) -> None:
    """List the deliveries that are not finished."""
    states = tuple(DeliveryState) if every else UNSENT
    if state is not None:
        states = (DeliveryState(state),)
    with opened(settings) as installation, installation.db.reading() as tx:
        found = deliveries.listed(tx, states, limit)
    columns = ("id", "category", "recipient", "state", "attempts", "next_attempt", "last_reply")
    rows = [delivery_row(one) for one in found]
    output.show(rows, columns, as_json=settings.json, nothing="The queue is empty.")


@queue.command()
@click.argument("id_", metavar="ID")
@common
def show(id_: str, settings: Settings) -> None:
    """Show one delivery with all that went wrong with it so far."""
    [delivery_id] = chosen.ids([id_])
    with opened(settings) as installation, installation.db.reading() as tx:
        one = deliveries.find(tx, delivery_id)
        if one is None:
            raise ListbridgeError(f"there is no delivery {delivery_id}")
        history = deliveries.attempts_at(tx, delivery_id)
    output.show_one({**delivery_row(one), "history": history}, as_json=settings.json)


@queue.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All failed, deferred and uncertain ones.")
@common
def retry(ids: tuple[str, ...], every: bool, settings: Settings) -> None:
    """Make each failed, deferred or uncertain delivery due now."""
    chosen.require_some(ids, every=every)
    now = clock.now()
    with opened(settings) as installation:
        wanted = chosen.ids(ids)
        if every:
            states = (DeliveryState.FAILED, DeliveryState.DEFERRED, DeliveryState.UNCERTAIN)
            with installation.db.reading() as tx:
                wanted = [one.id for one in deliveries.listed(tx, states)]
        chosen.each(
            installation.db,
            wanted,
            lambda tx, one: deliveries.retry(tx, one, now),
            done="due now",
            not_done="neither failed, deferred nor uncertain",
            tell=events.queue,
        )


@queue.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@common
def hold(ids: tuple[str, ...], settings: Settings) -> None:
    """Stop each delivery until it is released."""
    with opened(settings) as installation:
        chosen.each(
            installation.db,
            chosen.ids(ids),
            deliveries.hold,
            done="held",
            not_done="not waiting to be tried",
            tell=events.queue,
        )


@queue.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@common
def release(ids: tuple[str, ...], settings: Settings) -> None:
    """Let each held delivery go on."""
    now = clock.now()
    with opened(settings) as installation:
        chosen.each(
            installation.db,
            chosen.ids(ids),
            lambda tx, one: deliveries.release(tx, one, now),
            done="released",
            not_done="not held",
            tell=events.queue,
        )


@queue.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@common
def cancel(ids: tuple[str, ...], settings: Settings) -> None:
    """Give each unsent delivery up."""
    with opened(settings) as installation:
        chosen.each(
            installation.db,
            chosen.ids(ids),
            deliveries.cancel,
            done="cancelled",
            not_done="finished already, or just leaving",
            tell=events.queue,
        )


def delivery_row(one: Delivery) -> output.Row:
    """Return a delivery as people and programs see it."""
    return {
        "id": str(one.id),
        "kind": one.kind,
        "post": None if one.post_id is None else str(one.post_id),
        "category": one.category,
        "recipient": one.recipient,
        "state": one.state,
        "attempts": one.attempts,
        "next_attempt": one.next_attempt,
        "last_reply": one.last_reply,
    }
