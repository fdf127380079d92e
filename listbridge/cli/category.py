"""`listbridge category rename`"""

import click

from listbridge import bootstrap
from listbridge.cli.completion import slugs
from listbridge.cli.group import Group
from listbridge.cli.options import Settings, common
from listbridge.errors import ConfigError
from storage import categories


@click.group(cls=Group)
@common
@click.pass_context
def category(context: click.Context, settings: Settings) -> None:
    """Rename a category."""
    context.obj = settings


@category.command()
@click.argument("old")
@click.argument("new", shell_complete=slugs)
@common
def rename(old: str, new: str, settings: Settings) -> None:
    """Let the category whose file was OLD go on under the file NEW, with all it has."""
    with bootstrap.store(settings.config) as (configuration, db), db.transaction() as tx:
        present = {*configuration.categories, *configuration.broken}
        if old == categories.SERVICE or categories.find(tx, old) is None:
            raise ConfigError(f"no category {old!r} has ever been used here")
        if old in present:
            raise ConfigError(f"category {old!r} still has a file; rename that to {new}.toml first")
        if new not in present:
            raise ConfigError(f"there is no file {new}.toml for the category's new name")
        if categories.find(tx, new) is not None:
            raise ConfigError(f"a category {new!r} is in use already")
        categories.rename(tx, old, new)
    click.echo(f"Category {old} is now {new}.", err=True)
