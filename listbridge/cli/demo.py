"""`listbridge demo`"""

import click

from listbridge import demo as demonstration


@click.command()
@click.option("--once", is_flag=True, help="End by itself, with a summary.")
@click.pass_context
def demo(context: click.Context, once: bool) -> None:
    """Show the whole thing on built-in servers, without any set-up."""
    if not demonstration.run(once=once):
        context.exit(1)
