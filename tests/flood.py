"""Hostile mail through a real mailbox, with a good letter behind every few bad ones."""

import hashlib
import imaplib
import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from random import Random

from listbridge.message.wire import LONGEST_LINE
from tests import hostile
from tests.fakes.smtp_server import SmtpServer
from tests.letters import letter
from tests.program import Program
from tests.servers.dovecot import Dovecot

# Nine bad ones, then a good one.
_GOOD_ONE_OF = 10
_FIELD = re.compile(rb"[!-9;-~]+:[^\r\n]*(\r\n[ \t][^\r\n]*)*\r\n")
#: Of a category that sends out all it can.
OPEN = '[posting]\nnon_members = "accept"'


@dataclass
class Flood:
    """A category that is fed hostile mail, and what has become of it."""

    program: Program
    dovecot: Dovecot
    smtp: SmtpServer
    slug: str
    protocol: str
    seed: str
    fed: int = 0
    seen: set[bytes] = field(default_factory=set)  #: bad ones, by hash
    ends: Counter[str] = field(default_factory=Counter)  #: how often messages ended so

    def go_on(self, count: int) -> None:
        """Feed `count` messages, poll once, and fail for anything that is not as it must be."""
        good = [self._feed(number) for number in range(self.fed, self.fed + count)]
        self.fed += count
        served = self._served()

        line = self.program.poll_once(self.slug)[self.slug]

        assert line["error"] is None, line
        assert line["fetched"] == line["deleted"] == count == len(served), line
        assert self.dovecot.messages(self.slug) == []
        self._check_stored(served)
        self._check_posted([one for one in good if one])
        for message in self.smtp.messages:
            check_content(message.body)
        self.smtp.messages.clear()

    def _feed(self, number: int) -> str | None:
        """Deliver the next message; return the Message-ID of a good one."""
        is_good = number % _GOOD_ONE_OF == _GOOD_ONE_OF - 1
        if not is_good:
            self.dovecot.deliver(self.slug, self._new_one(Random(f"{self.seed} {number}")))
            return None
        self.dovecot.deliver(self.slug, letter(number, run=self.slug))
        return f"<{self.slug}-{number}@example.net>"

    def _new_one(self, random: Random) -> bytes:
        """Make one that was not fed before: what comes again and again was never deleted."""
        while True:
            made = hostile.message(random)
            digest = hashlib.sha256(made).digest()
            if digest not in self.seen:
                self.seen.add(digest)
                return made

    def _served(self) -> list[bytes]:
        """What the server offers, read by another client than ours."""
        with imaplib.IMAP4("127.0.0.1", self.dovecot.imap_port) as imap:
            imap.login(self.slug, "secret")
            imap.select(readonly=True)
            _, answers = imap.fetch("1:*", "(BODY.PEEK[])")
        return [answer[1] for answer in answers if isinstance(answer, tuple)]

    def _check_stored(self, served: list[bytes]) -> None:
        """Every message is decided, and the stored bytes are those that were served."""
        with closing(sqlite3.connect(self.program.database)) as db:
            query = (
                "SELECT sha256, bytes, inbound.state,"
                " coalesce(posts.state, inbound.result, inbound.state)"
                " FROM inbound JOIN raw_messages ON raw_messages.id = inbound.raw_id"
                " LEFT JOIN posts ON posts.inbound_id = inbound.id"
                " JOIN categories ON categories.id = inbound.category_id"
                " WHERE slug = ? ORDER BY inbound.id DESC LIMIT ?"
            )
            rows = db.execute(query, (self.slug, len(served))).fetchall()
        stored = [raw for _, raw, _, _ in rows]
        if self.protocol == "pop3":
            # RFC 1939 3 ends every message with a line end; RFC 3501 9 has no NUL in IMAP, for
            # which Dovecot writes 0x80.
            stored = [raw.replace(b"\0", b"\x80").removesuffix(b"\r\n") for raw in stored]
            served = [raw.removesuffix(b"\r\n") for raw in served]
        assert Counter(stored) == Counter(served)
        assert all(hashlib.sha256(raw).hexdigest() == sha256 for sha256, raw, _, _ in rows)
        assert {state for _, _, state, _ in rows} <= {"processed", "shunted"}
        self.ends.update(end for *_, end in rows)

    def _check_posted(self, good: list[str]) -> None:
        with closing(sqlite3.connect(self.program.database)) as db:
            accepted = {
                x for (x,) in db.execute("SELECT message_id FROM posts WHERE state = 'accepted'")
            }
        assert set(good) <= accepted
        # The last of what was sent: the good one behind all bad ones went out too.
        sent = b"".join(message.body for message in self.smtp.messages)
        assert all(one.encode() in sent for one in good)


def check_content(sent: bytes) -> None:
    """Fail unless this is what SMTP may carry (RFC 5321 2.3.8, RFC 5322 2.1)."""
    assert not {0, 10, 13} & set(sent.replace(b"\r\n", b"")), sent
    assert max(map(len, sent.split(b"\r\n"))) <= LONGEST_LINE, sent
    head, blank, _ = sent.partition(b"\r\n\r\n")
    assert blank, sent
    assert re.fullmatch(rb"(%s)+" % _FIELD.pattern, head + b"\r\n"), head
