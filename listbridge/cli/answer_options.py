"""The options of `init`: one for each answer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from listbridge.cli.options import one_line
from listbridge.config import category_file
from listbridge.mailsession import providers
from listbridge.mailsession.providers import Profile
from listbridge.service.setup.servers import Protocol, Security

_SECURITY = click.Choice(["tls", "starttls", "none"])
_PORT = click.IntRange(1, 65535)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


class _Provider(click.ParamType[Profile]):
    """The name of a provider by which mail can be fetched."""

    name = "provider"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Profile:
        if isinstance(value, Profile):
            return value
        if value not in providers.names():
            self.fail(f"{value!r} is none of: {', '.join(_fetchable())}", param, ctx)
        profile = providers.profile(value)
        if not profile.incoming_protocols:
            self.fail(f"{profile.title}: name it in the service file's mail session", param, ctx)
        return profile


def _fetchable() -> list[str]:
    return [name for name in providers.names() if providers.profile(name).incoming_protocols]


def _slug(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not category_file.SLUG.fullmatch(value):
        raise click.BadParameter(
            'it may hold lower-case letters, digits, ".", "_" and "-", and begins with one of the '
            "first two"
        )
    return value


def answer_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each answer, under the names of `Given`."""
    options = (
        click.option("--address", help="What people write to."),
        click.option("--name", callback=one_line, help="What people see."),
        click.option("--slug", callback=_slug, help="What commands call the list."),
        click.option("--owner", "owners", multiple=True, help="Who answers for it; repeatable."),
        click.option("--subscribers", help="A file (CSV, or an address per line), or addresses."),
        click.option("--username", callback=one_line, help="To log in with, if not the address."),
        click.option(
            "--provider", type=_Provider(), help="Whose they are, such as gmail; else found out."
        ),
        click.option("--password-file", type=_FILE, help="A file with the password."),
        click.option("--password-env", callback=one_line, help="A variable with the password."),
        click.option("--password-command", callback=one_line, help="A command that prints it."),
        click.option("--password-stdin", is_flag=True, help="Read it here; keep it in a file."),
        click.option("--oauth2", is_flag=True, help="Log in by OAuth2 instead of a password."),
        click.option("--protocol", type=click.Choice(["imap", "pop3"])),
        click.option("--incoming-host", help="The server with the mailbox."),
        click.option("--incoming-port", type=_PORT, help="If it is not the usual one."),
        click.option("--incoming-security", type=_SECURITY),
        click.option("--outgoing-host", help="The server that posts are handed to."),
        click.option("--outgoing-port", type=_PORT, help="If it is not the usual one."),
        click.option("--outgoing-security", type=_SECURITY),
        click.option("--no-outgoing-login", is_flag=True, help="It takes mail without a login."),
        click.option("--ca-file", type=_FILE, help="An authority to trust as well."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@dataclass(frozen=True)
class Given:
    """The options of the command line; what is None, empty or False was left open."""

    address: str | None
    name: str | None
    slug: str | None
    owners: tuple[str, ...]
    subscribers: str | None
    username: str | None
    provider: Profile | None
    password_file: Path | None
    password_env: str | None
    password_command: str | None
    password_stdin: bool
    oauth2: bool
    protocol: Protocol | None
    incoming_host: str | None
    incoming_port: int | None
    incoming_security: Security | None
    outgoing_host: str | None
    outgoing_port: int | None
    outgoing_security: Security | None
    no_outgoing_login: bool
    ca_file: Path | None

    def refuse_halves(self) -> None:
        """Raise `click.UsageError` for options that say nothing without another one."""
        if (self.incoming_port or self.incoming_security) and not self.incoming_host:
            raise click.UsageError("--incoming-port and --incoming-security need --incoming-host")
        if (self.outgoing_port or self.outgoing_security) and not self.outgoing_host:
            raise click.UsageError("--outgoing-port and --outgoing-security need --outgoing-host")
        if self._ways_to_a_password > 1:
            raise click.UsageError("say in only one way where the password is")
        if self.has_password and self.oauth2:
            raise click.UsageError("with --oauth2 there is no password")

    @property
    def has_password(self) -> bool:
        """Whether an option says where the password is."""
        return self._ways_to_a_password > 0

    @property
    def _ways_to_a_password(self) -> int:
        ways = (self.password_file, self.password_env, self.password_command)
        return sum(way is not None for way in ways) + self.password_stdin
