"""`listbridge import …`, `listbridge export …`: archives of mail; people, by another name."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from listbridge.archives import Archived, TakenIn, maildir, mbox, take_in
from listbridge.category import Category
from listbridge.cli import output, people_in, people_out
from listbridge.cli.completion import slugs
from listbridge.cli.group import Group
from listbridge.cli.options import Settings, common, opened, require_category
from listbridge.errors import ListbridgeError
from listbridge.intake.readers import Reader
from listbridge.message import without_tokens
from listbridge.moderation.password import without_password
from storage import archive, raw_messages
from storage.database import Database

_MOST_NAMED = 20
_STEP = 1_000_000  #: octets, of which each moves the progress bar


@click.group("import", cls=Group)
@common
@click.pass_context
def import_(context: click.Context, settings: Settings) -> None:
    """Take in what a list had elsewhere: its posts, its subscribers."""
    context.obj = settings


@click.group(cls=Group)
@common
@click.pass_context
def export(context: click.Context, settings: Settings) -> None:
    """Write what a list has, for other programs: its posts, its subscribers."""
    context.obj = settings


@import_.command("mbox")
@click.argument("category", shell_complete=slugs)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path, exists=True),
)
@common
@click.pass_context
def import_mbox(
    context: click.Context, category: str, files: tuple[Path, ...], settings: Settings
) -> None:
    """Take the messages in each FILE, an mbox or a Maildir, into CATEGORY as its past posts.

    They are sent to nobody. What is there already is left out, so that it can be repeated.
    """
    failed = False
    with opened(settings) as installation:
        require_category(installation, category)
        for file in files:
            reader = installation.reader(category)
            try:
                result = _take_in(installation.db, reader, file)
            except ListbridgeError as err:
                click.echo(f"listbridge: {file}: {err}", err=True)
                failed = True
                continue
            failed |= bool(result.unread)
            _show(reader, file, result, settings)
    if failed:
        context.exit(1)


@export.command("mbox")
@click.argument("category", shell_complete=slugs)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@common
def export_mbox(category: str, file: Path | None, settings: Settings) -> None:
    """Write the accepted posts of CATEGORY as an mbox to the new FILE, or to standard output."""
    with opened(settings) as installation:
        category_id = require_category(installation, category)
        with _new(file) as target:
            known = installation.category(category)
            number = _write(installation.db, known, category_id, target, shows=file is not None)
    if settings.json and file is not None:
        output.show_json({"category": category, "file": str(file), "posts": number})
    else:
        click.echo(f"{category}: {number} posts written.", err=True)


import_.add_command(people_in.import_)
export.add_command(people_out.export)


def _take_in(db: Database, reader: Reader, file: Path) -> TakenIn:
    try:
        if file.is_dir():
            return take_in(db, reader, maildir.read(file))
        with (
            file.open("rb") as source,
            output.progress(file.name, os.fstat(source.fileno()).st_size // _STEP) as advance,
        ):
            return take_in(db, reader, _counted(mbox.read(source), advance))
    except OSError as err:
        raise ListbridgeError(f"it cannot be read: {err.strerror}") from None


def _counted(messages: Iterable[Archived], advance: Callable[[], None]) -> Iterator[Archived]:
    done = 0
    for one in messages:
        yield one
        while done < one.position // _STEP:
            done += 1
            advance()


def _show(reader: Reader, file: Path, result: TakenIn, settings: Settings) -> None:
    for one in result.unread[:_MOST_NAMED]:
        click.echo(f"listbridge: {file}: {one.where}: left out: {one.problem}", err=True)
    if len(result.unread) > _MOST_NAMED:
        more = len(result.unread) - _MOST_NAMED
        click.echo(f"listbridge: {file}: and {more} more left out", err=True)
    tally = reader.tally
    if settings.json:
        output.show_json(
            {
                "category": reader.category.slug,
                "file": str(file),
                "messages": result.messages,
                "posts": tally.posts,
                "replies": tally.replies,
                "duplicates": tally.duplicates,
                "known": result.known,
                "shunted": tally.shunted,
                "left_out": len(result.unread),
            }
        )
        return
    click.echo(
        f"{reader.category.slug}: {file}: {result.messages} messages: {tally.posts} posts, "
        f"{tally.replies} replies, {tally.duplicates + result.known} were there already, "
        f"{tally.shunted} shunted, {len(result.unread)} left out.",
        err=True,
    )
    if tally.shunted:
        click.echo("listbridge shunted list shows why, and what to do.", err=True)


@contextmanager
def _new(file: Path | None) -> Iterator[BinaryIO]:
    """Open what is written to; what is not finished does not stay."""
    if file is None:
        yield sys.stdout.buffer
        return
    try:
        target = file.open("xb")
    except FileExistsError:
        raise ListbridgeError(f"{file} is there already; name another file") from None
    except OSError as err:
        raise ListbridgeError(f"{file} cannot be written: {err.strerror}") from None
    try:
        with target:
            yield target
    except BaseException as err:
        file.unlink(missing_ok=True)
        if isinstance(err, OSError):
            raise ListbridgeError(f"{file} cannot be written: {err.strerror}") from None
        raise


def _write(
    db: Database, category: Category, category_id: int, target: BinaryIO, *, shows: bool
) -> int:
    number = 0
    with db.reading() as tx:
        total = archive.size(tx, category_id) if shows else 0
        with output.progress("posts", total) as advance:
            for one in archive.accepted(tx, category_id):
                raw = without_password(category, raw_messages.read(tx, one.raw_id))
                target.writelines(mbox.write(without_tokens(raw), one.sender, one.date))
                number += 1
                advance()
    target.flush()
    return number
