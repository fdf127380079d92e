"""`listbridge audit`"""

import click

from listbridge import clock
from listbridge.cli import output
from listbridge.cli.options import Settings, common, opened
from storage import audit as auditing
from storage import restored


@click.command()
@common
@click.pass_context
def audit(context: click.Context, settings: Settings) -> None:
    """Prove that every message is in one state and every recipient has one result."""
    with opened(settings) as installation:
        with installation.db.reading() as tx:
            found = auditing.problems(tx)
        hold = restored.standing(installation.db, clock.now())
    rows = [{"what": x.what, "id": str(x.id), "problem": x.problem} for x in found]
    output.show(
        rows, ("what", "id", "problem"), as_json=settings.json, nothing="Everything is in order."
    )
    if hold is not None:  # the rows are in order for all that
        click.echo(f"listbridge: {hold}", err=True)
    if found:
        context.exit(1)
