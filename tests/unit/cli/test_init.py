"""`init` without servers: what its options come to, and what it refuses to begin."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from listbridge import config
from listbridge.category import Category
from listbridge.cli.init import callable_name
from listbridge.mailsession import providers
from listbridge.mailsession.providers.discovery import Announced, Discovery
from listbridge.service.setup import guess, origin
from listbridge.service.setup.servers import Server
from tests.program import BareProgram

ADDRESS = ("--address", "choir@example.org")
HOSTS = ("--incoming-host", "imap.example.org", "--outgoing-host", "smtp.example.org")
LIST = (*ADDRESS, *HOSTS)
STDIN = ("--password-stdin",)
Init = Callable[..., CompletedProcess[bytes]]


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> dict[str, Discovery]:
    """What domains say in the DNS: nothing, unless a test fills it in."""
    said: dict[str, Discovery] = {}
    monkeypatch.setattr(origin, "look_up", lambda name, _resolver: said.get(name, Discovery()))
    return said


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Init:
    """Run `init` in an empty folder, with a password on standard input and without a test."""
    monkeypatch.chdir(tmp_path)
    program = BareProgram(tmp_path, same_process=True)

    def init(
        *arguments: str, stdin: bytes = b"opensesame\nmore\n", status: int = 0
    ) -> CompletedProcess[bytes]:
        others = ("--password", "--oauth2")
        password = () if any(x.startswith(others) for x in arguments) else STDIN
        return program.run("init", *arguments, *password, "--no-test", stdin=stdin, status=status)

    return init


def _written(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _choir(folder: Path, slug: str = "choir") -> Category:
    return config.load(folder / "listbridge.toml").categories[slug]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (HOSTS, "--address is missing"),
        (("--address", "choir", *HOSTS), "--address: “choir” is not a mail address"),
        ((*LIST, "--slug", "../x"), "--slug"),
        ((*LIST, "--owner", "ann"), "--owner: “ann” is not a mail address"),
        ((*ADDRESS, "--incoming-port", "99"), "need --incoming-host"),
        ((*ADDRESS, "--outgoing-security", "tls"), "need --outgoing-host"),
        ((*ADDRESS, "--incoming-host", "a b"), "--incoming-host: write the name of a server"),
        ((*LIST, "--name", "a\nb"), "--name"),
        ((*LIST, "--name", "a\udcff"), "--name"),
        ((*LIST, "--password-env", "X", "--password-command", "x"), "only one way"),
        ((*LIST, "--password-command", "'"), "--password-command: No closing quotation"),
        ((*LIST, "--password-file", "missing"), "--password-file"),
        ((*LIST, "--subscribers", "x.csv"), "x.csv cannot be read"),
        ((*LIST, "--oauth2"), "no login by OAuth2"),
        ((*LIST, "--oauth2", "--password-env", "X"), "there is no password"),
        (("--address", "choir@web.de", "--oauth2"), "WEB.DE offers no login by OAuth2"),
        (
            ("--address", "choir@outlook.com", "--password-env", "X"),
            "lets no program in by a password",
        ),
        ((*LIST, "--provider", "gmial"), "--provider"),
        ((*LIST, "--provider", "amazon-ses"), "--provider"),
        ((*LIST, "--config", "a.toml", "folder"), "either DIR or --config"),
    ],
)
def test_a_wrong_answer_is_named_and_nothing_is_written(
    init: Init, tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    done = init(*arguments, status=2)

    assert named in done.stderr.decode()
    assert _written(tmp_path) == set()


@pytest.mark.parametrize("stdin", [b"", b"\n", b"\xff\n", b"a\tb\n"])
def test_standard_input_without_a_usable_password_is_refused(
    init: Init, tmp_path: Path, stdin: bytes
) -> None:
    assert b"--password-stdin" in init(*LIST, stdin=stdin, status=2).stderr
    assert _written(tmp_path) == set()


def test_a_missing_password_is_a_wrong_usage(tmp_path: Path) -> None:
    program = BareProgram(tmp_path, same_process=True)

    done = program.run("init", str(tmp_path), *LIST, "--no-test", "--yes", status=2)

    assert b"--password-file" in done.stderr


def test_an_address_of_a_known_provider_and_a_password_are_enough(
    init: Init, tmp_path: Path
) -> None:
    init("lists", "--address", "Summer-Choir@Gmail.com")

    choir = _choir(tmp_path / "lists", "summer-choir")
    assert choir.name == "Summer choir"
    assert choir.incoming is not None
    assert choir.incoming.key == "imap://Summer-Choir@gmail.com@imap.gmail.com/INBOX"
    assert choir.outgoing is not None
    assert choir.outgoing.account == "Summer-Choir@gmail.com@smtp.gmail.com:465"
    assert choir.outgoing.max_per_day == 500
    assert choir.incoming.after_fetch == "trash"


def test_what_to_do_first_is_said_with_its_address(init: Init) -> None:
    said = init("--address", "choir@gmail.com").stderr.decode()

    assert "Gmail: imap.gmail.com and smtp.gmail.com." in said
    assert "First (https://myaccount.google.com/apppasswords):" in said
    assert "  - make an app password there" in said
    assert "or log in by OAuth2, with --oauth2" in said
    assert "oauth login" not in said


@pytest.mark.parametrize(
    ("arguments", "recipe"),
    [
        (("--address", "choir@outlook.com", "--oauth2"), "microsoft"),
        (("--address", "choir@gmail.com", "--oauth2"), "google"),
        ((*ADDRESS, "--oauth2", "--provider", "microsoft-365"), "microsoft"),
    ],
)
def test_where_there_is_no_password_the_login_comes_first(
    init: Init, tmp_path: Path, arguments: tuple[str, ...], recipe: str
) -> None:
    said = init(*arguments).stderr.decode()

    choir = _choir(tmp_path)
    for settings in (choir.incoming, choir.outgoing):
        assert settings is not None
        assert settings.oauth2 is not None
        assert settings.oauth2.provider == recipe
        assert settings.password is None
    _, _, commands = said.partition("Next:\n")
    assert commands.startswith("    listbridge oauth login default")


def test_a_proxy_may_take_a_password_where_its_provider_does_not(
    init: Init, tmp_path: Path
) -> None:
    proxy = ("--incoming-host", "127.0.0.1:1993", "--outgoing-host", "127.0.0.1:1587")

    init("--address", "choir@outlook.com", *proxy)

    incoming = _choir(tmp_path).incoming
    assert incoming is not None
    assert incoming.oauth2 is None
    assert incoming.password is not None


def test_where_no_password_works_none_is_asked_for(tmp_path: Path) -> None:
    program = BareProgram(tmp_path, same_process=True)

    done = program.run("init", str(tmp_path), "--address", "choir@outlook.com")

    assert b"listbridge oauth login default" in done.stderr


def test_a_domain_that_a_known_provider_hosts_needs_nothing_else(
    init: Init, tmp_path: Path, said: dict[str, Discovery]
) -> None:
    said["example.org"] = Discovery(provider=providers.profile("fastmail"))

    init(*ADDRESS)

    choir = _choir(tmp_path)
    assert choir.incoming is not None
    assert choir.incoming.where == "imap.fastmail.com:993"
    assert choir.outgoing is not None
    assert choir.outgoing.account == "choir@example.org@smtp.fastmail.com:465"


def test_the_domain_s_own_servers_are_taken(
    init: Init, tmp_path: Path, said: dict[str, Discovery]
) -> None:
    said["example.org"] = Discovery(
        Announced("pop3", "in.example.org", 1995, "tls", True),
        Announced("smtp", "out.example.org", 587, "starttls", True),
    )

    init(*ADDRESS)

    choir = _choir(tmp_path)
    assert choir.incoming is not None
    assert choir.incoming.key == "pop3://choir@example.org@in.example.org:1995/INBOX"
    assert choir.outgoing is not None
    assert choir.outgoing.place == "out.example.org:587"


def test_another_protocol_may_be_wanted(
    init: Init, tmp_path: Path, said: dict[str, Discovery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guess, "_answers", lambda server: server.host.startswith("pop."))
    said["example.org"] = Discovery(
        Announced("imap", "in.example.org", 993, "tls", True),
        Announced("smtp", "out.example.org", 465, "tls", True),
    )

    init("a", *ADDRESS, "--protocol", "pop3")
    init("b", "--address", "choir@gmail.com", "--protocol", "pop3")

    hosted, gmail = _choir(tmp_path / "a").incoming, _choir(tmp_path / "b").incoming
    assert hosted is not None
    assert hosted.key == "pop3://choir@example.org@pop.example.org/INBOX"
    assert gmail is not None
    assert gmail.key == "pop3://choir@gmail.com@pop.gmail.com/INBOX"


def test_a_known_provider_s_server_needs_no_confirmation(
    init: Init, tmp_path: Path, said: dict[str, Discovery]
) -> None:
    said["example.org"] = Discovery(Announced("imap", "posteo.de", 993, "tls", False))

    init(*ADDRESS)

    outgoing = _choir(tmp_path).outgoing
    assert outgoing is not None
    assert outgoing.place == "posteo.de:465"


def test_a_stranger_s_server_is_not_taken_unasked(
    init: Init, tmp_path: Path, said: dict[str, Discovery]
) -> None:
    said["example.org"] = Discovery(Announced("imap", "imap.evil.example", 993, "tls", False))

    done = init(*ADDRESS, status=2)

    assert b"imap.evil.example" in done.stderr
    assert b"--incoming-host" in done.stderr
    assert _written(tmp_path) == set()


def test_icloud_is_logged_in_to_in_two_ways(init: Init, tmp_path: Path) -> None:
    init("--address", "choir@icloud.com")

    choir = _choir(tmp_path)
    assert choir.incoming is not None
    assert choir.incoming.username == "choir"
    assert choir.outgoing is not None
    assert choir.outgoing.username == "choir@icloud.com"


def test_a_domain_hosted_by_a_known_provider_needs_only_its_incoming_server(
    init: Init, tmp_path: Path
) -> None:
    init(*ADDRESS, "--incoming-host", "imap.gmail.com")

    outgoing = _choir(tmp_path).outgoing
    assert outgoing is not None
    assert (outgoing.place, outgoing.max_per_day) == ("smtp.gmail.com:465", 2000)


def test_an_address_outweighs_what_its_server_says_of_it(init: Init, tmp_path: Path) -> None:
    init("--address", "choir@gmail.com", "--incoming-host", "imap.gmail.com")

    outgoing = _choir(tmp_path).outgoing
    assert outgoing is not None
    assert outgoing.max_per_day == 500


def test_servers_that_answer_are_taken(
    init: Init, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guess, "_answers", lambda server: server.host.startswith("mail."))

    init(*ADDRESS)

    choir = _choir(tmp_path)
    assert choir.incoming is not None
    assert choir.incoming.host == "mail.example.org"
    assert choir.outgoing is not None
    assert choir.outgoing.place == "mail.example.org:465"


def test_where_no_server_answers_its_option_is_named(
    init: Init, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_server: Server) -> bool:
        return False

    monkeypatch.setattr(guess, "_answers", nobody)

    assert b"--incoming-host is missing" in init(*ADDRESS, status=2).stderr


def test_the_password_is_the_first_line_of_standard_input(init: Init, tmp_path: Path) -> None:
    done = init(*LIST)

    assert (tmp_path / "secrets" / "choir").read_text() == "opensesame\n"
    assert b"opensesame" not in done.stdout + done.stderr


def test_a_password_file_stays_where_it_is(init: Init, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("opensesame\n")

    init("lists", *LIST, "--password-file", "kept")

    incoming = _choir(tmp_path / "lists").incoming
    assert incoming is not None
    assert incoming.password is not None
    assert incoming.password.file == kept
    assert not (tmp_path / "lists" / "secrets").exists()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("ann@example.org\nbjörn@example.org\n".encode("latin-1"), "line 2"),
        (b"# members\nann@example.org\nBob\n", "line 3"),
        (b"address,name\nann@example.org,Ann\nbob,Bob\n", "line 3"),
        (b"address,receives\nann@example.org,none\n", "ann@example.org receives 'none'"),
    ],
)
def test_a_subscriber_file_with_a_bad_line_stops_everything(
    init: Init, tmp_path: Path, content: bytes, named: str
) -> None:
    (tmp_path / "members").write_bytes(content)

    done = init(*LIST, "--subscribers", "members", status=2)

    assert named in done.stderr.decode()
    assert _written(tmp_path) == {"members"}


@pytest.mark.parametrize(
    "content",
    [
        'ann@example.org\n"Bob, Esq." <bob@example.org> # tenor\nAnn@example.org\n',
        'address,name\nann@example.org,\nbob@example.org,"Bob, Esq."\n',
    ],
)
def test_subscribers_are_imported_each_once(init: Init, tmp_path: Path, content: str) -> None:
    (tmp_path / "members").write_text(content)

    init(*LIST, "--subscribers", "members")

    lines = (tmp_path / "choir.subscribers").read_text().splitlines()
    people = [line for line in lines if not line.startswith("#")]
    assert people == ["ann@example.org", "Bob, Esq. <bob@example.org>"]


def test_a_table_as_windows_writes_it_is_read_and_that_is_said(init: Init, tmp_path: Path) -> None:
    table = "E-Mail;Name\r\nbjoern@example.org;Björn\r\nbjoern@example.org;B.\r\n"
    (tmp_path / "members.csv").write_bytes(table.encode("cp1252"))

    said = init(*LIST, "--subscribers", "members.csv").stderr.decode()

    people = (tmp_path / "choir.subscribers").read_text().splitlines()
    assert people[-1] == "Björn <bjoern@example.org>"
    assert "line 2 is not UTF-8, and the file was read as Windows-1252" in said
    assert "1 named once more" in said


def test_subscribers_can_be_named_in_place(init: Init, tmp_path: Path) -> None:
    init(*LIST, "--subscribers", "ann@example.org, Bob <bob@example.org>")

    lines = (tmp_path / "choir.subscribers").read_text().splitlines()
    assert lines[-2:] == ["ann@example.org", "Bob <bob@example.org>"]


def test_a_second_run_refuses_to_overwrite_and_names_the_files(init: Init, tmp_path: Path) -> None:
    init(*LIST)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    done = init(*LIST, status=2)

    for name in ("categories/choir.toml", "choir.subscribers", "secrets/choir"):
        assert name in done.stderr.decode()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_program_is_told_what_was_written(init: Init, tmp_path: Path) -> None:
    done = init(*LIST, "--json")

    names = ("listbridge.toml", "secrets/choir", "choir.subscribers", "categories/choir.toml")
    written = [str(tmp_path / name) for name in names]
    assert json.loads(done.stdout) == {"category": "choir", "written": written}


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        ((), "    listbridge check"),
        (("my lists",), "    cd 'my lists'"),
        (("--config", "x.toml"), "    listbridge --config {}/x.toml check"),
    ],
)
def test_the_next_commands_are_named(
    init: Init, tmp_path: Path, arguments: tuple[str, ...], first: str
) -> None:
    _, _, commands = init(*arguments, *LIST).stderr.decode().partition("Next:\n")

    assert commands.startswith(first.format(tmp_path))


@pytest.mark.parametrize(
    ("called", "on_path", "name"),
    [
        ("/opt/my lists/listbridge", None, "'/opt/my lists/listbridge'"),
        ("/opt/listbridge", "/opt/listbridge", "listbridge"),
        ("/opt/listbridge/__main__.py", None, "listbridge"),
    ],
)
def test_the_next_commands_can_be_typed_as_they_stand(
    monkeypatch: pytest.MonkeyPatch, called: str, on_path: str | None, name: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: on_path)
    monkeypatch.setattr("sys.argv", [called])

    assert callable_name() == name
