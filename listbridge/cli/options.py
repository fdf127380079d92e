"""Options every command takes, before and after its name, and what they lead to."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from listbridge import bootstrap
from listbridge.bootstrap import Installation
from listbridge.errors import ConfigError, ListbridgeError
from listbridge.membership.subscriptions import follow_file


@dataclass(frozen=True)
class Settings:
    """Which service file to use, and whether to print JSON."""

    config: Path | None = None
    json: bool = False


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--config` and `--json`; it gets the `settings` they come to."""

    @click.option("--config", type=click.Path(path_type=Path), help="The service file.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
    @functools.wraps(function)
    def wrapped(*args: Any, config: Path | None, as_json: bool, **kwargs: Any) -> Any:
        inherited = click.get_current_context().find_object(Settings) or Settings()
        settings = replace(
            inherited, config=config or inherited.config, json=as_json or inherited.json
        )
        return function(*args, settings=settings, **kwargs)

    return wrapped


@contextmanager
def opened(settings: Settings, *, register: bool = True) -> Iterator[Installation]:
    """Open the installation and say on stderr what its configuration gives cause to."""
    with bootstrap.installation(settings.config, register=register) as installation:
        for warning in installation.configuration.warnings:
            click.echo(f"listbridge: warning: {warning}", err=True)
        yield installation


def require_category(installation: Installation, slug: str) -> int:
    """Return the store's id of a category that was named; raise `ConfigError` if it is unusable."""
    if slug in installation.ids:
        return installation.ids[slug]
    if slug in installation.broken:
        raise ConfigError(installation.broken[slug])
    known = ", ".join(sorted({*installation.ids, *installation.broken})) or "none"
    raise ConfigError(f"there is no category {slug!r}; the categories are: {known}")


def category_with_members(installation: Installation, slug: str) -> int:
    """As `require_category`, with its memberships brought in step with its subscriber file.

    For commands that are about who gets what: what the file says counts from the start, and not
    only from the first poll. A file that cannot be followed is told on stderr.
    """
    category_id = require_category(installation, slug)
    path = installation.category(slug).subscribers_file
    if path is not None:
        try:
            with installation.db.transaction() as tx:
                change = follow_file(tx, category_id, path)
        except ListbridgeError as err:
            click.echo(f"listbridge: {err}", err=True)
        else:
            if change.problem:
                click.echo(f"listbridge: {change.problem}", err=True)
            for warning in change.warnings:
                click.echo(f"listbridge: warning: {warning}", err=True)
    return category_id
