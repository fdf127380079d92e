"""IDLE (RFC 2177): being told of new mail. A hint and no more; the mailbox is polled anyway."""

import re
import time

from listbridge.mailbox.imap_client import Client
from listbridge.mailbox.link import Link
from listbridge.mailbox.mailbox import MailboxError
from listbridge.mailbox.settings import IncomingSettings

_LONGEST_LINE = 64 * 1024
# A server that tells more than this between two looks is up to something else.
_MOST_LINES = 10_000
_EXISTS = re.compile(rb"\* ([0-9]{1,10}) EXISTS", re.IGNORECASE)
_EXPUNGE = re.compile(rb"\* [0-9]{1,10} EXPUNGE", re.IGNORECASE)
_TAG = b"W%d"


class NoIdle(MailboxError):
    """The server cannot tell of new mail; nothing is wrong."""


class Watch:
    """One connection that waits for new mail; it belongs to one thread, only `drop` may cross.

    Lines are read here and not by imapclient's own `idle_check`, which takes a connection that
    has ended for one where nothing happens, and loses lines that come in two pieces.
    """

    def __init__(self, settings: IncomingSettings, link: Link, client: Client) -> None:
        self._link = link
        self._seconds = settings.timeout.total_seconds()
        self._number = 0
        self._lines = 0  # read since the last look
        if not client.has_capability("IDLE"):
            raise NoIdle(f"{settings.where} does not offer IDLE")
        with link.talking("opening the folder"):
            answer = client.select_folder(settings.folder, readonly=True)
        self._exists = int(answer.get(b"EXISTS", 0))
        #: How the folder looked at the beginning: equal means that nothing has come since.
        self.state = (answer.get(b"UIDVALIDITY"), answer.get(b"UIDNEXT"))

    @property
    def has_mail(self) -> bool:
        """Whether anything lies in the folder."""
        return self._exists > 0

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; True as soon as the server tells of new mail.

        Raises `MailboxError` if the connection has ended, or does not answer any more.
        """
        with self._link.talking("waiting for new mail"):
            self._number += 1
            self._lines = 0
            tag = _TAG % self._number
            self._send(tag + b" IDLE\r\n")
            news = self._begin(tag)
            deadline = time.monotonic() + seconds
            while not news and (line := self._line_until(deadline)) is not None:
                news = self._is_news(line)
            self._send(b"DONE\r\n")
            return self._end(tag) or news

    def drop(self) -> None:
        """Cut the connection at once, from any thread, waking one that waits; never raises."""
        self._link.drop()

    def _send(self, line: bytes) -> None:
        # Until now the limit is what was left for the line read before.
        self._link.settimeout(self._seconds)
        self._link.sendall(line)

    def _begin(self, tag: bytes) -> bool:
        """Read up to the server's "go on"; say whether it told of new mail before that."""
        news = False
        while not (line := self._line()).startswith(b"+"):
            if line.startswith(tag + b" "):
                raise NoIdle(f"{self._link.where} refuses IDLE: {self._quoted(line)}")
            news |= self._is_news(line)
        return news

    def _line_until(self, deadline: float) -> bytes | None:
        """Return the next line, None when the time is up."""
        try:
            # What has come of a line stays where it is, and is read with the rest of it.
            return self._line(deadline)
        except TimeoutError:
            return None

    def _end(self, tag: bytes) -> bool:
        """Read up to the end of IDLE; say whether the server told of new mail meanwhile."""
        news = False
        while not (line := self._line()).startswith(tag + b" "):
            news |= self._is_news(line)
        return news

    def _line(self, until: float | None = None) -> bytes:
        """Return the next line; without `until` it may take as long as an answer."""
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise MailboxError(f"{self._link.where} sent {_MOST_LINES} lines that nobody asked for")
        if until is None:
            until = time.monotonic() + self._seconds
        return self._link.readline(_LONGEST_LINE, until)

    def _is_news(self, line: bytes) -> bool:
        if line.upper().startswith(b"* BYE"):
            raise MailboxError(f"{self._link.where} said goodbye: {self._quoted(line)}")
        if _EXPUNGE.match(line):
            self._exists = max(0, self._exists - 1)
        if (told := _EXISTS.match(line)) is None:
            return False
        before, self._exists = self._exists, int(told[1])
        # As many as before are not the same ones where an expunged one was not told of.
        return self._exists > 0 and self._exists >= before

    def _quoted(self, line: bytes) -> str:
        return self._link.secrets.quotable(line.decode("utf-8", "replace").strip())
