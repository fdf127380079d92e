"""`listbridge subscribers export`, also called `listbridge export subscribers`."""

import click

from listbridge.cli import output
from listbridge.cli.completion import slugs
from listbridge.cli.options import Settings, category_with_members, common, opened
from listbridge.cli.subscribers import subscriber_row
from listbridge.membership import people
from listbridge.membership.people import Format
from listbridge.membership.people.writing import has_room_for_suspension, sendable
from storage import aliases
from storage import subscriptions as store
from storage.states import Receives, SubscriptionState


@click.command("subscribers")
@click.argument("category", shell_complete=slugs)
@click.option(
    "--format", "wanted", default=Format.CSV.value, type=click.Choice([x.value for x in Format])
)
@click.option("--receives", multiple=True, type=click.Choice([x.value for x in Receives]))
@common
def export(category: str, wanted: str, receives: tuple[str, ...], settings: Settings) -> None:
    """Write the subscribers of CATEGORY, for `import` or for another program.

    With --receives only those who get the posts in one of these forms.
    """
    with opened(settings) as installation:
        category_id = category_with_members(installation, category)
        title = installation.category(category).name
        with installation.db.reading() as tx:
            every = store.in_category(tx, category_id)
            also = aliases.in_category(tx, category_id)
    found = [
        one
        for one in every
        if one.state is not SubscriptionState.REMOVED and (not receives or one.receives in receives)
    ]
    if settings.json:
        for one in found:
            output.show_json(subscriber_row(one, also))
        return
    kind = Format(wanted)
    for line in people.write(found, kind, title, also):
        click.echo(line, nl=False)
    suspended = len(found) - len(sendable(found))
    if suspended and not has_room_for_suspension(kind):
        click.echo(f"listbridge: {suspended} suspended left out; --format csv has them", err=True)
