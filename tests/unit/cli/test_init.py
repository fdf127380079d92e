"""`init` without servers: what its options come to, and what it refuses to begin."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from listbridge import config
from listbridge.category import Category
from listbridge.service.setup import guess
from listbridge.service.setup.servers import Server
from tests.program import BareProgram

ADDRESS = ("--address", "choir@example.org")
HOSTS = ("--incoming-host", "imap.example.org", "--outgoing-host", "smtp.example.org")
LIST = (*ADDRESS, *HOSTS)
STDIN = ("--password-stdin",)
Init = Callable[..., CompletedProcess[bytes]]


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Init:
    """Run `init` in an empty folder, with a password on standard input and without a test."""
    monkeypatch.chdir(tmp_path)
    program = BareProgram(tmp_path, same_process=True)

    def init(
        *arguments: str, stdin: bytes = b"opensesame\nmore\n", status: int = 0
    ) -> CompletedProcess[bytes]:
        password = () if any(x.startswith("--password") for x in arguments) else STDIN
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
        (("--address", "choir@outlook.com"), "OAuth2"),
        ((*ADDRESS, "--incoming-host", "outlook.office365.com"), "OAuth2"),
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
    assert choir.outgoing.max_per_day == 400


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
    assert (outgoing.place, outgoing.max_per_day) == ("smtp.gmail.com:465", 400)


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
        ("ann@example.org\nBjörn <bjoern@example.org>\n".encode("latin-1"), "line 2"),
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
