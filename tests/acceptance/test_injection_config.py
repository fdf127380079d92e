"""No key of a configuration file can say a word of its own to a server: the wire log is clean."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from listbridge.config import load
from listbridge.config.models import HALVES, CategoryFile, ServiceFile
from listbridge.errors import ConfigError
from tests import injection
from tests.fakes.imap_server import PASSWORD, ImapServer, Stored, answers
from tests.fakes.pop_server import PopServer
from tests.fakes.smtp_server import Script, SmtpServer, in_thread
from tests.injection import PAYLOADS, UNSAFE, field_names, foreign_lines, with_value
from tests.letters import letter
from tests.program import Program

CATEGORY_KEYS = list(injection.keys(CategoryFile))
SERVICE_KEYS = [
    *(key for key in injection.keys(ServiceFile) if key != ("mail_sessions",)),
    *(("mail_sessions", "default", key) for key in ("jndi_name", "provider", "properties_file")),
    ("mail_sessions", "default", "properties", "mail.smtp.host"),
    *(
        ("mail_sessions", "default", half, *key)
        for half, model in HALVES.items()
        for key in injection.keys(model)
    ),
]


@dataclass
class Servers:
    """Everything a category talks to; each notes every line it is sent."""

    imap: ImapServer
    pop: PopServer
    smtp: SmtpServer
    number: int = field(default=0)

    def category(self, protocol: str) -> dict[str, Any]:
        """Return a category of its own that works."""
        self.number += 1
        folder = f"F{self.number}"
        self.imap.folders[folder] = {1: Stored(letter(self.number, kind="plain"))}
        login = {"host": "127.0.0.1", "security": "none", "username": f"u{self.number}"}
        incoming = {
            **login,
            "protocol": protocol,
            "port": self.imap.port if protocol == "imap" else self.pop.port,
            "password": PASSWORD,
            "timeout": "5s",
        }
        return {
            "address": f"list{self.number}@example.org",
            "incoming": incoming | ({"folder": folder} if protocol == "imap" else {}),
            "outgoing": {**login, "port": self.smtp.port, "password": "secret", "timeout": "5s"},
            "posting": {"non_members": "accept"},
            "subscribers": {"file": "everybody.subscribers"},
        }


@pytest.fixture
def servers() -> Iterator[Servers]:
    # Whatever the user name and password: the login works, so that the rest is spoken too.
    script = Script(mechanisms=("PLAIN",), replies={"auth": "235 2.7.0 welcome"})
    imap = ImapServer()
    imap.instead["AUTHENTICATE"] = _lets_in
    with imap, PopServer() as pop, in_thread(SmtpServer(script)) as smtp:
        pop.instead["PASS"] = lambda session, _: session.send("+OK")
        pop.instead["LIST"] = pop.instead["UIDL"] = lambda session, _: session.send("+OK\r\n.")
        yield Servers(imap, pop, smtp)


def _lets_in(session: Any, tag: str, _: str) -> None:
    session.send("+ ")
    session.wire.readline()
    session.send(f"{tag} OK hello")


def _value(path: injection.Path, payload: str) -> Any:
    return [payload] if injection.is_list(CategoryFile, path) else payload


@pytest.mark.parametrize("path", CATEGORY_KEYS, ids=".".join)
def test_a_line_break_in_a_category_file_is_refused_by_file_line_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: injection.Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "categories").mkdir()
    # A footer is body text, and may have lines.
    kinds = UNSAFE - {"LF"} if path == ("message", "footer") else UNSAFE
    for number, kind in enumerate(sorted(kinds)):
        table = with_value(
            {"address": f"a{number}@example.org"}, path, _value(path, PAYLOADS[kind])
        )
        (tmp_path / "categories" / f"c{number}.toml").write_text(injection.toml(table))

    configuration = load()

    assert len(configuration.broken) == len(kinds)
    for slug, problems in configuration.broken.items():
        key = ".".join(path)
        told = [one for one in problems if one.key == key]
        assert told, (slug, problems)
        assert told[0].line
        assert str(told[0].file) == f"categories/{slug}.toml"
        assert "\n" not in str(told[0])


@pytest.mark.parametrize("path", SERVICE_KEYS, ids=".".join)
def test_a_line_break_in_the_service_file_is_refused_by_file_line_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: injection.Path
) -> None:
    monkeypatch.chdir(tmp_path)
    listed = injection.is_list(ServiceFile, path)
    for kind in UNSAFE:
        value = [PAYLOADS[kind]] if listed else PAYLOADS[kind]
        (tmp_path / "listbridge.toml").write_text(injection.toml(with_value({}, path, value)))

        with pytest.raises(ConfigError) as caught:
            load()

        assert any(
            line.startswith("listbridge.toml:") and f": {_shown(path)}" in line
            for line in str(caught.value).splitlines()
        ), str(caught.value)
        assert injection.MARK not in str(caught.value)


def _shown(path: injection.Path) -> str:
    # A key whose name has a dot in it is written in quotation marks.
    return ".".join(step if "." not in step else f'"{step}"' for step in path)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_whatever_a_category_file_may_say_no_server_hears_a_line_that_is_not_ours(
    tmp_path: Path, servers: Servers, protocol: str
) -> None:
    program = Program(tmp_path, same_process=True)
    (tmp_path / "everybody.subscribers").write_text("ann@example.net\nbob@example.net\n")
    servers.imap.instead["CREATE"] = answers("NO", "not here")
    program.write_category("plain", injection.toml(servers.category(protocol)))
    paths = [path for path in CATEGORY_KEYS if protocol == "imap" or path[0] == "incoming"]
    for number, path in enumerate(paths):
        for kind in PAYLOADS.keys() - UNSAFE:
            table = with_value(servers.category(protocol), path, _value(path, PAYLOADS[kind]))
            if path == ("incoming", "move_to"):
                table["incoming"]["after_fetch"] = "move"
            slug = f"c{number}-{kind.replace(' ', '-')}"
            (tmp_path / "categories" / f"{slug}.toml").write_text(injection.toml(table))

    lines = program.poll_once(status=None)

    assert lines["plain"]["error"] is None
    log = [*servers.imap.log, *servers.pop.log, *(f"{x}\r\n".encode() for x in servers.smtp.lines)]
    assert foreign_lines(log) == []
    assert {x.partition(" ")[0] for x in servers.smtp.lines} <= {
        "EHLO",
        "AUTH",
        "MAIL",
        "RCPT",
        "DATA",
        "QUIT",
        "RSET",
    }
    _only_our_fields(servers, lines)
    for slug, line in lines.items():
        assert line["error"] is None or injection.MARK not in line["error"].splitlines()[1:], slug


def _only_our_fields(servers: Servers, lines: dict[str, dict[str, Any]]) -> None:
    """Each category has sent its one letter once at most, with the fields of a plain copy."""
    sent = servers.smtp.messages
    assert len(sent) == sum(line["sent"] for line in lines.values()) / 2
    assert len({one.body.partition(b"Message-ID:")[2].split()[0] for one in sent}) == len(sent)
    if sent:
        usual = set(field_names(max(sent, key=lambda one: one.body.count(b"\r\n")).body))
        usual |= {"mime-version", "content-type", "content-transfer-encoding"}
        assert injection.MARK.lower() not in usual
        for one in sent:
            names = field_names(one.body)
            assert set(names) <= usual, one.body
            assert len(names) == len(set(names)), one.body
            assert one.recipients == ("ann@example.net", "bob@example.net")
