"""Commands that do one thing to each of several ids: which they are, and what became of them."""

import re
from collections.abc import Callable, Iterable, Sequence

import click

from listbridge import maillog
from listbridge.errors import ConfigError, ListbridgeError
from storage.database import Database, Tx

# No database counts further than 18 digits.
_ID = re.compile(r"[0-9]{1,18}")


def ids(texts: Sequence[str]) -> list[int]:
    """Read ids from the command line; raise `ConfigError` before anything is done."""
    for text in texts:
        if not _ID.fullmatch(text):
            raise ConfigError(f"{text!r} is not an id; ids are the numbers that `list` shows")
    return list(dict.fromkeys(int(text) for text in texts))


def require_some(texts: Sequence[str], *, every: bool) -> None:
    """Raise a usage error unless either ids or `--all` are given."""
    if every == bool(texts):
        raise click.UsageError("name the ids, or give --all")


def each(
    db: Database,
    chosen: Iterable[int],
    act: Callable[[Tx, int], bool],
    *,
    done: str,
    not_done: str,
    tell: Callable[[Database, int, str], None],
) -> None:
    """Do it to each id in a transaction of its own; exit status 1 if one could not be done.

    `tell` is called after each commit, if the log is wanted, with the id and what was `done`.
    """
    failed = False
    for one in chosen:
        try:
            with db.transaction() as tx:
                said = done if act(tx, one) else not_done
        except ListbridgeError as err:
            said = str(err)  # the others can be done all the same
        failed |= said != done
        if said == done and maillog.is_on():
            tell(db, one, done)
        click.echo(f"{one}: {said}", err=True)
    if failed:
        click.get_current_context().exit(1)
