"""Options every command takes, before and after its name, and what they lead to."""

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from listbridge import bootstrap, maillog
from listbridge.bootstrap import Installation
from listbridge.errors import ConfigError, ListbridgeError
from listbridge.guard import is_safe
from listbridge.membership.subscriptions import follow_file

#: How many rows to show at most; no database takes a number with more digits.
LIMIT = click.IntRange(1, 10**18)


@dataclass(frozen=True)
class Settings:
    """Which service file to use, whether to print JSON, and how much to tell in the log."""

    config: Path | None = None
    json: bool = False
    verbose: int = 0


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--config`, `--json` and `-v`; it gets the `settings` they come to."""

    @click.option("--config", type=click.Path(path_type=Path), help="The service file.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
    @click.option("-v", "--verbose", count=True, help="Log what happens; twice: every step.")
    @functools.wraps(function)
    def wrapped(*args: Any, config: Path | None, as_json: bool, verbose: int, **kwargs: Any) -> Any:
        inherited = click.get_current_context().find_object(Settings) or Settings()
        settings = replace(
            inherited,
            config=config or inherited.config,
            json=as_json or inherited.json,
            verbose=inherited.verbose + verbose,
        )
        maillog.configure(settings.verbose)
        return function(*args, settings=settings, **kwargs)

    return wrapped


def plain_text(text: str) -> str:
    """Return text that can stand in a file, a header or a command; else a `click.BadParameter`."""
    if not is_safe(text):
        raise click.BadParameter("it contains a control character or line break; remove it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.BadParameter("it is not UTF-8 text") from None
    return text


def one_line(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """As `plain_text`, for an option's callback."""
    return value if value is None else plain_text(value)


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
    raise unknown_category(slug, {*installation.ids, *installation.broken})


def unknown_category(slug: str, known: Iterable[str]) -> ConfigError:
    """Return the error for a category that was named and does not exist."""
    names = ", ".join(sorted(known)) or "none"
    return ConfigError(f"there is no category {slug!r}; the categories are: {names}")


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
                change = follow_file(tx, category_id, path, installation.category(slug).address)
        except ListbridgeError as err:
            click.echo(f"listbridge: {err}", err=True)
        else:
            if change.problem:
                click.echo(f"listbridge: {change.problem}", err=True)
            for warning in change.warnings:
                click.echo(f"listbridge: warning: {warning}", err=True)
    return category_id
