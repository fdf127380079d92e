"""`check` against real mail servers: it names the cause of each broken set-up, and its cure."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from listbridge import nameservers
from listbridge.message import signing_key
from listbridge.service.checking.signatures import quoted
from tests.fakes.dns_server import DnsServer
from tests.fakes.smtp_server import SmtpServer, in_thread, refuses, refuses_login
from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers import certificates as tls
from tests.servers import dovecot as dovecot_server
from tests.servers import postfix as postfix_server
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay
from tests.signatures import judged, records, rsa_pem

Wrong = dict[str, dict[str, Any]]
OTHER_NAME = "mail.example.net"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, same_process=True)


@pytest.fixture
def slug(dovecot: Dovecot, fresh_name: Callable[[str], str]) -> str:
    """The name of a new category and of its mailbox."""
    name = fresh_name("check")
    dovecot.add_user(name, "secret")
    return name


@pytest.fixture
def toml(dovecot: Dovecot, relay: Relay, slug: str) -> str:
    """A category that is right in every way, over TLS."""
    return _over_tls(slug, dovecot, relay)


def _over_tls(slug: str, dovecot: Dovecot, relay: Relay) -> str:
    written = category_toml(
        slug,
        dovecot=dovecot,
        relay=relay,
        incoming=f'security = "tls"\nca_file = "{dovecot.ca_file}"',
        outgoing=f'security = "tls"\nca_file = "{relay.ca_file}"',
    )
    ports = {dovecot.imap_port: dovecot.imaps_port, relay.port: relay.tls_port}
    for plain, encrypted in ports.items():
        written = written.replace(f"port = {plain}\n", f"port = {encrypted}\n")
    return written


def wrong(program: Program, *arguments: str) -> Wrong:
    """Run `check`; return what is not ok, by what it is about."""
    found = program.json("check", *arguments, status=None)
    assert all((one["cure"] is None) == one["ok"] for one in found)
    assert all(list(one) == ["category", "what", "ok", "seen", "cure"] for one in found)
    return {one["what"]: one for one in found if not one["ok"]}


def store(program: Program) -> list[str]:
    """Everything the database holds."""
    with closing(sqlite3.connect(program.database)) as database:
        return list(database.iterdump())


@pytest.fixture
def secrets_stay_secret(program: Program) -> Iterator[None]:
    yield
    assert not [one for one in program.outputs if b"wrong-one" in one or b'"secret"' in one]


def test_a_good_set_up_is_all_ok_and_nothing_changes(
    program: Program, dovecot: Dovecot, slug: str, toml: str
) -> None:
    program.write_category(slug, toml, ["ann@example.net"])
    program.run("subscribers", "list", slug)  # makes the database
    dovecot.deliver(slug, letter(1, run=slug))
    before = store(program)

    found = program.json("check", status=0)

    assert [one["what"] for one in found] == [
        *("database", "disk", "alerts", "subscribers", "incoming password", "incoming name"),
        *("incoming connection", "incoming TLS", "incoming greeting", "incoming login"),
        *("incoming folder", "incoming waiting", "incoming deletion", "incoming IDLE"),
        *("incoming right to delete", "outgoing password", "outgoing name"),
        *("outgoing connection", "outgoing TLS", "outgoing greeting", "outgoing login"),
        *("outgoing SIZE", "outgoing extensions", "outgoing envelope"),
    ]
    assert {one["category"] for one in found} == {None, slug}
    said = {one["what"]: one["seen"] for one in found}
    assert "TLSv1.3" in said["incoming TLS"]
    assert "days left" in said["outgoing TLS"]
    assert "1 message" in said["incoming waiting"]
    assert said["subscribers"] == "1 active"
    assert len(dovecot.messages(slug)) == 1
    assert store(program) == before


def test_the_way_of_the_alerts_is_looked_at_too(program: Program, relay: Relay) -> None:
    program.write_service(
        '[alerts]\nto = ["postmaster@example.org", "nobody@example.org"]\n'
        f'[mail_sessions.ops.outgoing]\nhost = "127.0.0.1"\nport = {relay.port}\n'
        'security = "none"\n'
    )
    relay.add_users(["postmaster"])

    found = program.json("check", status=1)

    [refused] = [one for one in found if not one["ok"]]
    assert (refused["category"], refused["what"]) == (None, "alerts envelope")
    assert "nobody@example.org" in refused["seen"]
    assert "check the address" in refused["cure"]
    assert [one["ok"] for one in found if one["what"] == "alerts login"] == [True]


def test_before_the_first_start_no_database_is_made(program: Program, slug: str, toml: str) -> None:
    program.write_category(slug, toml, ["ann@example.net"])

    found = program.json("check", status=0)

    assert not program.database.exists()
    assert "first start" in found[0]["seen"]


def test_a_mailbox_over_pop_is_looked_at_too(
    program: Program, dovecot: Dovecot, relay: Relay, slug: str
) -> None:
    over_pop = category_toml(slug, dovecot=dovecot, relay=relay, protocol="pop3")
    program.write_category(slug, over_pop, ["ann@example.net"])
    dovecot.deliver(slug, letter(1, run=slug))

    found = program.json("check", slug, status=0)

    assert "1 message" in next(x["seen"] for x in found if x["what"] == "incoming waiting")
    assert len(dovecot.messages(slug)) == 1


@pytest.mark.usefixtures("secrets_stay_secret")
@pytest.mark.parametrize(
    ("change", "what", "seen", "cure"),
    [
        (
            ('host = "127.0.0.1"', 'host = "no-such-host.invalid"'),
            "incoming name",
            "not known by that name",
            "check host",
        ),
        (("port = {imaps}", "port = 1"), "incoming connection", "refuses", "port"),
        (("port = {imaps}", "port = {imap}"), "incoming TLS", "does not speak TLS", "security"),
        (('ca_file = "{ca}"', ""), "incoming TLS", "not trusted", "ca_file"),
        (
            ('ca_file = "{ca}"', 'ca_file = "gone.pem"'),
            "incoming TLS",
            "gone.pem cannot be read",
            "PEM",
        ),
        (
            ('password = "secret"', 'password = "wrong-one"'),
            "incoming login",
            "refuses the login",
            "password",
        ),
        (
            ('password = "secret"', 'password = "secret"\nfolder = "Nowhere"'),
            "incoming folder",
            "'Nowhere'",
            "folder",
        ),
        (
            ('password = "secret"', 'password = { file = "gone" }'),
            "incoming password",
            "gone cannot be read",
            "password",
        ),
        (
            ('password = "secret"', 'password = { env = "NOT_SET_ANYWHERE" }'),
            "incoming password",
            "NOT_SET_ANYWHERE is not set",
            "password",
        ),
        (("port = {smtps}", "port = 1"), "outgoing connection", "refuses", "port"),
        (("port = {smtps}", "port = {smtp}"), "outgoing TLS", "TLS", "security"),
        (
            ("port = {smtps}", 'port = {smtps}\nusername = "me"\npassword = "wrong-one"'),
            "outgoing login",
            "no login",
            "check port",
        ),
        (
            ("port = {smtps}", 'port = {smtps}\nusername = "me"'),
            "outgoing password",
            "no password for me",
            "outgoing.password",
        ),
        (('file = "{slug}.subscribers"', 'file = "gone"'), "subscribers", "gone", "one address"),
    ],
)
def test_the_cause_is_named_with_its_cure(
    program: Program,
    dovecot: Dovecot,
    relay: Relay,
    slug: str,
    toml: str,
    change: tuple[str, str],
    what: str,
    seen: str,
    cure: str,
) -> None:
    known = {
        "slug": slug,
        "ca": str(dovecot.ca_file),
        "imap": str(dovecot.imap_port),
        "imaps": str(dovecot.imaps_port),
        "smtp": str(relay.port),
        "smtps": str(relay.tls_port),
    }
    old, new = change
    for name, value in known.items():
        old, new = old.replace(f"{{{name}}}", value), new.replace(f"{{{name}}}", value)
    assert old in toml
    program.write_category(slug, toml.replace(old, new, 1), ["ann@example.net"])

    found = wrong(program)

    assert list(found) == [what]
    assert seen in found[what]["seen"]
    assert cure in found[what]["cure"]
    assert found[what]["category"] == slug
    assert program.run("check", status=1).stderr == b""


@pytest.mark.parametrize(
    ("name", "days", "said", "cure"),
    [
        (OTHER_NAME, 90, "a certificate for another name", f"was issued for: {OTHER_NAME}"),
        ("127.0.0.1", -1, "a certificate that has expired", "renewed on the server"),
    ],
)
def test_a_certificate_for_another_name_or_an_old_one_is_named(
    program: Program,
    dovecot: Dovecot,
    relay: Relay,
    slug: str,
    name: str,
    days: int,
    said: str,
    cure: str,
) -> None:
    until = datetime.now(UTC) + timedelta(days=days)
    with (
        tls.issued(name, not_after=until) as certificates,
        dovecot_server.running(certificates) as imap,
        postfix_server.running(certificates) as smtp,
    ):
        toml = _over_tls(slug, imap, smtp)
        toml = toml.replace(str(imap.ca_file), str(certificates.authority))
        program.write_category(slug, toml, ["ann@example.net"])

        found = wrong(program)

    assert list(found) == ["incoming TLS", "outgoing TLS"]
    for one in found.values():
        assert said in one["seen"]
        assert cure in one["cure"]


def test_a_certificate_for_another_name_behind_starttls_is_named(
    program: Program,
) -> None:
    with (
        tls.issued(OTHER_NAME) as certificates,
        dovecot_server.running(certificates) as mailbox,
        postfix_server.running(certificates) as relay,
    ):
        starttls = f'security = "starttls"\nca_file = "{certificates.authority}"'
        for protocol in ("imap", "pop3"):
            toml = category_toml(
                protocol,
                protocol=protocol,
                dovecot=mailbox,
                relay=relay,
                incoming=starttls,
                outgoing=starttls,
            )
            program.write_category(protocol, toml, ["ann@example.net"])

        found = program.json("check", status=1)

    cures = [one["cure"] for one in found if not one["ok"]]
    assert cures == [f"set host to the name it was issued for: {OTHER_NAME}"] * 4


def test_a_folder_without_the_right_to_delete_is_named(
    program: Program, dovecot: Dovecot, slug: str, toml: str
) -> None:
    program.write_category(slug, toml, ["ann@example.net"])
    dovecot.deliver(slug, letter(1, run=slug))
    maildir = dovecot.folder / "mail" / slug
    for path in (maildir, maildir / "new", maildir / "cur", maildir / "tmp"):
        path.chmod(0o500)

    found = wrong(program)

    if list(found) == ["incoming folder"]:  # Dovecot 2.4 does not even open it
        assert "does not open the folder" in found["incoming folder"]["seen"]
        return
    assert list(found) == ["incoming right to delete"]
    assert "only for reading" in found["incoming right to delete"]["seen"]
    assert "right to delete" in found["incoming right to delete"]["cure"]


def test_a_mailbox_server_without_uidplus_and_starttls_is_named(
    program: Program,
    dovecot_with: Callable[[str], Dovecot],
    relay: Relay,
    fresh_name: Callable[[str], str],
) -> None:
    server = dovecot_with("imap_capability = IMAP4rev1 IDLE\nssl = no")
    plain, starttls = fresh_name("plain"), fresh_name("starttls")
    for slug, security in ((plain, "none"), (starttls, "starttls")):
        server.add_user(slug, "secret")
        toml = category_toml(slug, dovecot=server, relay=relay, incoming=f'security = "{security}"')
        program.write_category(slug, toml, ["ann@example.net"])

    deletion = wrong(program, plain)
    no_tls = wrong(program, starttls)

    assert list(deletion) == ["incoming deletion"]
    assert "no UIDPLUS and no MOVE" in deletion["incoming deletion"]["seen"]
    assert "pop3" in deletion["incoming deletion"]["cure"]
    assert list(no_tls) == ["incoming TLS"]
    assert "does not offer it" in no_tls["incoming TLS"]["seen"]
    assert 'set security to "tls"' in no_tls["incoming TLS"]["cure"]


def test_a_relay_without_starttls_or_with_too_small_a_size_is_named(
    program: Program, relay_with: Callable[[str], Relay], fresh_name: Callable[[str], str]
) -> None:
    server = relay_with("smtpd_tls_security_level = none\nmessage_size_limit = 100000")
    plain, starttls = fresh_name("plain"), fresh_name("starttls")
    for slug, security in ((plain, "none"), (starttls, "starttls")):
        toml = category_toml(slug, relay=server, outgoing=f'security = "{security}"')
        program.write_category(slug, toml, ["ann@example.net"])

    size = wrong(program, plain)
    no_tls = wrong(program, starttls)

    assert list(size) == ["outgoing SIZE"]
    assert "100000 bytes" in size["outgoing SIZE"]["seen"]
    assert "max_size" in size["outgoing SIZE"]["cure"]
    assert list(no_tls) == ["outgoing TLS"]
    assert "does not offer STARTTLS" in no_tls["outgoing TLS"]["seen"]


def test_a_relay_that_takes_no_mail_in_the_name_of_the_list_is_named(
    program: Program, relay_with: Callable[[str], Relay], fresh_name: Callable[[str], str]
) -> None:
    server = relay_with(
        "smtpd_sender_restrictions = check_sender_access"
        " inline:{ {owned@example.org=REJECT not owned by user somebody} }\n"
        "smtpd_relay_restrictions = reject_unauth_destination"
    )
    for slug in ("owned", "free"):
        toml = category_toml(slug, relay=server, outgoing='security = "none"')
        program.write_category(slug, toml, ["ann@example.org", "bob@elsewhere.example"])

    owned = wrong(program, "owned")["outgoing envelope"]
    free = wrong(program, "free")["outgoing envelope"]

    assert "refuses mail from owned@example.org to bob@elsewhere.example" in owned["seen"]
    assert "account that may write in the name of" in owned["cure"]
    assert "Relay access denied" in free["seen"]
    assert "set username and password" in free["cure"]
    assert server.copies("ann") == []


@pytest.mark.usefixtures("secrets_stay_secret")
def test_an_smtp_login_that_is_refused_is_tried_once_for_all_who_share_it(
    program: Program,
) -> None:
    with in_thread(SmtpServer(refuses_login())) as server:
        sending = f"""
            [outgoing]
            host = "127.0.0.1"
            port = {server.port}
            security = "none"
            username = "user"
            password = "wrong-one"
        """
        for slug in ("first", "second"):
            program.write_category(slug, f'address = "{slug}@example.org"\n{sending}')

        found = program.json("check", status=1)
        logins = [line for line in server.lines if line.upper().startswith("AUTH")]

    refused = [one for one in found if one["what"] == "outgoing login"]
    assert [one["category"] for one in refused] == ["first", "second"]
    assert all("refuses the login of user" in one["seen"] for one in refused)
    assert all("password" in one["cure"] for one in refused)
    assert len(logins) == 1


def test_old_mail_without_since_is_named_and_with_since_left_alone(
    program: Program, dovecot: Dovecot, slug: str, toml: str
) -> None:
    for number in range(3):
        dovecot.deliver(slug, letter(number, run=slug), datetime(2020, 5, 17, tzinfo=UTC))
    dovecot.deliver(slug, letter(9, run=slug))
    program.write_category(slug, toml, ["ann@example.net"])
    found = wrong(program)
    program.write_category(
        slug,
        toml.replace('password = "secret"', 'password = "secret"\nsince = 2026-01-01'),
        ["a@b.c"],
    )
    after = program.json("check", status=0)

    assert list(found) == ["incoming waiting"]
    assert "4 messages" in found["incoming waiting"]["seen"]
    assert "2020-05-17" in found["incoming waiting"]["seen"]
    assert "set since = " in found["incoming waiting"]["cure"]
    [waiting] = [one["seen"] for one in after if one["what"] == "incoming waiting"]
    assert waiting.startswith("1 message,")
    assert "3 messages from before 2026-01-01 left alone" in waiting


def test_a_wrong_key_is_named_with_file_and_line_and_the_others_are_looked_at(
    program: Program, slug: str, toml: str
) -> None:
    program.write_category(slug, toml, ["ann@example.net"])
    program.write_category("broken", 'address = "b@example.org"\n[incoming]\nhots = "imap"\n')

    found = program.json("check", status=1)
    named = program.run("check", "broken", "--json", status=2)

    bad = [one for one in found if not one["ok"]]
    assert {one["category"] for one in bad} == {"broken"}
    assert any("hots" in one["seen"] and "host" in one["seen"] for one in bad)
    assert any("line 3 of" in one["cure"] and "broken.toml" in one["cure"] for one in bad)
    assert "incoming login" in {one["what"] for one in found if one["category"] == slug}
    assert b"hots" in named.stdout


def test_two_categories_that_share_a_mailbox_and_differ_are_named_at_both(
    program: Program, dovecot: Dovecot, slug: str
) -> None:
    for name, day in (("first", 1), ("second", 2)):
        since = f"since = 2026-11-0{day}"
        toml = category_toml(name, dovecot=dovecot, username=slug, incoming=since)
        program.write_category(name, toml)

    found = [one for one in program.json("check", status=1) if not one["ok"]]

    assert [one["category"] for one in found] == ["first", "second"]
    assert all("'first' and 'second' share the mailbox" in one["seen"] for one in found)
    assert all("incoming.since" in one["cure"] for one in found)


def test_an_empty_and_a_shrunken_subscriber_file_are_named(
    program: Program, slug: str, toml: str
) -> None:
    program.write_category(slug, toml, [])
    empty = wrong(program, "--offline")
    program.write_category(slug, toml, [f"reader{number}@example.net" for number in range(10)])
    program.run("poll-once", "--no-send")
    program.write_category(slug, toml, ["reader1@example.net"])
    shrunken = wrong(program, "--offline")

    assert "names nobody" in empty["subscribers"]["seen"]
    assert "less than half" in shrunken["subscribers"]["seen"]
    assert "subscribers remove" in shrunken["subscribers"]["cure"]


def test_offline_no_server_is_asked(program: Program, slug: str) -> None:
    unreachable = """
        [incoming]
        host = "no-such-host.invalid"
        password = "secret"
        [outgoing]
        host = "no-such-host.invalid"
    """
    program.write_category(slug, f'address = "{slug}@example.org"\n{unreachable}')

    found = program.json("check", "--offline", status=0)

    assert [one["what"] for one in found] == [
        *("database", "disk", "alerts", "incoming password", "outgoing password"),
    ]


def test_a_category_that_is_unknown_is_wrong_usage(program: Program) -> None:
    done = program.run("check", "nobody", status=2)

    assert b"there is no category 'nobody'" in done.stderr
    assert done.stdout == b""


def test_people_read_it_line_by_line_with_the_cure_below(
    program: Program, dovecot: Dovecot, slug: str
) -> None:
    toml = category_toml(slug, dovecot=dovecot).replace('"secret"', '"wrong-one"')
    program.write_category(slug, toml, ["ann@example.net"])

    lines = program.run("check", status=1).stdout.decode().splitlines()

    assert slug in lines
    login = next(i for i, line in enumerate(lines) if "incoming login" in line)
    assert lines[login].startswith("  not ok  ")
    assert "check username and password" in lines[login + 1]
    assert any(line.startswith("  ok      incoming name: ") for line in lines)


@contextmanager
def delivered(
    server: SmtpServer, dovecot: Dovecot, user: str, judgement: bytes = b""
) -> Iterator[None]:
    """Put whatever the relay takes into this user's mailbox, until the block ends.

    `judgement` are fields that the mailbox's server puts on top.
    """
    over = Event()

    def carry() -> None:
        carried = 0
        while not over.wait(0.01):
            for message in server.messages[carried:]:
                dovecot.deliver(user, judgement + b"Received: by the relay\r\n" + message.body)
                carried += 1

    postman = Thread(target=carry)
    postman.start()
    try:
        yield
    finally:
        over.set()
        postman.join()


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_probe_goes_there_and_back_and_leaves_nothing(
    program: Program, dovecot: Dovecot, slug: str, protocol: str
) -> None:
    dovecot.deliver(slug, letter(1, run=slug))
    with in_thread(SmtpServer()) as server, delivered(server, dovecot, slug):
        sending = f'[outgoing]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        toml = category_toml(slug, dovecot=dovecot, protocol=protocol, incoming='timeout = "5s"')
        program.write_category(slug, toml + sending, ["ann@example.net"])
        program.run("subscribers", "list", slug)  # makes the database

        found = program.json("check", "--probe", status=0)

    seen = {one["what"]: one["seen"] for one in found}
    assert "back after" in seen["probe"]
    assert "cannot be judged here" in seen["probe authentication"]
    assert f"{slug}+probe@example.org arrives" in seen["probe sub-addressing"]
    assert len(server.messages) == 2
    assert dovecot.messages(slug) == [letter(1, run=slug)]
    program.audit()


def test_what_the_mailbox_says_about_the_probe_is_judged(
    program: Program, dovecot: Dovecot, slug: str
) -> None:
    judgement = (
        b"Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=example.org;\r\n"
        b" dkim=pass header.d=relay.example.net; dmarc=fail header.from=example.org\r\n"
        b"DKIM-Signature: v=1; d=relay.example.net; h=from:subject; b=x\r\n"
    )
    with in_thread(SmtpServer()) as server, delivered(server, dovecot, slug, judgement):
        sending = f'[outgoing]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        program.write_category(
            slug, category_toml(slug, dovecot=dovecot) + sending, ["a@b.example"]
        )

        found = {one["what"]: one for one in program.json("check", "--probe", status=1)}

    said = {what: one["ok"] for what, one in found.items() if what.startswith("probe ")}
    assert said == {
        "probe SPF": True,
        "probe DKIM": False,
        "probe DMARC": False,
        "probe List-Unsubscribe": False,
        "probe sub-addressing": True,
    }
    assert "relay.example.net, which does not vouch for example.org" in found["probe DKIM"]["seen"]


def test_a_published_key_is_well_and_the_probe_is_signed_with_it(
    program: Program, dovecot: Dovecot, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file = program.folder / "dkim.pem"
    key_file.write_text(rsa_pem())
    key_file.chmod(0o600)
    published = {("s1._domainkey.example.org", "TXT"): [quoted(signing_key(rsa_pem()).record)]}
    with (
        DnsServer(published) as dns,
        in_thread(SmtpServer()) as server,
        delivered(server, dovecot, slug),
    ):
        monkeypatch.setattr(nameservers, "system_resolver", lambda: dns.resolver)
        sending = f'[outgoing]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        sending += 'dkim = { keys = { s1 = { file = "dkim.pem" } } }\n'
        toml = category_toml(slug, dovecot=dovecot)
        program.write_category(slug, toml + sending, ["a@b.example"])

        found = {one["what"]: one["seen"] for one in program.json("check", "--probe", status=0)}

    assert found["outgoing dkim s1"].endswith("s1._domainkey.example.org has its public key")
    known = records("example.org", s1=rsa_pem())
    assert [judged(one.body, known) for one in server.messages] == [[True], [True]]


def test_a_refused_sub_address_is_no_mistake(program: Program, dovecot: Dovecot, slug: str) -> None:
    script = refuses({f"{slug}+probe@example.org": "550 5.1.1 no such user"})
    with in_thread(SmtpServer(script)) as server, delivered(server, dovecot, slug):
        sending = f'[outgoing]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        program.write_category(
            slug, category_toml(slug, dovecot=dovecot) + sending, ["a@b.example"]
        )

        found = {one["what"]: one for one in program.json("check", "--probe", status=0)}

    assert "is refused" in found["probe sub-addressing"]["seen"]


def test_where_deleting_only_archives_the_probe_goes_to_the_trash(
    program: Program,
    dovecot_with: Callable[[str], Dovecot],
    fresh_name: Callable[[str], str],
) -> None:
    dovecot = dovecot_with(
        "namespace inbox {\n mailbox Bin {\n special_use = \\Trash\n auto = create\n }\n}"
    )
    slug = fresh_name("list")
    dovecot.add_user(slug, "secret")
    with in_thread(SmtpServer()) as server, delivered(server, dovecot, slug):
        sending = f'[outgoing]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        incoming = 'timeout = "5s"\nafter_fetch = "trash"'
        toml = category_toml(slug, dovecot=dovecot, incoming=incoming) + sending
        program.write_category(slug, toml, ["ann@example.net"])

        program.json("check", "--probe", status=0)

    assert dovecot.messages(slug) == []
    assert len(dovecot.messages(slug, "Bin")) == 2


def test_a_probe_that_does_not_come_back_is_named(
    program: Program, dovecot: Dovecot, relay: Relay, slug: str
) -> None:
    relay.add_users([slug])  # Its mailbox is not the one that is read.
    toml = category_toml(slug, dovecot=dovecot, relay=relay, incoming='timeout = "1s"')
    program.write_category(slug, toml, ["ann@example.net"])

    found = wrong(program, "--probe")

    assert list(found) == ["probe"]
    assert "did not come into the mailbox" in found["probe"]["seen"]
    assert f"{slug}@example.org" in found["probe"]["cure"]
