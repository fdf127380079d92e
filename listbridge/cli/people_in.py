"""`listbridge subscribers import`, also called `listbridge import subscribers`; `… plan`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import click

from listbridge import clock, maillog
from listbridge.bootstrap import Installation
from listbridge.cli import output, people_file
from listbridge.cli.completion import slugs
from listbridge.cli.options import (
    Settings,
    category_with_members,
    common,
    opened,
    require_category,
)
from listbridge.errors import ConfigError
from listbridge.membership import importing
from listbridge.membership.importing import Change, Plan
from listbridge.membership.people import Format, Person
from listbridge.membership.subscriptions import FileChange, follow_file
from storage import subscriptions as store
from storage.database import Database, Tx
from storage.states import Origin, Receives, SubscriptionState

_STATES = {
    "active": (SubscriptionState.ACTIVE, None),
    "suspended": (SubscriptionState.SUSPENDED, None),
    "bouncing": (SubscriptionState.SUSPENDED, Origin.BOUNCES),
}
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
_COLUMNS = ("address", "change", "why")


@click.command("subscribers")
@click.argument("category", shell_complete=slugs)
@click.argument("file", type=_FILE)
@click.option("--format", "wanted", type=click.Choice([x.value for x in Format]))
@click.option("--receives", type=click.Choice([x.value for x in Receives]))
@click.option("--state", type=click.Choice([*_STATES]))
@click.option("--skip-bad", is_flag=True, help="Leave out lines that cannot be read.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@common
@click.pass_context
def import_(
    context: click.Context,
    category: str,
    file: Path,
    wanted: str | None,
    receives: str | None,
    state: str | None,
    skip_bad: bool,
    dry_run: bool,
    settings: Settings,
) -> None:
    """Subscribe everybody in FILE, which Mailman, groups.io, Google Groups or `export` wrote.

    All or nothing: a line that cannot be read is named, and then nobody is subscribed. What the
    file does not say of people, --receives and --state say for all of them.
    """
    with opened(settings) as installation:
        category_id = _category(installation, category, settles=not dry_run)
        wanted_by = installation.category(category)
        found = people_file.read(file, Format(wanted) if wanted else None, wanted_by.texts)
        if not skip_bad:
            people_file.refuse_bad(file, found)
        people = [_completed(one, receives, state) for one in found.people]
        with _database(installation, dry_run) as db, db.transaction() as tx:
            planned = importing.plan(tx, wanted_by, category_id, people)
            importing.carry_out(tx, wanted_by, category_id, planned, clock.now())
    people_file.tell(file, found)
    people_file.tell_staff(file, found, category)
    left_out = [(x.address, x.why) for x in planned.changes if x.change == "left out"]
    people_file.tell_left_out(file, left_out)
    for one in found.bad:
        click.echo(f"listbridge: {file}: line {one.number} is left out: {one.problem}", err=True)
    absent = [Change(x.address, "left out", x.why) for x in found.left_out]
    _show(category, planned, absent, dry_run, settings)
    if found.bad:
        context.exit(1)


@click.command()
@click.argument("category", shell_complete=slugs)
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@common
@click.pass_context
def plan(context: click.Context, category: str, file: Path | None, settings: Settings) -> None:
    """Show whom CATEGORY's subscriber file, or FILE in its place, would add and remove.

    Nothing is changed. Who is neither added nor removed is named only if the file has him, and he
    has unsubscribed or was removed.
    """
    with opened(settings) as installation:
        category_id = require_category(installation, category)
        path = file or installation.category(category).subscribers_file
        if path is None:
            raise ConfigError(
                f"{category} has no subscriber file; name a FILE, or write [subscribers] file "
                f"into {category}.toml"
            )
        with installation.db.rehearsal() as db, db.transaction() as tx:
            before = _getting(tx, category_id)
            own = installation.category(category).address
            change = follow_file(tx, category_id, path, own)
            after = _getting(tx, category_id)
    if change.problem:
        click.echo(f"listbridge: warning: {change.problem}", err=True)
    rows = [*_moved(before, after), *_kept_out(change)]
    nothing = f"{category}: {path} changes nothing."
    output.show(
        sorted(rows, key=lambda row: str(row["address"])),
        _COLUMNS,
        as_json=settings.json,
        nothing=nothing,
    )
    if change.problem:
        context.exit(1)


def _category(installation: Installation, category: str, *, settles: bool) -> int:
    """Return the category's id; nothing of it may change unless that `settles` something."""
    if settles:
        return category_with_members(installation, category)
    return require_category(installation, category)


def _database(installation: Installation, dry_run: bool) -> AbstractContextManager[Database]:
    return installation.db.rehearsal() if dry_run else nullcontext(installation.db)


def _completed(one: Person, receives: str | None, state: str | None) -> Person:
    """Return somebody with what the command line says of all of whom the file says nothing."""
    if receives is not None and one.receives is None:
        one = replace(one, receives=Receives(receives))
    if state is not None and one.state is None:
        said, suspended_by = _STATES[state]
        one = replace(one, state=said, suspended_by=suspended_by)
    return one


def _show(
    category: str, planned: Plan, absent: Sequence[Change], dry_run: bool, settings: Settings
) -> None:
    if settings.json or dry_run:
        every = [*planned.changes, *absent]
        rows = [{"address": x.address, "change": x.change, "why": x.why} for x in every]
        output.show(rows, _COLUMNS, as_json=settings.json, nothing="Nothing would change.")
    added, changed = planned.count("added"), planned.count("changed")
    if not dry_run:
        maillog.info("subscribers.changed", category=category, by="admin", added=added)
    would = "would be " if dry_run else ""
    click.echo(
        f"{category}: {added} {would}subscribed, {changed} {would}changed, "
        f"{planned.unchanged} {would}left as they are.",
        err=True,
    )


def _getting(tx: Tx, category_id: int) -> set[str]:
    every = store.in_category(tx, category_id)
    return {one.address for one in every if one.state is not SubscriptionState.REMOVED}


def _moved(before: set[str], after: set[str]) -> Sequence[output.Row]:
    return [
        {"address": one, "change": "added" if one in after else "removed", "why": None}
        for one in before ^ after
    ]


def _kept_out(change: FileChange) -> Sequence[output.Row]:
    return [
        {"address": address, "change": "left out", "why": why} for address, why in change.kept_out
    ]
