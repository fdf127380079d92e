"""Commands of a family, listed with the whole of what each does."""

import click

# Longer than any sentence; click would cut them all to one line of the terminal.
_WHOLE = 1_000


class Group(click.Group):
    """A group whose help says of each command all that its first sentence says."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list, each sentence in as many lines as it takes."""
        names = self.list_commands(ctx)
        rows = [(name, self.commands[name].get_short_help_str(_WHOLE)) for name in names]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
