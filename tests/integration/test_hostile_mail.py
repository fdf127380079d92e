"""Whatever lies in a mailbox: it is stored as it came, decided, and harms no other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.smtp_server import SmtpServer, in_thread
from tests.flood import OPEN, Flood
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot

MESSAGES = 1000  # by each protocol
ROUNDS = 4


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_hostile_mail_is_stored_and_decided_and_the_good_letters_behind_it_are_posted(
    tmp_path: Path, dovecot: Dovecot, fresh_name: Callable[[str], str], protocol: str
) -> None:
    slug = fresh_name("flood")
    dovecot.add_user(slug, "secret")
    program = Program(tmp_path, same_process=True)
    with in_thread(SmtpServer()) as smtp:
        toml = category_toml(slug, dovecot=dovecot, relay=smtp, protocol=protocol, more=OPEN)
        program.write_category(slug, toml, ["bob@example.org"])
        flood = Flood(program, dovecot, smtp, slug, protocol, seed=f"test {protocol}")

        for _ in range(ROUNDS):
            flood.go_on(MESSAGES // ROUNDS)

    program.audit()
