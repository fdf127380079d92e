"""`listbridge demo`"""

import click
from rich.console import Console

from listbridge import demo as demonstration
from listbridge.cli import output
from listbridge.cli.options import Settings, common


@click.command()
@click.option("--once", is_flag=True, help="End by itself, with a summary.")
@common
@click.pass_context
def demo(context: click.Context, once: bool, settings: Settings) -> None:
    """Show the whole thing on built-in servers, without any set-up."""
    # The story is for people; a program only wants to know whether it came out well.
    passed = demonstration.run(once=once, console=Console(stderr=settings.json))
    if settings.json:
        output.show_json({"passed": passed})
    if not passed:
        context.exit(1)
