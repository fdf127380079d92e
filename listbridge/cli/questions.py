"""What `init` has to know: from its options, from what they suggest, or from who sits there."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeVar

import click
from pydantic import SecretStr

from listbridge.cli import people_file
from listbridge.cli.answer_options import Given
from listbridge.cli.options import plain_text
from listbridge.errors import ListbridgeError
from listbridge.guard import safe
from listbridge.membership.subscriber_file import Entry
from listbridge.message import key, normalise
from listbridge.secret import Secret
from listbridge.service.setup import Answers, Place, Server, guess, name_for, providers, slug_for
from listbridge.service.setup import servers as named
from listbridge.service.setup.providers import Provider
from storage.states import Receives

_S = TypeVar("_S")
_T = TypeVar("_T")
_Half = Literal["incoming", "outgoing"]

_GUESS = {"incoming": guess.incoming, "outgoing": guess.outgoing}
_SERVER = {"incoming": "Incoming server (IMAP)", "outgoing": "Outgoing server (SMTP)"}


class Questions:
    """Finds the answers; asks for what is missing only if somebody is there to be asked."""

    def __init__(self, given: Given, place: Place, *, ask: bool) -> None:
        self._given = given
        self._place = place
        self._may_ask = ask

    def answers(self) -> Answers:
        """Return everything, or raise `click.UsageError` naming the option that is missing."""
        given = self._given
        given.refuse_halves()
        owners = tuple(_usable(normalise, one, "--owner") for one in given.owners)
        people = (
            None
            if given.subscribers is None
            else _usable(_people, given.subscribers, "--subscribers")
        )
        address = self._address()
        slug = given.slug or slug_for(address)
        self._place.refuse_taken(slug)
        provider = None if given.incoming_host else _announced(address)
        password = self._password()
        incoming = self._server("incoming", address, provider)
        _refuse_closed(incoming.host)
        provider = provider or providers.of_host(incoming.host)
        outgoing = self._server("outgoing", address, provider)
        name = given.name or self._optional("Name of the list", plain_text, name_for(slug))
        if people is None:
            people = self._optional("Subscribers (a file, or addresses)", _people, "")
        return Answers(
            address=address,
            slug=slug,
            name=name,
            password=password,
            incoming=incoming,
            outgoing=outgoing,
            username=given.username or _login(address, provider),
            outgoing_username=None if given.no_outgoing_login else given.username or address,
            owners=owners,
            people=people,
            ca_file=given.ca_file.absolute() if given.ca_file else None,
            most_per_day=provider.most_per_day if provider else None,
        )

    def corrected(self, answers: Answers) -> Answers:
        """Ask again for what a test can find wrong; an empty answer leaves it as it is."""
        username = _prompt("User name", plain_text, answers.username)
        typed = _prompt("Password (empty: as before)", plain_text, "", hidden=True)
        corrected = replace(
            answers,
            username=username,
            password=Secret(literal=SecretStr(typed)) if typed else answers.password,
            incoming=self._ask_server("incoming", answers.incoming),
            outgoing=self._ask_server("outgoing", answers.outgoing),
        )
        if answers.outgoing_username is None or username == answers.username:
            return corrected
        return replace(corrected, outgoing_username=username)

    def _address(self) -> str:
        if self._given.address is not None:
            return _usable(normalise, self._given.address, "--address")
        if not self._may_ask:
            raise _missing("--address")
        return _prompt("Address of the list", normalise)

    def _password(self) -> Secret:
        given = self._given
        if given.password_file is not None:
            return Secret(file=given.password_file.absolute())
        if given.password_env is not None:
            return Secret(env=given.password_env)
        if given.password_command is not None:
            return _usable(_command, given.password_command, "--password-command")
        if given.password_stdin:
            return _usable(_first_line, sys.stdin.buffer.read(), "--password-stdin")
        if not self._may_ask:
            raise _missing("--password-file (or -env, -command, -stdin)")
        return Secret(literal=SecretStr(_prompt("Password", plain_text, hidden=True)))

    def _server(self, half: _Half, address: str, provider: Provider | None) -> Server:
        host = self._given.incoming_host if half == "incoming" else self._given.outgoing_host
        if host:
            return _usable(lambda text: self._named(half, text), host, f"--{half}-host")
        if provider is not None:
            return provider.incoming if half == "incoming" else provider.outgoing
        domain = address.rpartition("@")[2]
        click.echo(f"Looking for the {half} server of {domain} …", err=True)
        likely = _GUESS[half](domain)
        if self._may_ask:
            return self._ask_server(half, likely)
        if likely is None:
            raise _missing(f"--{half}-host")
        click.echo(f"Taking {likely}, which answers.", err=True)
        return likely

    def _ask_server(self, half: _Half, likely: Server | None) -> Server:
        def chosen(text: str) -> Server:
            return likely if likely and text == str(likely) else self._named(half, text)

        return _prompt(_SERVER[half], chosen, str(likely) if likely else None)

    def _named(self, half: _Half, text: str) -> Server:
        """Read a server's name; what its port leaves open, the options say."""
        given = self._given
        host, port = named.parse(text)
        if half == "incoming":
            port = port or given.incoming_port
            security, protocol = given.incoming_security, given.protocol
            return named.incoming(host, port=port, security=security, protocol=protocol)
        port = port or given.outgoing_port
        return named.outgoing(host, port=port, security=given.outgoing_security)

    def _optional(self, question: str, convert: Callable[[str], _T], default: str) -> _T:
        return _prompt(question, convert, default) if self._may_ask else convert(default)


def _prompt(
    question: str, convert: Callable[[str], _T], default: str | None = None, *, hidden: bool = False
) -> _T:
    """Ask until the answer is good; None as the default means that there has to be one."""

    def value(text: str) -> _T:
        try:
            return convert(text)
        except (ListbridgeError, ValueError) as err:
            raise click.UsageError(str(err)) from None

    return click.prompt(
        question,
        default=default,
        show_default=bool(default),
        hide_input=hidden,
        value_proc=value,
        err=True,
    )


def _usable(convert: Callable[[_S], _T], value: _S, option: str) -> _T:
    """Return what the option's value comes to, or a usage error that names the option."""
    try:
        return convert(value)
    except (ListbridgeError, ValueError) as err:
        raise click.UsageError(f"{option}: {err}") from None


def _missing(option: str) -> click.UsageError:
    return click.UsageError(f"{option} is missing, and nobody can be asked for it here")


def _announced(address: str) -> Provider | None:
    """Say what is known of the address's provider, before anybody types a password."""
    _refuse_closed(address.rpartition("@")[2])
    provider = providers.of_address(address)
    if provider is not None:
        click.echo(f"{provider.name}: {provider.incoming} and {provider.outgoing}.", err=True)
        if provider.remark:
            click.echo(f"{provider.name} {provider.remark}.", err=True)
    return provider


def _refuse_closed(name: str) -> None:
    if why := providers.refusal(name):
        raise click.UsageError(why)


def _login(address: str, provider: Provider | None) -> str:
    if provider is not None and provider.login_is_local_part:
        return address.rpartition("@")[0]
    return address


def _command(text: str) -> Secret:
    return Secret(command=tuple(shlex.split(text)))


def _first_line(octets: bytes) -> Secret:
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise ValueError("there is no password on standard input")
    return Secret(literal=SecretStr(safe(line, "the password")))


def _people(text: str) -> tuple[Entry, ...]:
    """Return the subscribers in a file, or those who are named here, each once."""
    found: dict[str, Entry] = {}
    for one in people_file.read_or_take(text) if text.strip() else []:
        if one.receives not in (None, Receives.EACH):
            raise ListbridgeError(
                f"{one.address} receives {one.receives.value!r}, which a subscriber file cannot "
                "say; leave the line out, and use `listbridge subscribers import` afterwards"
            )
        found.setdefault(key(one.address), Entry(one.address, one.name))
    return tuple(found.values())
