"""poplib on a `Link`: long lines, bytes exactly as served, and required TLS."""

import io
import poplib
import re
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

from listbridge import guard
from listbridge.mailbox import explain
from listbridge.mailbox.link import Link
from listbridge.mailbox.mailbox import LARGEST_MESSAGE, Listed, MailboxError, OutOfStep
from listbridge.mailbox.settings import IncomingSettings
from listbridge.oauth2 import AccessToken, Credential, sasl
from listbridge.oauth2.sasl import Exchange

# Status lines have at most 512 octets (RFC 2449 4); some servers chat longer.
_LONGEST_STATUS = 8 * 1024
# Bounds LIST and UIDL: a million messages of 80 octets each.
_LARGEST_LISTING = 80 * 1024 * 1024
_LARGEST_CAPABILITIES = 64 * 1024
_LONGEST_NAME = 200  # RFC 1939 7 allows 70.
# "All lines" for TOP; some servers cannot count further.
_ALL_LINES = 999_999_999
# RFC 1939 5: the only status line that has two numbers, and every server knows the command.
_STAT_ANSWER = re.compile(rb"\+OK +\d+ +\d+\b")
_DOUBLED_AFTER_LF = re.compile(rb"(?<!\r)\n\.\.")


class Client(poplib.POP3):
    """A POP3 client that talks over a `Link`."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._lines_end_in_crlf = True
        # The answer to STAT that follows each message of those asked for in one go.
        self._stat = b""
        self._in_flight = 0
        super().__init__(link.where)

    def _create_socket(self, _timeout: float | None) -> Any:
        return self.link

    def _ask(self, command: str) -> bytes:
        self._putline(command.encode())
        return self._getresp()

    def _putline(self, line: bytes) -> None:
        if self.link.has_unread:
            # Answers would be taken for those of other commands, DELE among them.
            raise MailboxError(f"{self.link.where} sent more than was asked for; it is out of step")
        self.link.sendall(line + b"\r\n")

    def _getresp(self) -> bytes:
        # A server that ends its own status lines with a bare LF ends everything so.
        status = self.link.readline(_LONGEST_STATUS)
        self._lines_end_in_crlf = status.endswith(b"\r\n")
        if not status.startswith(b"+"):
            raise poplib.error_proto(status.rstrip(b"\r\n"))
        return status.rstrip(b"\r\n")

    def close(self) -> None:
        """Close the `Link`."""
        self.link.close()

    def begin_tls(self, context: ssl.SSLContext, host: str) -> None:
        """STLS (RFC 2595 4), required: without it nothing else is sent."""
        try:
            self._ask("STLS")
        except poplib.error_proto as err:
            if not explain.is_refusal(err):
                raise
            raise explain.no_starttls(self.link.where, "does not offer it") from None
        if self.link.has_unread:
            raise explain.early_text(self.link.where)
        self.link.secure(context, host)
        self._tls_established = True

    def sizes(self) -> dict[int, int]:
        """LIST: octets by message number."""
        self._ask("LIST")
        lines = self._text(_LARGEST_LISTING).splitlines()
        return {int(number): int(size) for number, size, *_ in map(bytes.split, lines)}

    def names(self) -> dict[int, str]:
        """UIDL: names by message number; none where the server has no UIDL."""
        try:
            self._ask("UIDL")
        except poplib.error_proto as err:
            if not explain.is_refusal(err):
                raise
            return {}
        names: dict[int, str] = {}
        for line in self._text(_LARGEST_LISTING).splitlines():
            number, _, name = line.decode("ascii", "backslashreplace").strip().partition(" ")
            if name and len(name) <= _LONGEST_NAME and guard.is_safe(name):
                names[int(number)] = name.strip()
        return names

    def offers(self, capability: bytes) -> bool:
        """Say whether the server announces this capability."""
        return capability in self._capabilities().split()

    def mechanisms(self) -> list[str]:
        """Return the ways to log in by AUTH that the server announces (RFC 5034 3)."""
        lines = map(bytes.split, self._capabilities().splitlines())
        names = [name for line in lines if line[:1] == [b"SASL"] for name in line[1:]]
        return [name.decode("ascii", "replace") for name in names]

    def _capabilities(self) -> bytes:
        """CAPA (RFC 2449 5), in capitals; servers without it have nothing."""
        try:
            self._ask("CAPA")
        except poplib.error_proto as err:
            if not explain.is_refusal(err):
                raise
            return b""
        return self._text(_LARGEST_CAPABILITIES).upper()

    def log_in_by(self, exchange: Exchange) -> None:
        """AUTH (RFC 5034 4): what is longer than 255 octets must wait for the server's "+"."""
        status = self._ask(f"AUTH {exchange.mechanism}")
        while not status.startswith(b"+OK"):
            self._putline(exchange.answer(status[1:]))
            status = self._getresp()

    def head(self, listed: Listed) -> bytes | None:
        """Return the header by TOP, else by RETR; None where both are refused."""
        for command in (f"TOP {listed.number} 0", f"RETR {listed.number}"):
            if command.startswith("RETR") and listed.size > LARGEST_MESSAGE:
                return None
            try:
                self._ask(command)
            except poplib.error_proto as err:
                if not explain.is_refusal(err):
                    raise
            else:
                return self._text(LARGEST_MESSAGE)
        return None

    def check_in_step(self) -> None:
        """Raise if answers no longer belong to what was asked, since one came twice or too early.

        What was read as message 2 may then be message 1 again, and deleting message 2 would lose
        it. Nothing else tells: a message's announced size is not always true.
        """
        if not _STAT_ANSWER.match(self._ask("STAT")):
            raise MailboxError(
                f"{self.link.where} answered something else than was asked; it is out of step"
            )

    def message(self, listed: Listed, *, look_only: bool) -> bytes:
        """Return a message exactly as the server gives it, bare LF included.

        `look_only` asks by TOP, because RETR counts as reading on some servers.
        """
        number = listed.number
        self._ask(f"TOP {number} {_ALL_LINES}" if look_only else f"RETR {number}")
        return self._text(LARGEST_MESSAGE, announced=listed.size)

    def ask_for(self, wanted: Sequence[Listed]) -> None:
        """Ask for messages in one go (RFC 2449 6.6), to be read one by one with `next_asked`.

        Answers bear no names. So STAT goes before the first and behind each message, and must be
        answered the same each time: a message that contains forged answers does not know how.
        """
        commands = "".join(f"RETR {listed.number}\r\nSTAT\r\n" for listed in wanted)
        self._putline(f"STAT\r\n{commands}".removesuffix("\r\n").encode())
        self._in_flight = len(wanted)
        self._stat = self.link.readline(_LONGEST_STATUS)
        if not _STAT_ANSWER.match(self._stat):
            raise self._out_of_step()

    def next_asked(self, listed: Listed) -> bytes:
        """Return the next message that was asked for; `error_proto` if the server refuses it."""
        refused: poplib.error_proto | None = None
        raw = b""
        try:
            is_late = self._getresp() == self._stat.rstrip(b"\r\n")
        except poplib.error_proto as err:
            if not explain.is_refusal(err):
                raise self._out_of_step() from None
            refused = err
        else:
            if is_late:
                raise self._out_of_step()
            raw = self._text(LARGEST_MESSAGE, announced=listed.size)
        self._in_flight -= 1
        if self.link.readline(_LONGEST_STATUS) != self._stat:
            raise self._out_of_step()
        if refused is not None:
            raise refused
        return raw

    def mark(self, numbers: Sequence[int]) -> Iterator[poplib.error_proto | None]:
        """DELE, in one go; yield, for each, None or how the server refuses it."""
        self._putline("\r\n".join(f"DELE {number}" for number in numbers).encode())
        for _ in numbers:
            try:
                self._getresp()
            except poplib.error_proto as err:
                if not explain.is_refusal(err):
                    raise
                yield err
            else:
                yield None

    def _out_of_step(self) -> OutOfStep:
        return OutOfStep(
            f"{self.link.where} answered something else than was asked; it is out of step"
        )

    def _text(self, limit: int, announced: int = 0) -> bytes:
        """Read the lines behind a status line up to the lone dot, keeping every line end.

        RFC 1939 3 ends lines with CRLF. Where a server passes a bare LF on, a dot behind it is
        content, lest a sender could end his message early and forge the answers that follow; it
        ends the text only when the announced octets have come.
        """
        sink = io.BytesIO()
        doubtful = 0
        at_start = True
        begins_with_dots = False
        while True:
            line = self.link.readline(limit - sink.tell())
            if self._ends(line, sink.tell(), at_start=at_start, announced=announced):
                break
            if line.startswith(b".."):
                begins_with_dots = begins_with_dots or not sink.tell()
                line = line[at_start:]
                doubtful += not at_start
            sink.write(line)
            at_start = line.endswith(b"\r\n") or not self._lines_end_in_crlf
        self.link.progress()
        text = sink.getvalue()
        # A server that sees a line behind each LF has doubled those dots too; its size tells.
        if doubtful and len(text) - doubtful == announced:
            return _DOUBLED_AFTER_LF.sub(b"\n.", text)
        # Dovecot 2.3 does not double the dot with which a message begins; it may have had to add
        # the last line end.
        if begins_with_dots and len(text) + 1 in (announced, announced + len(b"\r\n")):
            return b"." + text
        return text

    def _ends(self, line: bytes, come: int, *, at_start: bool, announced: int) -> bool:
        """Say whether this line ends the text of which `come` octets have come."""
        if line.rstrip(b"\r\n") != b"." or not (at_start or come >= announced):
            return False
        if come == 0 and announced > 0 and self._in_flight:
            raise self._out_of_step()  # More was asked for, so what is behind it shows nothing.
        # Dovecot 2.3 does not double the dot with which a message begins. More behind it shows
        # that it was no end, since a server says nothing unasked.
        return come > 0 or announced == 0 or not self.link.has_unread


def connect(
    settings: IncomingSettings, link: Link, context: ssl.SSLContext | None, credential: Credential
) -> Client:
    """Greet, secure the connection and log in; no secret ever goes out before that."""
    with link.talking(explain.CONNECTING):
        if context and settings.security == "tls":
            link.secure(context, settings.host)
        client = Client(link)
        if context and settings.security == "starttls":
            client.begin_tls(context, settings.host)
    with link.talking("logging in"):
        log_in(client, settings, credential)
    return client


def log_in(client: Client, settings: IncomingSettings, credential: Credential) -> None:
    """Log in by USER and PASS, or by AUTH with a token; one attempt."""
    link = client.link
    if isinstance(credential, AccessToken):
        _log_in_by_token(client, settings, credential)
        return
    try:
        client.user(settings.username)
        client.pass_(credential)
    except poplib.error_proto as err:
        if not explain.is_refusal(err):
            raise
        raise explain.login_refused(err, settings.username, link.where, link.secrets) from None


def _log_in_by_token(client: Client, settings: IncomingSettings, token: AccessToken) -> None:
    link, username = client.link, settings.username
    offered = client.mechanisms()
    exchange = sasl.exchange(offered, username, token, settings.host, settings.effective_port)
    if exchange is None:
        raise explain.no_token_login(link.where, offered)
    try:
        client.log_in_by(exchange)
    except poplib.error_proto as err:
        if not explain.is_refusal(err):
            raise
        raise explain.token_refused(
            err, username, link.where, link.secrets, exchange.complaint
        ) from None
