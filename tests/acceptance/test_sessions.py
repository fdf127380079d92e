"""Mail sessions in the whole program."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.smtp_server import Script, SmtpServer, in_thread
from tests.letters import letter
from tests.program import Program
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

MEMBERS = 520


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_a_profile_s_limit_is_kept_without_being_configured(
    program: Program, dovecot: Dovecot, fresh_name: Callable[[str], str]
) -> None:
    slug = fresh_name("list")
    dovecot.add_user(slug, "secret")
    dovecot.deliver(slug, letter(1, run=slug))
    script = Script(mechanisms=("PLAIN",), login=("ann@yahoo.com", "secret"))
    with in_thread(SmtpServer(script)) as relay:
        program.write_service(
            '[mail_sessions.a]\nprovider = "yahoo"\nusername = "ann@yahoo.com"\n'
            'password = "secret"\n'
            f'incoming = {{ host = "127.0.0.1", port = {dovecot.imap_port}, security = "none", '
            f'username = "{slug}" }}\n'
            f'outgoing = {{ host = "127.0.0.1", port = {relay.port}, security = "none" }}\n'
        )
        category = (
            'address = "ann@yahoo.com"\nmail_session = "a"\n[posting]\nnon_members = "accept"\n'
            f'[subscribers]\nfile = "{slug}.subscribers"\n'
        )
        readers = [f"reader{number}@example.net" for number in range(MEMBERS)]
        program.write_category(slug, category, readers)

        done = program.poll_once()[slug]
        again = program.poll_once()[slug]

    assert (done["queued"], done["sent"]) == (MEMBERS, 500)
    assert again["sent"] == 0
    assert program.json("status")[0]["backlog"] == MEMBERS - 500
    program.audit()


def test_one_session_serves_many_categories_that_are_only_names(
    program: Program, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]
) -> None:
    slugs = [fresh_name("name") for _ in range(3)]
    relay.add_users(["ann"])
    program.write_service(
        '[mail_sessions.club]\nusername = "{slug}@example.org"\n'
        'incoming = { username = "{slug}", password = "secret", host = "127.0.0.1", '
        f'port = {dovecot.imap_port}, security = "none" }}\n'
        'outgoing = { host = "127.0.0.1", '
        f'port = {relay.port}, security = "none", password = "unused" }}\n'
    )
    for slug in slugs:
        dovecot.add_user(slug, "secret")
        dovecot.deliver(slug, letter(1, run=slug))
        program.write_category(slug, f'address = "{slug}@example.org"\nmail_session = "club"\n')

    done = program.poll_once("--no-send")

    assert {slug: done[slug]["deleted"] for slug in slugs} == dict.fromkeys(slugs, 1)
