"""`listbridge db …`"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from listbridge import clock, config, maillog
from listbridge.cli import output
from listbridge.cli.group import Group
from listbridge.cli.options import Settings, common
from listbridge.config import database_url
from listbridge.errors import ListbridgeError
from storage import backup as copying
from storage import checkup, opening, restored, transfer
from storage.database import Database
from storage.schema import SCHEMA_VERSION


@click.group(cls=Group)
@common
@click.pass_context
def db(context: click.Context, settings: Settings) -> None:
    """Upgrade, check, back up, restore or move the database."""
    context.obj = settings


@db.command()
@common
def upgrade(settings: Settings) -> None:
    """Bring the database to the schema of this version, after a copy of its file.

    Every other command does the same when it opens the database.
    """
    with _present(settings) as found:
        done = opening.upgrade(found)
    row = {"from": done.before, "to": SCHEMA_VERSION, "copy": str(done.copy) if done.copy else None}
    output.show_one(row, as_json=settings.json)


@db.command()
@common
@click.pass_context
def check(context: click.Context, settings: Settings) -> None:
    """Look for damage in the database, without changing it; `audit` looks at what it says."""
    with _present(settings) as found:
        rows = [asdict(one) for one in checkup.findings(found)]
    output.show(rows, ("what", "ok", "seen", "cure"), as_json=settings.json, nothing="")
    if not all(row["ok"] for row in rows):
        context.exit(1)


@db.command()
@click.argument("file", type=click.Path(path_type=Path))
@common
def backup(file: Path, settings: Settings) -> None:
    """Copy an SQLite database to the new file FILE; it may be in use meanwhile."""
    with _present(settings) as found:
        if found.file is None:
            raise ListbridgeError("the database is on a server; make the copy with pg_dump there")
        copying.copy(found.file, file.absolute())
    click.echo(
        f"{file} holds all that was committed. Put in the place of a database, it sends nothing "
        "before `listbridge db resume`.",
        err=True,
    )


@db.command()
@click.option("--cancel-old", is_flag=True, help="Give up what waited in it already.")
@common
def resume(cancel_old: bool, settings: Settings) -> None:
    """Send again from a database that may be an old state put back."""
    with _present(settings) as found:
        opening.upgrade(found)
        with found.transaction() as tx:
            hold, cancelled, seen = restored.lift(tx, clock.now(), cancel=cancel_old)
        restored.keep_beside(found, seen)
    if hold is None:
        click.echo("Nothing was held: mail is sent as ever.", err=True)
        return
    maillog.info("sending.resumed", cancelled=cancelled)
    click.echo(f"Sending goes on; {cancelled} deliveries were cancelled.", err=True)


@db.command()
@click.option("--to", "url", required=True, metavar="URL", help="The empty database to copy to.")
@common
def copy(url: str, settings: Settings) -> None:
    """Copy everything into another, empty database, for instance from SQLite to PostgreSQL."""
    try:
        url = database_url.absolute(url, Path.cwd())
    except ValueError as err:
        raise click.BadParameter(str(err), param_hint="--to") from None
    with _present(settings) as source:
        opening.upgrade(source)
        target = opening.open_database(url)
        try:
            counts = transfer.transfer(source, target, clock.now())
        finally:
            target.close()
    rows = [{"table": name, "rows": count} for name, count in counts.items()]
    output.show(rows, ("table", "rows"), as_json=settings.json, nothing="")


@contextmanager
def _present(settings: Settings) -> Iterator[Database]:
    """Open the database as it is; one that does not exist is not made."""
    found = opening.connect(config.load(settings.config).service.database)
    try:
        if found.file is not None and not found.file.exists():
            raise ListbridgeError(f"there is no database {found.file} yet")
        yield found
    finally:
        found.close()
