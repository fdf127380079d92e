"""100,000 hostile messages through a real mailbox, over IMAP and POP3 in turn.

LISTBRIDGE_SOAK_MESSAGES makes it shorter or longer, LISTBRIDGE_SOAK_SEED chooses other messages.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.smtp_server import SmtpServer, in_thread
from tests.flood import OPEN, Flood
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot

MESSAGES = int(os.environ.get("LISTBRIDGE_SOAK_MESSAGES", "100000"))
SEED = os.environ.get("LISTBRIDGE_SOAK_SEED", "hostile")
ROUND = 500
# The audit reads every message again, so that each database holds but so many.
AUDITED_AT_ONCE = 10_000


@pytest.mark.soak
@pytest.mark.timeout(600 + MESSAGES // 5)
def test_hostile_mail_is_stored_and_decided_and_the_good_letters_behind_it_are_posted(
    tmp_path: Path, dovecot: Dovecot, fresh_name: Callable[[str], str]
) -> None:
    begun = time.monotonic()
    for number, start in enumerate(range(0, MESSAGES, AUDITED_AT_ONCE)):
        protocol = ("imap", "pop3")[number % 2]
        slug = fresh_name("flood")
        dovecot.add_user(slug, "secret")
        program = Program(tmp_path / str(number), same_process=True)
        with in_thread(SmtpServer()) as smtp:
            toml = category_toml(slug, dovecot=dovecot, relay=smtp, protocol=protocol, more=OPEN)
            program.write_category(slug, toml, ["bob@example.org"])
            flood = Flood(program, dovecot, smtp, slug, protocol, f"{SEED} {number}")
            for fed in range(start, min(MESSAGES, start + AUDITED_AT_ONCE), ROUND):
                flood.go_on(min(ROUND, MESSAGES - fed))
        program.audit()
        print(f"seed {flood.seed!r}, {protocol}: {dict(flood.ends)}")
    print(f"{MESSAGES} messages in {time.monotonic() - begun:.0f} s")
