"""`listbridge poll-once`"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import fields

import click

from listbridge import bootstrap
from listbridge.bootstrap import Installation
from listbridge.cli import output
from listbridge.cli.completion import slugs
from listbridge.cli.options import Settings, common, opened, require_category
from listbridge.intake.tally import Tally
from listbridge.service.once import poll_once as run_once

_KEYS = tuple(x.name for x in fields(Tally) if x.name not in ("warnings", "trouble"))


@click.command("poll-once")
@click.argument("categories", nargs=-1, metavar="[CATEGORY]...", shell_complete=slugs)
@click.option("--no-send", is_flag=True, help="Leave everything in the outbox.")
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be.")
@common
@click.pass_context
def poll_once(
    context: click.Context,
    categories: tuple[str, ...],
    no_send: bool,
    dry_run: bool,
    settings: Settings,
) -> None:
    """Poll each active category once, and make one attempt at everything that is due."""
    with opened(settings, register=not dry_run) as installation:
        for slug in categories:
            require_category(installation, slug)
        if not dry_run:
            bootstrap.note_start(installation.db)
        chosen, tallies = _choose(installation, categories)
        if not chosen and not tallies:
            folder = installation.configuration.service.categories
            click.echo(output.no_categories(folder), err=True)
            return
        untold: list[OSError] = []

        def tell(tally: Tally) -> None:
            try:
                _show(tally, settings)
            except OSError as err:
                # `| head -1` has gone, or the disk is full. The round goes on all the same: what
                # is just leaving would have to be sent again.
                untold.append(err)

        for tally in tallies:
            tell(tally)
        with output.progress("polling", len(chosen)) as advance:

            def done(tally: Tally) -> None:
                tallies.append(tally)
                advance(lambda: tell(tally))

            unsent = asyncio.run(
                run_once(installation, chosen, send=not no_send, dry_run=dry_run, done=done)
            )
    if dry_run and sys.stderr.isatty():
        click.echo("Nothing was changed: this is what would be.", err=True)
    if untold:
        raise untold[0]
    if unsent:
        click.echo(f"listbridge: alerts: {unsent}", err=True)
    if unsent or any(tally.error for tally in tallies):
        context.exit(1)


def _choose(installation: Installation, named: Sequence[str]) -> tuple[list[str], list[Tally]]:
    """Return the slugs to poll, and the tallies of those that cannot be polled."""
    tallies = []
    if not named:
        tallies = [Tally(slug, error=why) for slug, why in installation.broken.items()]
    chosen = []
    for slug in dict.fromkeys(named) or installation.ids:
        if installation.category(slug).active:
            chosen.append(slug)
        elif named:
            tallies.append(Tally(slug, error=f"category {slug!r} is not active"))
    return chosen, tallies


def _show(tally: Tally, settings: Settings) -> None:
    for warning in tally.warnings:
        click.echo(f"listbridge: warning: {tally.category}: {warning}", err=True)
    if settings.json:
        output.show_json({name: getattr(tally, name) for name in _KEYS})
        return
    counted = (f"{name} {getattr(tally, name)}" for name in _KEYS[1:-1] if getattr(tally, name))
    summary = ", ".join(counted) or ("" if tally.error else "nothing new")
    if summary:
        click.echo(f"{tally.category}: {summary}")
    if tally.error:
        click.echo(f"listbridge: {tally.category}: {tally.error}", err=True)
