"""`check` names the cause of each wrong configuration, and how to mend it.

Beside those of test_check.py: servers of another kind, ports and security that are at odds,
certificates, and refused logins in the words of many providers.
"""

import socket
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from listbridge import network
from tests.fakes.imap_server import ImapServer
from tests.fakes.imap_server import answers as imap_answers
from tests.fakes.pop_server import PopServer
from tests.fakes.pop_server import answers as pop_answers
from tests.fakes.smtp_server import Script, SmtpServer, in_thread, refuses_login
from tests.program import Program
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

_COLLECTED = Path(__file__).parents[2] / "fixtures" / "refusals.toml"
REFUSALS = [
    said
    for said in tomllib.loads(_COLLECTED.read_text(encoding="utf-8"))["refusal"]
    if said["means"]
]
BANNER = "the words of the greeting"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, same_process=True)


def wrong(program: Program, toml: str) -> dict[str, Any]:
    """Return the one thing that is not ok."""
    program.write_category("general", f'address = "general@example.org"\n{toml}\n')
    found = [one for one in program.json("check", status=1) if not one["ok"]]
    assert len(found) == 1
    assert not [one for one in program.outputs if b"hunter2" in one or BANNER.encode() in one]
    finding: dict[str, Any] = found[0]
    return finding


def incoming(protocol: str, port: int, security: str = "none", more: str = "") -> str:
    return (
        f'[incoming]\nprotocol = "{protocol}"\nhost = "127.0.0.1"\nport = {port}\n'
        f'security = "{security}"\nusername = "ann"\npassword = "hunter2"\ntimeout = "1s"\n{more}\n'
    )


def outgoing(port: int, security: str = "none", more: str = "") -> str:
    return (
        f'[outgoing]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "{security}"\n'
        f'username = "ann"\npassword = "hunter2"\ntimeout = "1s"\n{more}\n'
    )


# Refused logins, in the words that servers use.


@contextmanager
def refusing(said: dict[str, str]) -> Iterator[str]:
    """Run a server that refuses the login in these words; the result is the half that meets it."""
    words = said["words"]
    with ExitStack() as stack:
        if "POP3" in said["server"] and "IMAP" not in said["server"]:
            pop = PopServer(greeting=f"+OK {BANNER}")
            pop.instead["PASS"] = pop_answers(f"-ERR {words}")
            yield incoming("pop3", stack.enter_context(pop).port)
        elif "IMAP" in said["server"]:
            imap = ImapServer(greeting=f"* OK {BANNER}")
            imap.instead["AUTHENTICATE"] = imap_answers("NO", words)
            yield incoming("imap", stack.enter_context(imap).port)
        else:
            script = refuses_login(f"535 {words}", greeting=f"220 {BANNER}")
            yield outgoing(stack.enter_context(in_thread(SmtpServer(script))).port)


@pytest.mark.parametrize("said", REFUSALS, ids=lambda said: f"{said['server']}: {said['means']}")
def test_why_a_login_is_refused_is_understood(program: Program, said: dict[str, str]) -> None:
    with refusing(said) as half:
        found = wrong(program, half)

    assert found["what"].endswith("login")
    assert "refuses the login of ann: " in found["seen"]
    assert said["means"] in found["seen"]
    assert found["cure"] != "check username and password"


# Somebody else listens there.


@contextmanager
def imap() -> Iterator[int]:
    with ImapServer(greeting=f"* OK {BANNER}") as server:
        yield server.port


@contextmanager
def pop() -> Iterator[int]:
    with PopServer(greeting=f"+OK {BANNER}") as server:
        yield server.port


@contextmanager
def smtp() -> Iterator[int]:
    with in_thread(SmtpServer(Script(greeting=f"220 {BANNER}"))) as server:
        yield server.port


@contextmanager
def silent() -> Iterator[int]:
    """Take connections and never say a word, as a server does that waits for TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _pop3(port: int) -> str:
    return incoming("pop3", port)


def _imap(port: int) -> str:
    return incoming("imap", port)


def _imap_over_tls(port: int) -> str:
    return incoming("imap", port, "tls")


def _pop3_over_tls(port: int) -> str:
    return incoming("pop3", port, "tls")


def _smtp_over_tls(port: int) -> str:
    return outgoing(port, "tls")


def _imap_over_starttls(port: int) -> str:
    return incoming("imap", port, "starttls")


def _smtp_over_starttls(port: int) -> str:
    return outgoing(port, "starttls")


@pytest.mark.parametrize(
    ("server", "half", "seen", "cure"),
    [
        (pop, _imap, "speaks POP3 there, not IMAP", 'protocol to "pop3"'),
        (smtp, _imap, "speaks SMTP there, not IMAP", "check host and port"),
        (imap, _pop3, "speaks IMAP there, not POP3", 'protocol to "imap"'),
        (smtp, _pop3, "speaks SMTP there, not POP3", "check host and port"),
        (imap, outgoing, "does not answer like a mail server", "check host"),
        (pop, outgoing, "does not answer like a mail server", "check host"),
        (silent, _imap, "did not answer in time while connecting", "security"),
        (silent, outgoing, "did not answer within 1 s", "security"),
        (imap, _imap_over_tls, "does not speak TLS there", "security"),
        (pop, _pop3_over_tls, "does not speak TLS there", "security"),
        (smtp, _smtp_over_tls, "cannot be talked to over TLS", "security"),
        (imap, _imap_over_starttls, "does not offer it", "tls"),
        (smtp, _smtp_over_starttls, "does not offer STARTTLS", "tls"),
    ],
)
def test_a_server_of_another_kind_is_named(
    program: Program,
    server: Callable[[], Any],
    half: Callable[[int], str],
    seen: str,
    cure: str,
) -> None:
    with server() as port:
        found = wrong(program, half(port))

    assert seen in found["seen"]
    assert cure in found["cure"]


@contextmanager
def deaf() -> Iterator[int]:
    """Answer no connection at all, as a firewall does that drops what comes."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # more than there is room for
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@pytest.mark.parametrize("half", [_imap_over_tls, _smtp_over_tls])
def test_a_firewall_is_not_waited_for_as_long_as_a_slow_server(
    program: Program, monkeypatch: pytest.MonkeyPatch, half: Callable[[int], str]
) -> None:
    monkeypatch.setattr(network, "LONGEST_LOOK", timedelta(seconds=1))
    with deaf() as port:
        found = wrong(program, half(port).replace('timeout = "1s"', 'timeout = "1h"'))

    assert "did not answer" in found["seen"]
    assert "firewall" in found["cure"]


# What is wrong on this side.


@pytest.mark.parametrize(
    ("change", "seen", "cure"),
    [
        (
            ('host = "127.0.0.1"', 'host = "127.0.0.1"\nip = "ipv6"'),
            "has no address of the kind that `ip` asks for",
            'set ip to "any"',
        ),
        (('password = "hunter2"', 'password = { file = "loose" }'), "open to others", "chmod 600"),
        (
            ('password = "hunter2"', 'password = { command = ["false"] }'),
            "ended with exit status 1",
            "by hand",
        ),
        (
            ('password = "hunter2"', 'password = "hunter2"\nclient_certificate = "gone.pem"'),
            "gone.pem cannot be read",
            "PEM",
        ),
        (('username = "ann"', 'username = "nobody"'), "refuses the login of nobody", "username"),
    ],
)
def test_what_is_wrong_on_this_side_is_named(
    program: Program, dovecot: Dovecot, change: tuple[str, str], seen: str, cure: str
) -> None:
    loose = program.folder / "loose"
    loose.write_text("hunter2\n")
    loose.chmod(0o644)
    half = incoming("imap", dovecot.imaps_port, "tls", f'ca_file = "{dovecot.ca_file}"')

    found = wrong(program, half.replace(*change))

    assert seen in found["seen"]
    assert cure in found["cure"]


def test_a_relay_that_wants_no_login_from_us_is_named(program: Program, relay: Relay) -> None:
    found = wrong(program, outgoing(relay.port))

    assert "offers no login we know" in found["seen"]
    assert "check port" in found["cure"]
