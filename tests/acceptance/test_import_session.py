"""`import-session`: what other systems' files hold becomes a configuration that works."""

import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from listbridge import tls
from tests.letters import letter
from tests.program import Program
from tests.servers import dovecot as dovecot_server
from tests.servers import postfix as postfix_server
from tests.servers import process
from tests.servers.certificates import Certificates
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

SAMPLES = Path(__file__).parents[2] / "fixtures" / "sessions"
PASSWORD = "open sesame"
XOR = "{xor}MC86MX8sOiw+Mjo="  # the same, as WebSphere hides it


@dataclass(frozen=True)
class Provider:
    """A mailbox with its servers, one login for both; the relay wants it."""

    dovecot: Dovecot
    relay: Relay

    def put_into(self, sample: str, user: str) -> str:
        """Replace the servers, ports and login of a sample by ours, and nothing else."""
        ports = {
            143: self.dovecot.imap_port,
            993: self.dovecot.imaps_port,
            110: self.dovecot.pop3_port,
            995: self.dovecot.pop3s_port,
            25: self.relay.port,
            587: self.relay.port,
            465: self.relay.tls_port,
        }
        text = re.sub(r"(imap|pop|smtp|replaced)\.example\.org", "localhost", sample)
        text = re.sub(r"forum@(\\\n\s*)?example\.org", user, text)
        text = re.sub(r"\{xor\}[\w+/=]+", XOR, text)
        text = re.sub(r"\bs(e|\\u00e4)sam(e|\\=1)\b", PASSWORD, text)
        return re.sub(r"\b(143|993|110|995|25|587|465)\b", lambda x: str(ports[int(x[1])]), text)


@pytest.fixture(scope="module")
def provider(certificates: Certificates) -> Iterator[Provider]:
    """One provider for all samples."""
    process.require(dovecot_server.missing())
    process.require(postfix_server.missing())
    auth = "service auth {\n unix_listener sasl {\n mode = 0666\n }\n}"
    with dovecot_server.running(certificates, auth) as dovecot:
        wants_login = (
            "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\n"
            f"smtpd_sasl_path = {dovecot.folder}/run/sasl\n"
        )
        with postfix_server.running(certificates, wants_login) as relay:
            relay.add_users(["ann"])
            yield Provider(dovecot, relay)


@pytest.fixture
def program(tmp_path: Path, provider: Provider) -> Iterator[Program]:
    """The program; it trusts our authority, as it would trust one of the world's."""
    # A process keeps the trust roots it has once loaded.
    tls._context.cache_clear()
    trust = {"SSL_CERT_FILE": str(provider.dovecot.ca_file)}
    program = Program(tmp_path / "lists", trust, same_process=True)
    (program.folder / "listbridge.toml").unlink()
    yield program
    tls._context.cache_clear()


SESSIONS = [
    ("liferay/imap.properties", "liferay", True),
    ("liferay/form.properties", "liferay", True),
    ("tomcat/ROOT.xml", "mailsession", True),
    ("tomcat/server.xml", "forum", True),
    ("weblogic/config.xml", "forum", True),
    ("weblogic/blueprint.properties", "blueprint", False),
    ("websphere/resources.xml", "forum", True),
]


def _imported(program: Program, file: Path, _session: str) -> None:
    program.run("import-session", str(file), "--write", str(program.folder), status=None)


def _as_it_is(program: Program, file: Path, session: str) -> None:
    where = f'properties_file = "{file}"\n'
    # A file with several is asked for one of them by name.
    names = {"server.xml": "mail/Forum", "config.xml": "mail/ForumSession"}
    names["resources.xml"] = "mail/ForumSession"
    name = f'jndi_name = "{names[file.name]}"\n' if file.name in names else ""
    program.write_service(f"[mail_sessions.{session}-of-theirs]\n{where}{name}")


@pytest.mark.parametrize("taken_over", [_imported, _as_it_is])
@pytest.mark.parametrize(("sample", "session", "logs_in"), SESSIONS)
def test_a_session_with_our_servers_in_it_is_polled_and_sends(
    program: Program,
    provider: Provider,
    tmp_path: Path,
    fresh_name: Callable[[str], str],
    sample: str,
    session: str,
    logs_in: bool,
    taken_over: Callable[[Program, Path, str], None],
) -> None:
    user = f"{fresh_name('forum')}@example.org"
    provider.dovecot.add_user(user, PASSWORD)
    for name in (sample, "liferay/site.properties"):
        (tmp_path / Path(name).name).write_text(
            provider.put_into((SAMPLES / name).read_text("utf-8"), user), "utf-8"
        )

    taken_over(program, tmp_path / Path(sample).name, session)
    slug = user.partition("@")[0]
    named = session if taken_over is _imported else f"{session}-of-theirs"
    text = f'address = "{user}"\nmail_session = "{named}"\n'
    text += f'[posting]\nnon_members = "accept"\n[subscribers]\nfile = "{slug}.subscribers"\n'
    program.write_category(slug, text, ["ann@example.org"])
    provider.dovecot.deliver(user, letter(1, run=slug))
    before = len(provider.relay.copies("ann"))
    done = program.poll_once()[slug]

    assert (done["error"], done["posts"], done["deleted"], done["sent"]) == (None, 1, 1, 1)
    provider.relay.wait_until_idle()
    assert len(provider.relay.copies("ann")) == before + 1
    assert (f"sasl_username={user}" in provider.relay.log.read_text()) is logs_in
    program.audit()


def test_exported_lists_become_categories_that_are_polled(
    program: Program, provider: Provider, tmp_path: Path
) -> None:
    # Without the last row, which is all mistakes.
    sample = (SAMPLES / "liferay/lists.csv").read_text("utf-8").splitlines()[:-1]
    text = provider.put_into("\n".join(sample), "forum@example.org")
    (tmp_path / "lists.csv").write_text(text)
    provider.dovecot.add_user("general@example.org", PASSWORD)
    provider.dovecot.deliver("general@example.org", letter(1, run="lists"))

    file = str(tmp_path / "lists.csv")
    program.run("import-session", file, "--write", str(program.folder))
    done = program.poll_once()

    assert set(done) == {"general"}  # the other list was not active
    assert (done["general"]["error"], done["general"]["held"]) == (None, 1)


def test_secrets_go_to_files_of_their_owner_alone_and_nowhere_else(
    program: Program, tmp_path: Path
) -> None:
    file = str(SAMPLES / "tomcat/ROOT.xml")
    printed = program.run("import-session", file)
    written = program.run("import-session", file, "--write", str(program.folder))

    for done in (printed, written):
        assert b"sesame" not in done.stdout + done.stderr
    kept = program.folder / "secrets" / "mailsession-incoming"
    assert kept.read_text() == "sesame\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    service = (program.folder / "listbridge.toml").read_text()
    assert printed.stdout.decode().strip() in service
    assert written.stdout == b""
    assert "sesame" not in service


def test_a_service_file_that_is_there_is_left_alone(program: Program) -> None:
    program.write_service('database = "sqlite:///mine.db"\n')
    file = str(SAMPLES / "weblogic/blueprint.properties")

    done = program.run("import-session", file, "--write", str(program.folder))

    assert (program.folder / "listbridge.toml").read_text() == 'database = "sqlite:///mine.db"\n'
    assert b"[mail_sessions.blueprint.incoming]" in done.stdout
    assert (program.folder / "secrets" / "blueprint-incoming").exists()


def test_nothing_is_overwritten_and_it_is_all_or_nothing(program: Program) -> None:
    (program.folder / "secrets").mkdir()
    kept = program.folder / "secrets" / "mailsession-outgoing"
    kept.write_text("older\n")
    file = str(SAMPLES / "tomcat/ROOT.xml")

    done = program.run("import-session", file, "--write", str(program.folder), status=2)

    assert b"mailsession-outgoing cannot be written: File exists" in done.stderr
    assert kept.read_text() == "older\n"
    assert [path.name for path in kept.parent.iterdir()] == ["mailsession-outgoing"]
    assert not (program.folder / "listbridge.toml").exists()


def test_mistakes_are_told_with_their_cure_and_lead_to_status_1(program: Program) -> None:
    done = program.run("import-session", str(SAMPLES / "liferay/gmail.properties"), status=1)

    said = done.stderr.decode()
    assert "problem: " in said
    assert "mail.pop3.port: 465 is a port of SMTP" in said
    assert "mail.smtp.password: is masked" in said
    assert "write the password of liferay into secrets/liferay-incoming" in said
    assert b"[mail_sessions.liferay.incoming]" in done.stdout


def test_json_tells_each_session_with_its_remarks(program: Program) -> None:
    lines = program.json("import-session", str(SAMPLES / "weblogic/config.xml"), status=1)

    assert [(one["kind"], one["name"]) for one in lines] == [
        ("session", "forum"),
        ("session", "sealed"),
        ("session", "alerts"),
    ]
    assert lines[0].keys() == {"kind", "name", "toml", "problems", "warnings", "ignored"}
    assert "session-password-encrypted" in lines[1]["problems"][0]


def test_a_name_for_several_sessions_is_wrong_usage(program: Program) -> None:
    file = str(SAMPLES / "tomcat/server.xml")

    done = program.run("import-session", file, "--name", "one", status=2)

    assert b"--name is for one session" in done.stderr


def test_a_file_with_no_session_in_it_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "web.xml").write_text("<web-app/>")

    done = program.run("import-session", str(tmp_path / "web.xml"), status=1)

    assert b"web.xml holds no mail session; expected Liferay's" in done.stderr
