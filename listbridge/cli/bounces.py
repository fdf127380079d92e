"""`listbridge bounces …`"""

from pathlib import Path

import click

from listbridge import bounces as reports
from listbridge.bounces import Failure
from listbridge.cli import chosen, output
from listbridge.cli.completion import slugs
from listbridge.cli.group import Group
from listbridge.cli.options import LIMIT, Settings, common, opened, require_category
from listbridge.errors import ListbridgeError
from storage import bounces as store
from storage import subscriptions
from storage.bounces import Bounce
from storage.database import Tx


@click.group(cls=Group)
@common
@click.pass_context
def bounces(context: click.Context, settings: Settings) -> None:
    """Mail that came back, and complaints."""
    context.obj = settings


@bounces.command("list")
@click.argument("category", required=False, shell_complete=slugs)
@click.option("--limit", type=LIMIT, help="Show only the newest.")
@common
def list_(category: str | None, limit: int | None, settings: Settings) -> None:
    """List what came back to CATEGORY, or to all, newest first."""
    with opened(settings) as installation:
        category_id = require_category(installation, category) if category else None
        with installation.db.reading() as tx:
            rows = [_row(one) for one in store.listed(tx, category_id, limit)]
    columns = ("id", "category", "recipient", "class", "status", "counts", "at")
    output.show(rows, columns, as_json=settings.json, nothing="Nothing has come back.")


@bounces.command()
@click.argument("id_", metavar="ID")
@common
def show(id_: str, settings: Settings) -> None:
    """Show one bounce, with what else came back from the same subscriber and how he stands."""
    [bounce_id] = chosen.ids([id_])
    with opened(settings) as installation, installation.db.reading() as tx:
        one = store.find(tx, bounce_id)
        if one is None:
            raise ListbridgeError(f"there is no bounce {bounce_id}")
        row = {**_row(one), **_standing(tx, one)}
    output.show_one(row, as_json=settings.json)


@bounces.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@common
@click.pass_context
def read(context: click.Context, file: Path, settings: Settings) -> None:
    """Say what the message in FILE reports, without storing anything; status 1 if nothing."""
    report = reports.read(file.read_bytes())
    failures = report.failures if report else ()
    columns = ("recipient", "class", "status", "reason")
    rows = [_failure(one) for one in failures]
    output.show(rows, columns, as_json=settings.json, nothing="It reports nothing.")
    if not failures:
        context.exit(1)


def _failure(one: Failure) -> output.Row:
    return {
        "recipient": one.recipient,
        "class": one.class_,
        "status": one.status,
        "reason": one.reason,
    }


def _row(one: Bounce) -> output.Row:
    return {
        "id": str(one.id),
        "category": one.category,
        "recipient": one.recipient,
        "class": one.class_,
        "status": one.status,
        "reason": one.reason,
        "counts": one.counts,
        "at": one.at,
        "subscriber": one.subscriber,
        "message_id": one.message_id,
        "inbound": None if one.inbound_id is None else str(one.inbound_id),
    }


def _standing(tx: Tx, one: Bounce) -> output.Row:
    """How the subscriber stands, and the days on which his mail came back."""
    if one.subscription_id is None:
        return {"state": None, "because_of": None, "probes": 0, "history": []}
    subscription = subscriptions.by_id(tx, one.subscription_id)
    history = [
        {"id": str(x.id), "at": x.at, "class": x.class_, "status": x.status, "counts": x.counts}
        for x in store.of_subscription(tx, subscription.id)
    ]
    because_of = subscription.suspended_by or subscription.removed_by
    return {
        "state": subscription.state,
        "because_of": because_of,
        "probes": subscription.probes,
        "history": history,
    }
