"""`listbridge import-session`"""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from listbridge import clock, mailsession
from listbridge.cli import output
from listbridge.cli.options import Settings, common
from listbridge.config import search
from listbridge.config.source import shown
from listbridge.service import setup
from listbridge.service.setup import NewFile, files, imported
from listbridge.service.setup.imported import Imported

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def _name(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _NAME.fullmatch(value):
        raise click.BadParameter('use letters, digits, "_" and "-"')
    return value


@click.command("import-session")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", callback=_name, help="What to call the mail session here.")
@click.option(
    "--outgoing-session", callback=_name, help="The session by which imported lists send."
)
@click.option(
    "--write",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Make the files in DIR, with each password in one of its own.",
)
@common
@click.pass_context
def import_session(
    context: click.Context,
    file: Path,
    name: str | None,
    outgoing_session: str | None,
    write: Path | None,
    settings: Settings,
) -> None:
    """Turn the mail sessions in FILE, of Liferay, Tomcat, WebLogic or WebSphere, into TOML."""
    found = mailsession.read_all(file)
    if name is not None and len(found.sessions) != 1:
        raise click.UsageError(f"--name is for one session; {file} holds {len(found.sessions)}")
    since = setup.first_day(clock.now())
    every = imported.every(found, since, name=name, outgoing_session=outgoing_session)
    new = _files(every, write) if write is not None else []
    setup.write(new)
    written = [one.path for one in new]
    for one in every:
        _show(one, written, settings)
    _tell(every, file, write)
    for made in new:
        click.echo(f"{shown(made.path)}: {made.what}", err=True)
    if any(one.problems for one in every):
        context.exit(1)


def _files(every: Sequence[Imported], folder: Path) -> list[NewFile]:
    """Return the files to be made in `folder`; a service file that is there is left alone."""
    folder = folder.absolute()
    new = [replace(secret, path=folder / secret.path) for one in every for secret in one.secrets]
    sessions = [one.toml for one in every if one.kind == "session"]
    service = folder / search.NAME
    if any(one.toml for one in every) and not os.path.lexists(service):
        new.append(NewFile(service, "\n".join([files.SERVICE, *sessions]), "the service"))
    for one in every:
        if one.kind == "category":
            path = folder / "categories" / f"{one.name}.toml"
            new.append(NewFile(path, one.toml, "the list"))
    return new


def _show(one: Imported, written: Sequence[Path], settings: Settings) -> None:
    """Print what belongs into a file and is in none yet."""
    if settings.json:
        output.show_json(
            {
                "kind": one.kind,
                "name": one.name,
                "toml": one.toml,
                "problems": [str(remark) for remark in one.problems],
                "warnings": [str(remark) for remark in one.warnings],
                "ignored": [str(remark) for remark in one.ignored],
            }
        )
        return
    file = f"{one.name}.toml" if one.kind == "category" else search.NAME
    if not one.toml or any(path.name == file for path in written):
        return
    if one.kind == "category":
        click.echo(f"# categories/{file}")
    click.echo(one.toml)


def _tell(every: Sequence[Imported], file: Path, write: Path | None) -> None:
    """Say on stderr what is wrong, what should be known, and what is still to be done."""
    for one in every:
        for word, remarks in (
            ("problem: ", one.problems),
            ("warning: ", one.warnings),
            ("note: ", one.ignored),
        ):
            for remark in remarks:
                click.echo(output.printable(f"listbridge: {word}{file}: {remark}"), err=True)
        for path in one.missing:
            click.echo(
                f"listbridge: write the password of {one.name} into {path}, and then "
                f"chmod 600 {path}",
                err=True,
            )
    for slug in (one.name for one in every if one.kind == "category"):
        click.echo(
            f"listbridge: nobody is subscribed to {slug} yet: listbridge subscribers import {slug} "
            "FILE",
            err=True,
        )
    if write is None and any(one.secrets for one in every):
        click.echo(
            "listbridge: passwords are not printed; with --write DIR each is kept in the file that "
            "is named here",
            err=True,
        )
