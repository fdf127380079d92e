"""Targets 8, 9 and 10: emptying a mailbox on a real Dovecot, and all that becomes of the mail."""

import functools
import imaplib
import os
import poplib
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks import distance
from benchmarks.maildrop import filled
from benchmarks.measure import Row, against_peer, at_least, seconds
from benchmarks.peers import unpacked
from listbridge.category import Category
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.tally import Tally
from listbridge.mailbox import IncomingSettings, open_mailbox
from listbridge.service.intake_round import whole_round
from storage import categories
from storage.opening import open_database
from tests.servers import certificates, dovecot
from tests.servers.dovecot import Dovecot

_MESSAGES = int(os.environ.get("BENCH_MESSAGES", "5000"))
# At 40 ms a peer needs a third of a second for each of its messages.
_FAR_AWAY, _FAR_AWAY_FOR_PEER = 1_000, 100
_FOR_FETCHMAIL = 200
_ROUND_TRIP = 0.04
_BATCH = 500


def rows() -> list[Row]:
    """Measure; return the lines of the table."""
    whole = (
        "IMAP drain through parse, dedupe, store, delete; a second of CPU, mail-parser's included"
    )
    with certificates.issued() as files, dovecot.running(files) as server:
        return [
            *_before_parsing(server),
            _imap_far_away(server),
            at_least(9, whole, lambda: _all_the_way(server), 300),
            _far_away(server),
        ]


def _before_parsing(server: Dovecot) -> list[Row]:
    what = "IMAP drain with delete, before parsing"
    ours = functools.partial(_ours, server)
    peer = functools.partial(_imaplib, server, server.imap_port)
    return [
        against_peer(8, what, ours, peer, "imaplib in batches", 0.6),
        against_peer(8, what, ours, lambda: _fetchmail(server), "fetchmail", 40),
    ]


def _far_away(server: Dovecot) -> Row:
    with distance.relay(server.pop3_port, _ROUND_TRIP) as port:
        return against_peer(
            10,
            "POP3 drain at 40 ms",
            lambda: _rate(filled(server, _FAR_AWAY, port=port, protocol="pop3"), _FAR_AWAY),
            lambda: _poplib(server, port),
            "poplib",
            20,
        )


def _imap_far_away(server: Dovecot) -> Row:
    """Ours is verified, batch by batch, and imaplib's is not."""
    with distance.relay(server.imap_port, _ROUND_TRIP) as port:
        return against_peer(
            8,
            "IMAP drain with delete at 40 ms",
            lambda: _rate(filled(server, _MESSAGES, port=port), _MESSAGES),
            lambda: _imaplib(server, port),
            "imaplib in batches",
            0.6,
        )


def _ours(server: Dovecot) -> float:
    return _rate(filled(server, _MESSAGES, port=server.imap_port), _MESSAGES)


def _rate(settings: IncomingSettings, count: int) -> float:
    gone = 0

    def run() -> None:
        nonlocal gone
        box = open_mailbox(settings)
        for batch in box.fetch(box.list()):
            gone += len(box.delete([one.listed for one in batch]))
        gone += len(box.finish())

    took = seconds(run)
    assert gone == count
    return count / took


def _imaplib(server: Dovecot, port: int) -> float:
    settings = filled(server, _MESSAGES, port=port)

    def run() -> None:
        with imaplib.IMAP4(settings.host, port) as client:
            client.login(settings.username, "secret")
            client.select()
            uids = client.uid("SEARCH", "ALL")[1][0].split()
            for start in range(0, len(uids), _BATCH):
                batch = b",".join(uids[start : start + _BATCH]).decode()
                client.uid("FETCH", batch, "(BODY.PEEK[])")
                client.uid("STORE", batch, "+FLAGS.SILENT", r"(\Deleted)")
                client.uid("EXPUNGE", batch)

    return _MESSAGES / seconds(run)


def _fetchmail(server: Dovecot) -> float:
    settings = filled(server, _FOR_FETCHMAIL, port=server.imap_port)
    with tempfile.TemporaryDirectory(prefix="listbridge-bench-") as folder:
        control = Path(folder) / "fetchmailrc"
        control.write_text(
            f"poll {settings.host} protocol imap service {server.imap_port} "
            f'username "{settings.username}" password "secret" '
            "sslproto '' mda \"/bin/cat >/dev/null\" fetchall nokeep\n"
        )
        control.chmod(0o600)
        command = [
            str(unpacked("fetchmail")),
            "-f",
            str(control),
            "-i",
            str(Path(folder) / "ids"),
            "--silent",
        ]
        places = os.environ | {"FETCHMAILHOME": folder}
        return _FOR_FETCHMAIL / seconds(lambda: subprocess.run(command, check=True, env=places))


def _poplib(server: Dovecot, port: int) -> float:
    settings = filled(server, _FAR_AWAY_FOR_PEER, port=port, protocol="pop3")

    def run() -> None:
        client = poplib.POP3(settings.host, port)
        client.user(settings.username)
        client.pass_("secret")
        for number in range(1, client.stat()[0] + 1):
            client.retr(number)
            client.dele(number)
        client.quit()

    return _FAR_AWAY_FOR_PEER / seconds(run)


def _all_the_way(server: Dovecot) -> float:
    """Return messages for each second of CPU: the database syncs, and the server has its own."""
    settings = filled(server, _MESSAGES, port=server.imap_port)
    values = {"slug": "general", "address": "general@example.org", "incoming": settings}
    category = Category.model_validate(values | {"posting": {"non_members": "accept"}})
    tally = Tally(category.slug)
    with tempfile.TemporaryDirectory(prefix="listbridge-bench-") as folder:
        db = open_database(f"sqlite:///{Path(folder) / 'bench.db'}")
        with db.transaction() as tx:
            category_id = categories.keep(tx, category.slug, category.address).id
        begun = time.process_time()
        whole_round(db, Readers([Reader(category, category_id, tally)]), open_mailbox)
        took = time.process_time() - begun
        db.close()
    assert (tally.error, tally.deleted, tally.posts) == (None, _MESSAGES, _MESSAGES)
    return _MESSAGES / took
