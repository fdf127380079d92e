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
from listbridge.mailsession import providers
from listbridge.mailsession.providers import Profile
from listbridge.membership.subscriber_file import Entry
from listbridge.message import key, normalise
from listbridge.secret import Secret
from listbridge.service.setup import Answers, Place, Server, guess, name_for, origin, slug_for
from listbridge.service.setup import servers as named
from listbridge.service.setup.origin import Origin
from storage.states import Receives

_S = TypeVar("_S")
_T = TypeVar("_T")
_Half = Literal["incoming", "outgoing"]


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
        found = self._origin(address)
        incoming = self._incoming(address, found)
        # It may have been typed in just now.
        profile = found.profile or providers.for_host(incoming.host)
        outgoing = self._outgoing(address, replace(found, profile=profile))
        oauth2 = self._oauth2(profile, incoming)
        password = None if oauth2 else self._password(profile)
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
            username=given.username or _login(address, profile, "incoming"),
            outgoing_username=(
                None
                if given.no_outgoing_login
                else given.username or _login(address, profile, "outgoing")
            ),
            owners=owners,
            people=people,
            ca_file=given.ca_file.absolute() if given.ca_file else None,
            profile=profile,
            oauth2=oauth2,
        )

    def corrected(self, answers: Answers) -> Answers:
        """Ask again for what a test can find wrong; an empty answer leaves it as it is."""
        username = _prompt("User name", plain_text, answers.username)
        typed = _prompt("Password (empty: as before)", _typed, "", hidden=True)
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

    def _oauth2(self, profile: Profile | None, incoming: Server) -> str | None:
        """Say whose tokens are to be used instead of a password, if any."""
        recipe = profile.access.oauth2 if profile else None
        if self._given.oauth2 and recipe is None:
            whose = f"{profile.title} offers" if profile else "it is not known that they offer"
            raise click.UsageError(f"--oauth2: {whose} no login by OAuth2 that init could set up")
        # A server of one's own, such as a proxy, may take a password where the provider does not.
        is_theirs = profile is not None and incoming.host.lower() in profile.hosts
        if profile is None or profile.password_works or not is_theirs:
            return recipe if self._given.oauth2 else None
        if self._given.has_password:
            raise click.UsageError(
                f"{profile.title} lets no program in by a password; leave that out, to log in by "
                "OAuth2 afterwards"
            )
        return recipe

    def _password(self, profile: Profile | None) -> Secret:
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
        needs_its_own = profile is not None and "password" not in profile.access.kinds
        kind = "App password" if needs_its_own else "Password"
        return Secret(literal=SecretStr(_prompt(kind, _typed, hidden=True)))

    def _origin(self, address: str) -> Origin:
        """Find out whose servers they are, and say what to do first, before any password."""
        given = self._given
        profile = given.provider or providers.for_address(address)
        if given.provider is None and given.incoming_host is not None:
            host, _ = _usable(named.parse, given.incoming_host, "--incoming-host")
            if profile is None or host.lower() not in profile.hosts:
                profile = providers.for_host(host)
        found = Origin(profile)
        if profile is None and not (given.incoming_host and given.outgoing_host):
            domain = address.rpartition("@")[2]
            click.echo(f"Looking for the provider of {domain} …", err=True)
            found = origin.announced(domain)
        if found.profile is not None:
            _announce(found.profile, address)
        return found

    def _incoming(self, address: str, found: Origin) -> Server:
        wanted = self._given.protocol
        if found.profile is not None:
            known, elsewhere = origin.incoming_of(found.profile, address, wanted), None
        else:
            known, elsewhere = (
                one if one and wanted in (None, one.protocol) else None
                for one in (found.incoming, found.incoming_elsewhere)
            )
        return self._server("incoming", address, known, elsewhere)

    def _outgoing(self, address: str, found: Origin) -> Server:
        known = origin.outgoing_of(found.profile, address) if found.profile else found.outgoing
        return self._server("outgoing", address, known, found.outgoing_elsewhere)

    def _server(
        self, half: _Half, address: str, known: Server | None, elsewhere: Server | None
    ) -> Server:
        host = self._given.incoming_host if half == "incoming" else self._given.outgoing_host
        if host:
            return _usable(lambda text: self._named(half, text), host, f"--{half}-host")
        if known is not None:
            return known
        domain = address.rpartition("@")[2]
        if elsewhere is None:
            click.echo(f"Looking for the {half} server of {domain} …", err=True)
        likely = elsewhere or self._guess(half, domain)
        if self._may_ask:
            return self._ask_server(half, likely)
        if elsewhere is not None:
            raise click.UsageError(
                f"{domain} names {elsewhere} as its {half} server, which lies outside of the "
                f"domain; if that is right, say so by --{half}-host"
            )
        if likely is None:
            raise _missing(f"--{half}-host")
        click.echo(f"Taking {likely}, which answers.", err=True)
        return likely

    def _guess(self, half: _Half, domain: str) -> Server | None:
        if half == "incoming":
            return guess.incoming(domain, self._given.protocol or "imap")
        return guess.outgoing(domain)

    def _ask_server(self, half: _Half, likely: Server | None) -> Server:
        usual = (self._given.protocol or "imap") if half == "incoming" else "smtp"
        protocol = likely.protocol if likely else usual

        def chosen(text: str) -> Server:
            return likely if likely and text == str(likely) else self._named(half, text)

        question = f"{half.capitalize()} server ({protocol.upper()})"
        return _prompt(question, chosen, str(likely) if likely else None)

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


def _typed(text: str) -> str:
    """Return a password that was typed in, or copied, with which blanks come along unseen."""
    return plain_text(text).strip()


def _usable(convert: Callable[[_S], _T], value: _S, option: str) -> _T:
    """Return what the option's value comes to, or a usage error that names the option."""
    try:
        return convert(value)
    except (ListbridgeError, ValueError) as err:
        raise click.UsageError(f"{option}: {err}") from None


def _missing(option: str) -> click.UsageError:
    return click.UsageError(f"{option} is missing, and nobody can be asked for it here")


def _announce(profile: Profile, address: str) -> None:
    """Say what was found, and what to do first there."""
    servers = [str(origin.outgoing_of(profile, address))]
    if incoming := origin.incoming_of(profile, address):
        servers.insert(0, str(incoming))
    click.echo(f"{profile.title}: {' and '.join(servers)}.", err=True)
    if profile.access.steps:
        where = f" ({profile.access.page})" if profile.access.page else ""
        click.echo(f"First{where}:", err=True)
    for step in profile.access.steps:
        click.echo(f"  - {step}", err=True)
    if profile.password_works and profile.access.oauth2:
        click.echo("  - or log in by OAuth2, with --oauth2", err=True)
    if profile.note:
        click.echo(profile.note, err=True)


def _login(address: str, profile: Profile | None, half: _Half) -> str:
    if profile is None:
        return address
    incoming, outgoing = profile.tables(address, (profile.incoming_protocols or ("imap",))[0])
    table = incoming if half == "incoming" else outgoing
    return str(table.get("username", address))


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
