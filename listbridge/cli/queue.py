"""`listbridge queue …`"""

from collections.abc import Callable
from functools import partial

import click

from listbridge import clock, maillog
from listbridge.cli import chosen, events, output
from listbridge.cli.group import Group
from listbridge.cli.options import LIMIT, Settings, common, opened
from listbridge.errors import ListbridgeError
from storage import deliveries, post_deliveries
from storage.database import Database, Tx
from storage.deliveries import Delivery
from storage.states import UNSENT, WAITING, DeliveryState

_POST = click.option("--post", metavar="ID", help="All of this post.")


@click.group(cls=Group)
@common
@click.pass_context
def queue(context: click.Context, settings: Settings) -> None:
    """Deliveries: one message to one address each."""
    context.obj = settings


@queue.command("list")
@click.option("--state", type=click.Choice([x.value for x in DeliveryState]))
@click.option("--all", "every", is_flag=True, help="Those that are finished, too.")
@_POST
@click.option("--limit", type=LIMIT, help="Show no more than so many.")
@common
def list_(
    state: str | None, every: bool, post: str | None, limit: int | None, settings: Settings
) -> None:
    """List the deliveries that are not finished."""
    states = tuple(DeliveryState) if every else UNSENT
    if state is not None:
        states = (DeliveryState(state),)
    with opened(settings) as installation, installation.db.reading() as tx:
        messages = None if post is None else post_deliveries.messages(tx, _id(post))
        found = deliveries.listed(tx, states, limit, messages)
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
@click.argument("ids", nargs=-1, metavar="[ID]...")
@_POST
@common
def hold(ids: tuple[str, ...], post: str | None, settings: Settings) -> None:
    """Stop each delivery until it is released."""
    _require_some(ids, post)
    with opened(settings) as installation:
        if post is not None:
            _of_post(installation.db, post, post_deliveries.hold, done="held")
            return
        chosen.each(
            installation.db,
            chosen.ids(ids),
            deliveries.hold,
            done="held",
            not_done="not waiting to be tried",
            tell=events.queue,
        )


@queue.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@_POST
@common
def release(ids: tuple[str, ...], post: str | None, settings: Settings) -> None:
    """Let each held delivery go on."""
    _require_some(ids, post)
    now = clock.now()
    with opened(settings) as installation:
        if post is not None:
            release_all = partial(post_deliveries.release, now=now)
            _of_post(installation.db, post, release_all, done="released")
            return
        chosen.each(
            installation.db,
            chosen.ids(ids),
            lambda tx, one: deliveries.release(tx, one, now),
            done="released",
            not_done="not held",
            tell=events.queue,
        )


@queue.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@_POST
@common
def cancel(ids: tuple[str, ...], post: str | None, settings: Settings) -> None:
    """Give each unsent delivery up; of a post, its place in coming digests as well."""
    _require_some(ids, post)
    with opened(settings) as installation:
        if post is not None:
            _of_post(installation.db, post, post_deliveries.cancel, done="cancelled")
            return
        chosen.each(
            installation.db,
            chosen.ids(ids),
            deliveries.cancel,
            done="cancelled",
            not_done="finished already, or just leaving",
            tell=events.queue,
        )


def _id(text: str) -> int:
    [found] = chosen.ids([text])
    return found


def _require_some(ids: tuple[str, ...], post: str | None) -> None:
    if bool(ids) == (post is not None):
        raise click.UsageError("name the ids, or give --post")


def _of_post(db: Database, post: str, act: Callable[[Tx, int], int], *, done: str) -> None:
    """Do it to all that goes out of a post; exit status 1 if some of it may leave all the same."""
    post_id = _id(post)
    with db.transaction() as tx:
        if not post_deliveries.lock_category(tx, post_id):
            raise ListbridgeError(f"there is no post {post_id}")
        number = act(tx, post_id)
        leaving = 0 if done == "released" else post_deliveries.leaving(tx, post_id)
    if maillog.is_on():
        events.queue_of_post(db, post_id, number, done)
    click.echo(f"post {post_id}: {number} {done}", err=True)
    if leaving:
        click.echo(f"{leaving} are just leaving; what of them comes back waits again", err=True)
        click.get_current_context().exit(1)


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
        "next_attempt": one.next_attempt if one.state in WAITING else None,
        "last_reply": one.last_reply,
    }
