"""imapclient on a `Link`: bounded answers, required TLS, and a login that leaks nothing."""

import imaplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imapclient import IMAPClient

from listbridge.mailbox import explain, imap_answers
from listbridge.mailbox.link import Link
from listbridge.mailbox.mailbox import LARGEST_MESSAGE, MailboxError
from listbridge.mailbox.settings import IncomingSettings
from listbridge.oauth2 import AccessToken, Credential, sasl
from listbridge.oauth2.sasl import Exchange

# A SEARCH answers on one line: eight octets for each of a million messages and more.
_LONGEST_LINE = 16 * 1024 * 1024
# One command's whole answer, each line counted with what Python needs to keep it.
_LARGEST_ANSWER = 32 * 1024 * 1024
_COST_OF_A_LINE = 100


class Wire(imaplib.IMAP4):
    """imaplib on a `Link`, which stops reading before an answer fills the memory."""

    def __init__(self, link: Link) -> None:
        self.link = link
        #: Set when the folder is open; a server that announces another one ends the connection.
        self.uidvalidity: int | None = None
        #: How many octets beyond an ordinary answer the next commands may bring.
        self.expects_messages = False
        self._received = 0
        super().__init__()

    def open(self, *_args: Any, **_kwargs: Any) -> None:
        """Take the `Link`, which is connected already, for the socket."""
        sock: Any = self.link
        self.sock = sock

    def read(self, size: int) -> bytes:
        """Read a literal; its announced size is judged before anything is allocated."""
        self._count(size)
        return self.link.read(size)

    def readline(self) -> bytes:
        """Read one line."""
        try:
            line = self.link.readline(_LONGEST_LINE)
        except EOFError:
            # imaplib looks for a BYE only between commands, not where it waits for a "+".
            self._check_bye()
            raise
        self._count(len(line) + _COST_OF_A_LINE)
        return line

    def send(self, data: Any) -> None:
        """Send, unless the folder is no longer the one whose UIDs we hold."""
        self.check_uidvalidity()
        self._received = 0
        self.link.sendall(data)

    def shutdown(self) -> None:
        """Close the `Link`."""
        self.link.close()

    def check_uidvalidity(self) -> None:
        """Raise if the server has announced a new UIDVALIDITY: our UIDs mean nothing any more."""
        if self.uidvalidity is None:
            return
        announced = self.untagged_responses.get("UIDVALIDITY", [])
        if any(value != str(self.uidvalidity).encode() for value in announced):
            raise MailboxError(
                f"{self.link.where} has replaced the folder while it was read (its UIDVALIDITY "
                "changed), so nothing is deleted; it is read afresh at the next poll"
            )

    def begin_tls(self, context: ssl.SSLContext, host: str) -> None:
        """STARTTLS (RFC 3501 6.2.1), required: without it nothing else is sent."""
        if "STARTTLS" not in self.capabilities:
            raise explain.no_starttls(self.link.where, "does not offer it")
        kind, _ = self.xatom("STARTTLS")
        if kind != "OK":
            raise explain.no_starttls(self.link.where, "refused it")
        if self.link.has_unread:
            raise explain.early_text(self.link.where)
        self.link.secure(context, host)
        # What was said in the clear is not to be believed, the capabilities least of all.
        self.untagged_responses = {}
        self._tls_established = True
        _, answer = self.capability()
        self.capabilities = tuple(answer[-1].decode("ascii", "replace").upper().split())

    def log_in_by(self, exchange: Exchange) -> None:
        """AUTHENTICATE (RFC 3501 6.2.2), without asking first where that is allowed (RFC 4959)."""
        first = exchange.first.decode() if "SASL-IR" in self.capabilities else None
        # imaplib calls it for each "+" of the server.
        self.literal: Any = exchange.answer
        kind, words = self._simple_command("AUTHENTICATE", exchange.mechanism, first)
        if kind != "OK":
            raise self.error(words[-1])
        self.state = "AUTH"

    def _count(self, octets: int) -> None:
        self._received += octets
        most = _LARGEST_ANSWER + (LARGEST_MESSAGE if self.expects_messages else 0)
        if self._received > most:
            raise MailboxError(
                f"{self.link.where} announced an answer of more than {most} octets, which is not "
                "read; ask who runs the server"
            )


@dataclass(frozen=True)
class Asked:
    """A command that was sent, and whose answer has to be waited for."""

    command: str
    tag: bytes


class Client(IMAPClient):  # type: ignore[misc]  # imapclient has no type information
    """An IMAPClient that talks over a `Wire`."""

    def __init__(self, link: Link, seconds: float) -> None:
        self._link = link
        super().__init__(link.where, ssl=False, timeout=seconds)
        # imapclient formats every body twice for a log line that nobody reads.
        self._imap.debug = 0
        self.normalise_times = False

    def _create_IMAP4(self) -> Wire:  # noqa: N802  # imapclient's hook
        return Wire(self._link)

    @property
    def wire(self) -> Wire:
        """The imaplib object beneath."""
        wire: Wire = self._imap
        return wire

    def special_folders(self) -> list[tuple[tuple[bytes, ...], str]]:
        """Return flags and name of each folder that may be one for a special use (RFC 6154)."""
        if not self._may_select_special():
            return [(flags, str(name)) for flags, _, name in self.list_folders()]
        kind, lines = self.wire.list('(SPECIAL-USE) ""', '"*" RETURN (SPECIAL-USE)')
        self._checkok("list", kind, lines)
        return [(flags, str(name)) for flags, _, name in self._proc_folder_list(lines)]

    def _may_select_special(self) -> bool:
        # RFC 6154 3: only together with LIST-EXTENDED; RFC 9051 2.1.2 has both built in. Others
        # show the marks in an ordinary LIST.
        offered = set(self.capabilities())
        return b"IMAP4REV2" in offered or {b"SPECIAL-USE", b"LIST-EXTENDED"} <= offered

    def uid_fetch(self, uids: Sequence[int], items: str) -> dict[int, dict[bytes, Any]]:
        """FETCH by UID."""
        return self.fetched(self.ask("FETCH", uids, items))

    def ask(self, command: str, uids: Sequence[int], *more: str) -> Asked:
        """Send a command by UID, and do not wait for its answer (RFC 3501 5.5).

        What is asked for before another answer has come must not depend on that one.
        """
        numbers = ",".join(map(str, uids))
        return Asked(command, self.wire._command("UID", command, numbers, *more))

    def answer(self, asked: Asked) -> None:
        """Wait until a command has been carried out; raise as imapclient does if it was refused."""
        kind, words = self.wire._command_complete("UID", asked.tag)
        self._checkok(asked.command.lower(), kind, words)

    def fetched(self, asked: Asked) -> dict[int, dict[bytes, Any]]:
        """Return what a FETCH brought, by UID."""
        self.answer(asked)
        return imap_answers.by_uid(self.wire.untagged_responses.pop("FETCH", []))

    def uid_search(self, *criteria: Any) -> set[int]:
        """SEARCH, returning UIDs."""
        return set(self.search(list(criteria)))


def connect(
    settings: IncomingSettings, link: Link, context: ssl.SSLContext | None, credential: Credential
) -> Client:
    """Greet, secure the connection and log in; no secret ever goes out before that."""
    with link.talking(explain.CONNECTING):
        if context and settings.security == "tls":
            link.secure(context, settings.host)
        client = greeted(settings, link)
        if context and settings.security == "starttls":
            client.wire.begin_tls(context, settings.host)
    with link.talking("logging in"):
        log_in(client, settings, credential)
    return client


def greeted(settings: IncomingSettings, link: Link) -> Client:
    """Wait for the greeting, which must be one of a server that wants a login."""
    client = Client(link, settings.timeout.total_seconds())
    # RFC 3501 7.1.4: after a forged PREAUTH no STARTTLS would be possible.
    if client.wire.state != "NONAUTH":
        raise MailboxError(
            f"{link.where} claims that we are logged in already (PREAUTH), which may be a "
            "trick; no password was sent",
            cure="check host and port",
        )
    return client


def log_in(client: Client, settings: IncomingSettings, credential: Credential) -> None:
    """Log in by the best way the server offers; one attempt."""
    if isinstance(credential, AccessToken):
        _log_in_by_token(client, settings, credential)
    else:
        _log_in_by_password(client, settings, credential)
    # They may change with the login; imapclient keeps them from now on.
    client.capabilities()


def _log_in_by_token(client: Client, settings: IncomingSettings, token: AccessToken) -> None:
    link, username = client.wire.link, settings.username
    offered = [name[5:] for name in client.wire.capabilities if name.startswith("AUTH=")]
    exchange = sasl.exchange(offered, username, token, settings.host, settings.effective_port)
    if exchange is None:
        raise explain.no_token_login(link.where, offered)
    try:
        client.wire.log_in_by(exchange)
    except imaplib.IMAP4.error as err:
        if not explain.is_refusal(err):
            raise
        raise explain.token_refused(
            err, username, link.where, link.secrets, exchange.complaint
        ) from None


def _log_in_by_password(client: Client, settings: IncomingSettings, password: str) -> None:
    link, offered = client.wire.link, client.wire.capabilities
    plain = "AUTH=PLAIN" in offered
    if "LOGINDISABLED" in offered and (settings.security == "none" or not plain):
        raise MailboxError(
            f"{link.where} does not allow a login with a password here (LOGINDISABLED)",
            cure='set security to "tls" or "starttls"',
        )
    if not plain and not (settings.username + password).isascii():
        raise MailboxError(
            f"{link.where} cannot take a user name or password beyond ASCII (it offers no "
            "AUTH=PLAIN)",
            cure="choose another password",
        )
    try:
        if plain:
            client.plain_login(settings.username, password)
        else:
            # imaplib quotes the password but not the user name.
            client.login(_quoted(settings.username), password)
    except imaplib.IMAP4.error as err:
        if not explain.is_refusal(err):
            raise
        raise explain.login_refused(err, settings.username, link.where, link.secrets) from None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
