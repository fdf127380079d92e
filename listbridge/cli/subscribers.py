"""`listbridge subscribers …`"""

import csv
import io
import sys
from pathlib import Path

import click

from listbridge import clock
from listbridge.cli import output
from listbridge.cli.options import Settings, common, opened, require_category
from listbridge.errors import ListbridgeError
from listbridge.membership import subscriber_file
from listbridge.membership.subscriptions import subscribe, unsubscribe
from listbridge.message import key, normalise
from storage import subscriptions as store
from storage.states import Origin, Receives, SubscriptionState
from storage.subscriptions import Subscription

_COLUMNS = ("address", "name", "state", "receives")


@click.group()
def subscribers() -> None:
    """Who gets the posts of a category."""


@subscribers.command("list")
@click.argument("category")
@click.option("--limit", type=click.IntRange(min=1), help="Show no more than so many.")
@common
def list_(category: str, limit: int | None, settings: Settings) -> None:
    """List the subscribers of CATEGORY, those removed included."""
    with opened(settings) as installation:
        category_id = require_category(installation, category)
        with installation.db.reading() as tx:
            found = store.in_category(tx, category_id)
    output.show(
        [_row(one) for one in found[:limit]],
        _COLUMNS,
        as_json=settings.json,
        nothing=f"{category} has no subscribers.",
    )


@subscribers.command()
@click.argument("category")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.option("--name", default="", help="The person's name.")
@common
def add(category: str, addresses: tuple[str, ...], name: str, settings: Settings) -> None:
    """Subscribe each ADDRESS to CATEGORY."""
    with opened(settings) as installation:
        category_id = require_category(installation, category)
        normal = [normalise(address) for address in addresses]  # all, before the first is added
        with installation.db.transaction() as tx:
            for address in normal:
                subscribe(tx, category_id, address, name, Origin.ADMIN)
    click.echo(f"{category}: {len(normal)} subscribed.", err=True)


@subscribers.command()
@click.argument("category")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@common
@click.pass_context
def remove(
    context: click.Context, category: str, addresses: tuple[str, ...], settings: Settings
) -> None:
    """End the subscription of each ADDRESS, and cancel what was still to be sent to it."""
    missing = []
    with opened(settings) as installation:
        category_id = require_category(installation, category)
        normal = [normalise(address) for address in addresses]
        with installation.db.transaction() as tx:
            for address in normal:
                if not unsubscribe(tx, category_id, address, Origin.ADMIN):
                    missing.append(address)
    for address in missing:
        click.echo(f"listbridge: {address} is not subscribed to {category}", err=True)
    if missing:
        context.exit(1)


@subscribers.command("set")
@click.argument("category")
@click.argument("address")
@click.option("--name", help="The person's name.")
@click.option("--receives", type=click.Choice([x.value for x in Receives]))
@click.option("--state", type=click.Choice(["active", "suspended"]))
@common
def set_(
    category: str,
    address: str,
    name: str | None,
    receives: str | None,
    state: str | None,
    settings: Settings,
) -> None:
    """Change what is known of a subscriber, or in which form he gets the posts."""
    wanted = {"name": name, "receives": receives, "state": state}
    values = {option: value for option, value in wanted.items() if value is not None}
    if not values:
        raise click.UsageError("say what to set: --name, --receives or --state")
    with opened(settings) as installation:
        category_id = require_category(installation, category)
        address_key = key(normalise(address))
        with installation.db.transaction() as tx:
            one = store.find(tx, category_id, address_key)
            if one is None or one.state is SubscriptionState.REMOVED:
                raise ListbridgeError(f"{address} is not subscribed to {category}")
            store.change(tx, category_id, address_key, clock.now(), **values)


@subscribers.command("import")
@click.argument("category")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@common
def import_(category: str, file: Path, settings: Settings) -> None:
    """Subscribe everybody in FILE: one address per line, or what `export` writes.

    All or nothing: a line that cannot be read is named, and then nobody is subscribed.
    """
    with opened(settings) as installation:
        category_id = require_category(installation, category)
        people = _read(file)
        with installation.db.transaction() as tx:
            for address, name in people:
                subscribe(tx, category_id, address, name, Origin.ADMIN)
    click.echo(f"{category}: {len(people)} subscribed.", err=True)


@subscribers.command()
@click.argument("category")
@common
def export(category: str, settings: Settings) -> None:
    """Write the active subscribers of CATEGORY as CSV: address, name, receives."""
    with opened(settings) as installation:
        category_id = require_category(installation, category)
        with installation.db.reading() as tx:
            found = store.in_category(tx, category_id, SubscriptionState.ACTIVE)
    if settings.json:
        output.show([_row(one) for one in found], _COLUMNS, as_json=True, nothing="")
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("address", "name", "receives"))
    writer.writerows((one.address, one.name, one.receives.value) for one in found)


def _read(file: Path) -> list[tuple[str, str]]:
    text = file.read_text(encoding="utf-8-sig")
    if text.lower().startswith("address,"):
        rows = csv.DictReader(io.StringIO(text))
        return [(row["address"] or "", row.get("name") or "") for row in rows]
    entries, bad = subscriber_file.parse(text)
    if bad:
        lines = "; ".join(f"line {line.number}: {line.problem}" for line in bad)
        raise ListbridgeError(f"{file}: {lines}; nobody was subscribed")
    return [(one.address, one.name) for one in entries]


def _row(one: Subscription) -> output.Row:
    return {
        "address": one.address,
        "name": one.name,
        "state": one.state,
        "receives": one.receives,
        "origin": one.origin,
        "changed_at": one.changed_at,
    }
