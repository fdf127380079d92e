"""Targets 8 and 9: emptying a mailbox on a real Dovecot, and all that becomes of the mail."""

import imaplib
import itertools
import tempfile
from pathlib import Path

from benchmarks.measure import Row, against_peer, at_least, seconds
from listbridge.category import Category
from listbridge.intake.tally import Tally
from listbridge.mailbox import IncomingSettings
from listbridge.mailbox.connect import open_mailbox
from listbridge.service.intake_round import whole_round
from storage import categories
from storage.opening import open_database
from tests.servers import certificates, dovecot
from tests.servers.dovecot import Dovecot

_MESSAGES = 1_000
_BATCH = 500
# 70 % short letters, 25 % longer ones, 5 % with something attached. Bytes.
_SIZES = [3_000] * 14 + [28_000] * 5 + [199_000]
_LINE = b"All work and no play makes Jack a dull boy.\r\n"
_users = itertools.count()


def rows() -> list[Row]:
    """Measure; return the lines of the table."""
    with certificates.issued() as files, dovecot.running(files) as server:
        return [
            against_peer(
                8,
                "IMAP drain with delete, before parsing",
                lambda: _before_parsing(server),
                lambda: _with_imaplib(server),
                "imaplib in batches of 500",
                0.6,
            ),
            at_least(
                9, "IMAP drain: stored, deleted, parsed, decided", lambda: _all_the_way(server), 300
            ),
        ]


def _filled(server: Dovecot) -> IncomingSettings:
    """Make a mailbox with the mixture in it."""
    user = f"bench{next(_users)}"
    server.add_user(user, "secret")
    for number in range(_MESSAGES):
        head = (
            f"From: Ann <ann@example.org>\r\nTo: general@example.org\r\n"
            f"Message-ID: <{user}.{number}@example.org>\r\nSubject: letter {number}\r\n"
            "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\n"
        )
        size = _SIZES[number % len(_SIZES)]
        server.deliver(user, head.encode() + _LINE * (size // len(_LINE)))
    values = {"host": server.host, "port": server.imap_port, "security": "none"}
    return IncomingSettings.model_validate(values | {"username": user, "password": "secret"})


def _before_parsing(server: Dovecot) -> float:
    settings = _filled(server)

    def run() -> None:
        box = open_mailbox(settings)
        for batch in box.fetch(box.list()):
            box.delete([one.listed for one in batch])
        box.finish()

    return _MESSAGES / seconds(run)


def _with_imaplib(server: Dovecot) -> float:
    settings = _filled(server)

    def run() -> None:
        with imaplib.IMAP4(settings.host, server.imap_port) as client:
            client.login(settings.username, "secret")
            client.select()
            uids = client.uid("SEARCH", "ALL")[1][0].split()
            for start in range(0, len(uids), _BATCH):
                batch = b",".join(uids[start : start + _BATCH]).decode()
                client.uid("FETCH", batch, "(BODY.PEEK[])")
                client.uid("STORE", batch, "+FLAGS.SILENT", r"(\Deleted)")
                client.uid("EXPUNGE", batch)

    return _MESSAGES / seconds(run)


def _all_the_way(server: Dovecot) -> float:
    settings = _filled(server)
    category = Category.model_validate(
        {"slug": "general", "address": "general@example.org", "incoming": settings}
    )
    with tempfile.TemporaryDirectory(prefix="listbridge-bench-") as folder:
        db = open_database(f"sqlite:///{Path(folder) / 'bench.db'}")
        with db.transaction() as tx:
            category_id = categories.keep(tx, category.slug, category.address).id
        tally = Tally(category.slug)
        took = seconds(lambda: whole_round(db, category, category_id, tally, open_mailbox))
        db.close()
    assert (tally.error, tally.deleted) == (None, _MESSAGES)
    return _MESSAGES / took
