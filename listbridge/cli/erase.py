"""`listbridge subscribers erase`"""

from collections.abc import Iterator, Set
from contextlib import nullcontext

import click

from listbridge import clock, maillog
from listbridge.bootstrap import Installation
from listbridge.cli import output
from listbridge.cli.options import Settings, common, opened
from listbridge.errors import ConfigError
from listbridge.membership import subscriptions
from listbridge.message import AddressError, key, normalise
from storage import erasure, naming

#: What could not be erased yet, and why.
_LATER = {
    "deliveries leaving": "mail to the person is just being sent",
    "letters going out": "mail that names the person is still being sent to others",
    "posts going out": "posts of the person are still being sent, or wait to be decided",
}


@click.command()
@click.argument("address")
@click.option("--posts", "with_posts", is_flag=True, help="Also what the person posted.")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@common
@click.pass_context
def erase(
    context: click.Context, address: str, with_posts: bool, dry_run: bool, settings: Settings
) -> None:
    """Erase what is known of the person with ADDRESS, in all categories.

    Further addresses of the person go as well. Posts lose their author's name; with --posts their
    content goes too. Backups are not touched.
    """
    try:
        wanted = key(normalise(address))
    except AddressError as err:
        raise ConfigError(str(err)) from None
    with opened(settings) as installation:
        _refuse_list(installation, wanted)
        with installation.db.reading() as tx:
            keys = erasure.keys_of(tx, wanted)
            named = naming.find(tx, keys)
        copy = installation.db.rehearsal() if dry_run else nullcontext(installation.db)
        with copy as db, db.transaction() as tx:
            done = erasure.erase(tx, keys, named, clock.now(), with_posts=with_posts)
        left = list(_still_named(installation, keys))
    if not dry_run:
        maillog.info("person.erased", numbers=dict(+done))
    rows = [{"what": what, "number": number} for what, number in done.items() if number]
    nothing = f"Nothing was known of {address}."
    output.show(rows, ("what", "number"), as_json=settings.json, nothing=nothing)
    for other in sorted(keys - {wanted}):
        click.echo(f"listbridge: {other} is the same person's, and was looked for too", err=True)
    for place in left:
        click.echo(f"listbridge: warning: {place}; remove it there", err=True)
    later = [f"{why}; run the command again" for what, why in _LATER.items() if done[what]]
    for sentence in later:
        click.echo(f"listbridge: {sentence} in a while", err=True)
    if later:
        context.exit(1)


def _refuse_list(installation: Installation, wanted: str) -> None:
    """Raise `ConfigError` for the address of a list, which all mail of that list names."""
    for category in installation.configuration.categories.values():
        if wanted == key(category.address):
            raise ConfigError(
                f"{category.address} is the list {category.slug}, and no person; "
                "`listbridge subscribers remove` takes it off another list"
            )


def _still_named(installation: Installation, keys: Set[str]) -> Iterator[str]:
    """Yield where files of the installation, which this command does not write, name the person."""
    for category in installation.configuration.categories.values():
        names = {
            "owners": category.owners,
            "moderators": category.moderators,
            "[posting] allow": category.posting.allow,
            "[posting] block": category.posting.block,
        }
        for where, people in names.items():
            if keys & {key(str(one)) for one in people}:
                yield f"`{where}` of {category.slug} names the person"
        file = category.subscribers_file
        if file is not None and file.exists():
            listed, _ = subscriptions.read_file(file)
            if keys & listed.keys():
                yield f"{file} names the person"
    if keys & {key(one) for one in installation.configuration.service.alerts.to}:
        yield "`[alerts] to` names the person"
