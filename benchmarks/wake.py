"""Target 14: from a letter in a watched mailbox to its first byte at the SMTP server.

Dovecot tells of a new message half a second after it has come, whoever listens. What a client that
does nothing but IDLE is kept waiting is therefore taken off.
"""

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from imapclient import IMAPClient

from benchmarks.measure import Row, at_most
from tests.fakes.smtp_server import SmtpServer, in_thread
from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers import certificates, dovecot
from tests.servers.dovecot import Dovecot
from tests.servers.process import ServerFailed, wait_until

_LETTERS = 20
_APART_SECONDS = 1.0
_PATIENCE_SECONDS = 30
_lists = itertools.count()


def rows() -> list[Row]:
    """Measure; return the line of the table."""
    what = "mail in an IDLE mailbox to MAIL FROM, the slowest of 20"
    with certificates.issued() as files, dovecot.running(files) as imap:
        return [
            at_most(14, what, lambda: max(_ours(imap)) - statistics.median(_idle(imap)), 300, "ms")
        ]


def _ours(imap: Dovecot) -> list[float]:
    """Deliver letter after letter to a running service; return what each took, in ms."""
    slug = f"choir{next(_lists)}"
    with _service(imap, slug) as smtp:
        _sent_after(imap, slug, smtp, _LETTERS)  # by a poll: connections are still being opened
        return [_sent_after(imap, slug, smtp, number) for number in range(_LETTERS)]


@contextmanager
def _service(imap: Dovecot, slug: str) -> Iterator[SmtpServer]:
    with (
        tempfile.TemporaryDirectory(prefix="listbridge-bench-") as folder,
        in_thread(SmtpServer()) as smtp,
    ):
        imap.add_user(slug, "secret")
        program = Program(Path(folder))
        more = 'poll_every = "1h"\n[posting]\nnon_members = "accept"'
        toml = category_toml(slug, dovecot=imap, relay=smtp, more=more)
        program.write_category(slug, toml, ["bob@example.org"])
        with program.serving() as service:
            yield smtp
            service.stop()


def _sent_after(imap: Dovecot, slug: str, smtp: SmtpServer, number: int) -> float:
    before = len(smtp.commands("MAIL"))
    took = _milliseconds(imap, slug, number, lambda: len(smtp.commands("MAIL")) > before)
    wait_until(lambda: imap.messages(slug) == [], "it is deleted", _PATIENCE_SECONDS)
    time.sleep(_APART_SECONDS)
    return took


def _idle(imap: Dovecot) -> list[float]:
    """Return after how many milliseconds a client in IDLE is told of each letter."""
    user = f"plain{next(_lists)}"
    imap.add_user(user, "secret")
    with IMAPClient(imap.host, imap.imap_port, ssl=False) as client:
        client.login(user, "secret")
        client.select_folder("INBOX", readonly=True)
        client.idle()
        found = []
        for number in range(_LETTERS):
            found.append(_milliseconds(imap, user, number, lambda: client.idle_check(0.001)))
            client.idle_check(_APART_SECONDS)  # EXISTS and RECENT may come one after the other
            client.idle_check(_APART_SECONDS)
        client.idle_done()
    return found


def _milliseconds(imap: Dovecot, user: str, number: int, is_told: Callable[[], object]) -> float:
    """Deliver a letter and wait until somebody has been told of it."""
    imap.deliver(user, letter(number))
    begun = time.perf_counter()
    while not is_told():
        if time.perf_counter() - begun > _PATIENCE_SECONDS:
            raise ServerFailed(f"nobody was told of a letter to {user}")
        time.sleep(0.001)
    return (time.perf_counter() - begun) * 1000
