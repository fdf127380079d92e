"""`init` as a new user runs it, with a real Dovecot and a real Postfix as the mail provider."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.dns_server import DnsServer
from tests.letters import letter
from tests.program import BareProgram
from tests.servers import process
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

PASSWORD = "open sesame"
ANN = "ann@example.net"  # who writes the letters


# The program as it is, but for the name server that it asks.
_ASKING = """
import sys
import dns.resolver
from listbridge import cli
from listbridge.mailsession.providers import discovery
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port = ["127.0.0.1"], int(sys.argv.pop(1))
discovery.system_resolver = lambda: resolver
cli.main()
"""


@dataclass
class AskingProgram(BareProgram):
    """The program, asking a name server of the test's own."""

    name_server_port: int = 0

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", _ASKING, str(self.name_server_port), *arguments]


@dataclass(frozen=True)
class Provider:
    """A mailbox with its servers: TLS everywhere, one login for both, as providers have it."""

    dovecot: Dovecot
    relay: Relay
    address: str

    @property
    def slug(self) -> str:
        return self.address.partition("@")[0]

    @property
    def options(self) -> tuple[str, ...]:
        """What a table would say of a well-known provider."""
        servers = ("--incoming-host", "localhost", "--incoming-port", str(self.dovecot.imaps_port))
        servers += ("--outgoing-host", "localhost", "--outgoing-port", str(self.relay.tls_port))
        return (*servers, "--ca-file", str(self.dovecot.ca_file))


@pytest.fixture
def provider(
    dovecot_with: Callable[[str], Dovecot],
    relay_with: Callable[[str], Relay],
    fresh_name: Callable[[str], str],
) -> Provider:
    """A provider with a mailbox for a list; Postfix asks Dovecot about a login."""
    dovecot = dovecot_with("service auth {\n unix_listener sasl {\n mode = 0666\n }\n}")
    relay = relay_with(
        "smtpd_sasl_auth_enable = yes\n"
        "smtpd_sasl_type = dovecot\n"
        f"smtpd_sasl_path = {dovecot.folder}/run/sasl\n"
    )
    address = f"{fresh_name('choir')}@example.org"
    dovecot.add_user(address, PASSWORD)
    relay.add_users([address.partition("@")[0], "ann", "bob"])
    return Provider(dovecot, relay, address)


@pytest.fixture
def program(tmp_path: Path) -> BareProgram:
    """The program in an empty folder, with a subscriber file made elsewhere."""
    (tmp_path / "members.csv").write_text(f"address,name\n{ANN},Ann\nbob@example.org,Bob\n")
    return BareProgram(tmp_path)


def _init(
    program: BareProgram, provider: Provider, password: str = PASSWORD, status: int = 0
) -> str:
    """Run `init` with all its answers as options; return what it says."""
    answers = ("--address", provider.address, "--subscribers", "members.csv", "--password-stdin")
    options = (*answers, *provider.options)
    done = program.run("init", *options, stdin=f"{password}\n".encode(), status=status)
    return (done.stdout + done.stderr).decode()


def test_a_mailbox_full_of_old_mail_becomes_a_list_for_new_mail(
    program: BareProgram, provider: Provider
) -> None:
    dovecot, relay, slug = provider.dovecot, provider.relay, provider.slug
    for number in range(500):
        received = datetime.now(UTC) - timedelta(days=2 + number % 400)
        dovecot.deliver(provider.address, letter(number, run=slug, kind="plain"), received)

    said = _init(program, provider)
    first = program.poll_once()[slug]

    assert "poll-once --dry-run" in said
    assert (first["error"], first["posts"], first["deleted"]) == (None, 0, 0)
    assert len(dovecot.messages(provider.address)) == 500
    subscribers = program.json("subscribers", "list", slug)
    assert {one["address"] for one in subscribers} == {ANN, "bob@example.org"}

    dovecot.deliver(provider.address, letter(500, run=slug))
    second = program.poll_once()[slug]

    assert (second["error"], second["posts"], second["deleted"]) == (None, 1, 1)
    relay.wait_until_idle()
    assert len(relay.copies("ann")) == len(relay.copies("bob")) == 1
    program.audit()
    program.run("check", "--offline")


def test_a_wrong_password_is_found_out_and_nothing_is_written(
    program: BareProgram, provider: Provider
) -> None:
    said = _init(program, provider, password="wrong word", status=1)

    assert "incoming login" in said
    assert "Nothing was written." in said
    assert "wrong word" not in said
    assert [path.name for path in program.folder.iterdir()] == ["members.csv"]


def test_a_second_list_joins_the_first(
    program: BareProgram, provider: Provider, fresh_name: Callable[[str], str]
) -> None:
    second = Provider(provider.dovecot, provider.relay, f"{fresh_name('band')}@example.org")
    provider.dovecot.add_user(second.address, PASSWORD)
    _init(program, provider)

    _init(program, second)

    assert set(program.poll_once("--dry-run")) == {provider.slug, second.slug}


class Terminal:
    """`init` at a pseudo-terminal: what it shows, and what somebody types there."""

    def __init__(self, program: BareProgram, *arguments: str) -> None:
        self.shown = ""
        self._seen = 0
        self._screen, keyboard = pty.openpty()
        self._process = subprocess.Popen(
            program.command("init", *arguments),
            stdin=keyboard,
            stdout=keyboard,
            stderr=keyboard,
            cwd=program.folder,
            env=program.full_environment(),
            start_new_session=True,
        )
        os.close(keyboard)

    def wait_for(self, text: str) -> None:
        """Wait until something is shown that was not seen yet."""
        process.wait_until(lambda: text in self._unseen(), f"shows {text!r}", seconds=60)
        self._seen = self.shown.index(text, self._seen) + len(text)

    def answer(self, question: str, text: str) -> None:
        """Wait for a question, and type the answer."""
        self.wait_for(question)
        os.write(self._screen, f"{text}\n".encode())

    def leave(self, question: str) -> None:
        """Wait for a question, and type that nothing more will come."""
        self.wait_for(question)
        os.write(self._screen, b"\x04")

    def end(self) -> int:
        """Wait for the end; return the exit status."""
        process.wait_until(lambda: self._read() and self._process.poll() is not None, "ends", 60)
        self._read()
        os.close(self._screen)
        return self._process.returncode

    def _unseen(self) -> str:
        self._read()
        return self.shown[self._seen :]

    def _read(self) -> bool:
        while select.select([self._screen], [], [], 0)[0]:
            try:
                octets = os.read(self._screen, 65536)
            except OSError:
                break  # Linux's way to say that nobody is at the other end any more.
            self.shown += octets.decode()
        return True


def test_at_a_terminal_it_asks_tests_and_lets_correct_what_was_wrong(
    program: BareProgram, provider: Provider
) -> None:
    terminal = Terminal(program, "lists", *provider.options)

    terminal.answer("Address of the list: ", "choir at example.org")
    terminal.wait_for("Error: “choir at example.org” is not a mail address")
    terminal.answer("Address of the list: ", provider.address)
    terminal.answer("Password: ", "wrong word")
    terminal.answer("Name of the list [", "Der Chör")
    terminal.answer("Subscribers (a file, or addresses): ", "missing.csv")
    terminal.wait_for("Error: missing.csv cannot be read")
    terminal.answer("Subscribers (a file, or addresses): ", "members.csv")
    terminal.answer("Correct it and test again? [Y/n]: ", "")
    terminal.answer(f"User name [{provider.address}]: ", "")
    terminal.answer("Password (empty: as before): ", f"{PASSWORD} ")  # as it is copied
    terminal.answer(f"Incoming server (IMAP) [localhost:{provider.dovecot.imaps_port}]: ", "")
    terminal.answer(f"Outgoing server (SMTP) [localhost:{provider.relay.tls_port}]: ", "")

    assert terminal.end() == 0, terminal.shown
    assert "listbridge check" in terminal.shown
    assert "wrong word" not in terminal.shown
    assert PASSWORD not in terminal.shown
    folder = program.folder / "lists"
    assert (folder / "secrets" / provider.slug).read_text() == f"{PASSWORD}\n"
    text = (folder / "categories" / f"{provider.slug}.toml").read_text(encoding="utf-8")
    assert 'name = "Der Chör"' in text


def test_the_servers_that_the_domain_names_are_offered_and_lead_to_a_first_post(
    tmp_path: Path, provider: Provider
) -> None:
    dovecot, relay, slug = provider.dovecot, provider.relay, provider.slug
    services = {"imaps": dovecot.imaps_port, "submissions": relay.tls_port}
    answers = {
        (f"_{service}._tcp.example.org", "SRV"): [f"0 1 {port} localhost."]
        for service, port in services.items()
    }
    with DnsServer(answers) as names:
        program = AskingProgram(tmp_path, name_server_port=names.resolver.port)
        terminal = Terminal(program, "--ca-file", str(dovecot.ca_file))
        terminal.answer("Address of the list: ", provider.address)
        # The names lie outside of the domain, so somebody has to say yes.
        terminal.answer(f"Incoming server (IMAP) [localhost:{dovecot.imaps_port}]: ", "")
        terminal.answer(f"Outgoing server (SMTP) [localhost:{relay.tls_port}]: ", "")
        terminal.answer("Password: ", PASSWORD)
        terminal.answer("Name of the list [", "")
        terminal.answer("Subscribers (a file, or addresses): ", "ann@example.net, bob@example.org")
        assert terminal.end() == 0, terminal.shown

    dovecot.deliver(provider.address, letter(1, run=slug))
    line = program.poll_once()[slug]

    assert (line["error"], line["posts"], line["deleted"]) == (None, 1, 1)
    relay.wait_until_idle()
    assert len(relay.copies("ann")) == len(relay.copies("bob")) == 1
    program.audit()


def test_at_a_terminal_nothing_is_written_unless_the_servers_work(
    program: BareProgram, provider: Provider
) -> None:
    given = ("--name", "Choir", "--subscribers", "members.csv")
    terminal = Terminal(program, "--address", provider.address, *given, *provider.options)

    terminal.answer("Password: ", "wrong word")
    terminal.answer("Correct it and test again? [Y/n]: ", "n")

    assert terminal.end() == 1
    assert [path.name for path in program.folder.iterdir()] == ["members.csv"]


def test_at_a_terminal_whoever_leaves_is_told_that_nothing_was_written(
    program: BareProgram,
) -> None:
    options = ("--address", "choir@localhost.example", "--protocol", "pop3")
    terminal = Terminal(program, *options, "--outgoing-host", "localhost")

    terminal.leave("Incoming server (POP3): ")

    assert terminal.end() == 1
    assert "Nothing was written." in terminal.shown
    assert [path.name for path in program.folder.iterdir()] == ["members.csv"]
