"""`listbridge check`"""

from collections.abc import Sequence

import click

from listbridge import config
from listbridge.cli import output
from listbridge.cli.completion import slugs
from listbridge.cli.findings import Findings
from listbridge.cli.options import Settings, common, unknown_category
from listbridge.config import Configuration
from listbridge.errors import ConfigError
from listbridge.service.checking import broken_file, check_everything, every_slug


@click.command()
@click.argument("categories", nargs=-1, metavar="[CATEGORY]...", shell_complete=slugs)
@click.option("--offline", is_flag=True, help="Look at files, secrets and the database only.")
@click.option("--probe", is_flag=True, help="Send a message to each list and wait for it.")
@common
@click.pass_context
def check(
    context: click.Context,
    categories: tuple[str, ...],
    offline: bool,
    probe: bool,
    settings: Settings,
) -> None:
    """Say what works, what will fail, and how to mend it; nothing is changed.

    Without CATEGORY of the whole configuration. Status 1 if something is not ok.
    """
    if offline and probe:
        raise click.UsageError("--probe needs the network; leave out --offline")
    configuration = config.load(settings.config)
    for warning in configuration.warnings:
        click.echo(f"listbridge: warning: {warning}", err=True)
    named = list(dict.fromkeys(categories))
    findings = Findings(as_json=settings.json)
    _require_usable(configuration, named, findings)
    slugs = named or every_slug(configuration)
    if not slugs:
        click.echo(output.no_categories(configuration.service.categories), err=True)
    with output.progress("checking", len(slugs)) as done:
        found = list(
            check_everything(configuration, named, offline=offline, probe=probe, done=done)
        )
    # Only now, since it would be written across the bar.
    for finding in found:
        findings.show(finding)
    if not all(finding.ok for finding in found):
        context.exit(1)


def _require_usable(configuration: Configuration, named: Sequence[str], out: Findings) -> None:
    """End with status 2 if a category was named that is unknown or whose file is wrong."""
    known = every_slug(configuration)
    for slug in named:
        if slug not in known:
            raise unknown_category(slug, known)
    wrong_ones = [slug for slug in named if slug in configuration.broken]
    for slug in wrong_ones:
        for finding in broken_file(slug, configuration.broken[slug]):
            out.show(finding)
    if wrong_ones:
        raise ConfigError("nothing else was looked at")
