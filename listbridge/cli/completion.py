"""What the shell offers for an argument when the Tab key is pressed."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from listbridge import config
from listbridge.errors import ListbridgeError


def slugs(
    context: click.Context, _argument: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the categories; none where the configuration cannot be read."""
    try:
        known = config.slugs(_config_file(context))
    except (ListbridgeError, OSError):
        return []
    return [CompletionItem(slug) for slug in known if slug.startswith(incomplete)]


def _config_file(context: click.Context) -> Path | None:
    """Return what `--config` says on the line so far, behind the command or before it."""
    at: click.Context | None = context
    while at is not None:
        if isinstance(named := at.params.get("config"), Path):
            return named
        at = at.parent
    return None
