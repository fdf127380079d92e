"""What an operator is told when a mailbox fails: where, what and how to mend it, in a sentence."""

import imaplib
import poplib
import re
import socket
import ssl
from collections.abc import Iterable

from imapclient.exceptions import ProtocolError

from listbridge import guard, network, ports, refusals, tls
from listbridge.errors import ListbridgeError
from listbridge.mailbox.mailbox import LoginRefused, MailboxBusy, MailboxError, ReadOnly, TooMany
from listbridge.secret import spellings

# RFC 3206, RFC 2449 8.1 and RFC 5530 3: codes that mean "later" although nothing is wrong.
_BUSY = ("[IN-USE]", "[LOGIN-DELAY]", "[SYS/TEMP]", "[INUSE]", "[UNAVAILABLE]")
_LONGEST_QUOTE = 200
# What imaplib and imapclient put before the server's own words.
_LIBRARY_PREFIX = re.compile(
    r"(?:command: [A-Z]+ => |[A-Za-z]+ (?:command error|failed): (?:BAD |NO )?)+"
)
_BYTES_REPR = re.compile(r"""\[?b(?P<quote>['"])(?P<words>.*)(?P=quote)\]?""", re.DOTALL)
# What imaplib says of an answer that it does not understand, with that answer behind it.
_NONSENSE = re.compile(r"unexpected (?:tagged )?response|socket error|unterminated line")
#: What is done until the greeting and the TLS handshake are over.
CONNECTING = "connecting"


class Secrets:
    """Remembers what must never be quoted: a password in each form a server could echo."""

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def add(self, username: str, password: str) -> None:
        """Hide `password`, also as LOGIN quotes it and as AUTH PLAIN encodes it."""
        self.hide(spellings(username, password))

    def hide(self, forms: Iterable[str]) -> None:
        """Hide these texts, whatever they are."""
        self._forms |= set(forms)

    def quotable(self, words: str) -> str:
        """Return the server's words in quotes, cleaned and cut, or a remark in their place."""
        if any(form in words for form in self._forms):
            return "(an answer that repeats the password)"
        return f'"{_shown(words)}"'


def _shown(words: str) -> str:
    clean = "".join(ch if guard.is_safe(ch) else " " for ch in words)
    return " ".join(clean.split())[:_LONGEST_QUOTE]


def server_words(err: Exception) -> str:
    """Return what the server said, without what the libraries wrap around it."""
    first = err.args[0] if err.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    text = _LIBRARY_PREFIX.sub("", text, count=1)
    wrapped = _BYTES_REPR.fullmatch(text)
    return wrapped["words"] if wrapped else text


def is_refusal(err: Exception) -> bool:
    """Say whether `err` is a server's plain NO, BAD or -ERR, after which both sides agree."""
    if isinstance(err, poplib.error_proto):
        return bool(err.args) and isinstance(err.args[0], bytes) and err.args[0].startswith(b"-")
    if not isinstance(err, imaplib.IMAP4.error):
        return False
    # imapclient's LoginError hides what it was made of; the text shows it.
    return not isinstance(err, imaplib.IMAP4.abort | ProtocolError) and not _NONSENSE.search(
        str(err)
    )


def refusal(
    where: str, what: str, words: str, secrets: Secrets, *, cure: str | None = None
) -> MailboxError:
    """Return the error for a server that says no to `what`, such as "refused the login"."""
    meant = refusals.understand(words)
    if meant and meant.passing:
        fault = f"{where} {what}: {meant.meaning} ({secrets.quotable(words)})"
        return TooMany(fault, cure=meant.cure)
    kind = MailboxBusy if is_busy(words) else MailboxError
    later = "it is tried again at the next poll" if kind is MailboxBusy else cure
    return kind(f"{where} {what}: {secrets.quotable(words)}", cure=later)


def login_refused(err: Exception, username: str, where: str, secrets: Secrets) -> MailboxError:
    """Return the error for a login that the server does not accept now, or at all."""
    words = server_words(err)
    error = refusal(where, f"refuses the login of {username}", words, secrets)
    if isinstance(error, MailboxBusy):
        return error
    if meant := refusals.understand(words):
        fault = f"{where} refuses the login of {username}: {meant.meaning}"
        return LoginRefused(f"{fault} ({secrets.quotable(words)})", cure=meant.cure)
    return LoginRefused(error.fault, cure="check username and password")


def token_refused(
    err: Exception, username: str, where: str, secrets: Secrets, complaint: str
) -> MailboxError:
    """Return the error for an access token that the server does not accept now, or at all."""
    what = f"refuses the access token of {username}{complaint}"
    error = refusal(where, what, server_words(err), secrets)
    if isinstance(error, MailboxBusy):
        return error
    return LoginRefused(
        str(error),
        cure="see whether the provider lets programs read this mailbox, and whether the consent "
        f"was given by this account: `listbridge oauth login {username}`",
    )


def no_token_login(where: str, offered: Iterable[str]) -> MailboxError:
    """Return the error for a server that takes no access tokens."""
    names = _shown(" ".join(sorted(offered))) or "none at all"
    return MailboxError(
        f"{where} offers no login by OAuth2 (it offers {names})",
        cure="check host, port and security, or set a password instead of oauth2",
    )


def is_busy(words: str) -> bool:
    """Say whether a refusal means only "not now"."""
    upper = words.upper()
    # RFC 1939 4: before response codes existed a locked maildrop was said in words.
    return any(code in upper for code in _BUSY) or (
        "[" not in words and "LOCK" in upper and ("MAILDROP" in upper or "ALREADY" in upper)
    )


def no_starttls(where: str, why: str) -> MailboxError:
    """Return the error for a server that `why` cannot be spoken to in TLS as required."""
    return MailboxError(
        f"{where}: STARTTLS is required, but the server {why}; no password was sent",
        cure='check port, or set security to "tls"',
    )


def early_text(where: str) -> MailboxError:
    """Return the error for text in the clear that was to be taken for part of the TLS session."""
    return MailboxError(
        f"{where} sent text between STARTTLS and the TLS handshake; somebody may be tampering "
        "with the connection, so no password was sent"
    )


def failure(err: Exception, where: str, doing: str, secrets: Secrets) -> MailboxError:
    """Turn whatever the network, TLS or a library raised while `doing` into one sentence."""
    if isinstance(err, MailboxError):
        return err
    if isinstance(err, ListbridgeError):
        return MailboxError(f"{where}: {err.fault}", cure=err.cure)
    if isinstance(err, ssl.SSLError):
        fault, tls_cure = _tls_trouble(err)
        return MailboxError(f"{where} {fault}", cure=tls_cure)
    if isinstance(err, OSError | EOFError):
        fault, cure = _network_trouble(err, doing)
        return MailboxError(f"{where} {fault}", cure=cure)
    if isinstance(err, imaplib.IMAP4.readonly):
        return only_for_reading(where)
    if is_refusal(err):
        return refusal(where, f"refused {doing}", server_words(err), secrets)
    if isinstance(err, imaplib.IMAP4.abort) and not _NONSENSE.search(str(err)):
        return refusal(where, f"said goodbye while {doing}", server_words(err), secrets)
    # The libraries' parsers let fall whatever they trip over. Its text may hold mail: not shown.
    return MailboxError(
        f"{where} answered nonsense while {doing} ({type(err).__name__})",
        cure="if it stays so, ask who runs the server",
    )


def wrong_place(
    err: Exception,
    where: str,
    greeting: bytes,
    protocol: str,
    contradiction: tuple[str, str] | None,
) -> MailboxError | None:
    """Return the error where connecting failed because something else listens at that port.

    `greeting` is the first line the server sent, `contradiction` what `ports` says of the settings.
    """
    if isinstance(err, ssl.SSLCertVerificationError | ConnectionRefusedError | socket.gaierror):
        return None
    if found := ports.other_protocol(greeting, protocol):
        return MailboxError(f"{where} {found[0]}", cure=found[1])
    if contradiction and not isinstance(err, MailboxError):
        return MailboxError(
            f"{where} cannot be talked to: {contradiction[0]}", cure=contradiction[1]
        )
    return None


def only_for_reading(where: str) -> ReadOnly:
    """Return the error for a folder from which this user may delete nothing."""
    return ReadOnly(
        f"{where} opens the folder only for reading",
        cure="give this user the right to delete there",
    )


def _tls_trouble(err: ssl.SSLError) -> tuple[str, str]:
    if isinstance(err, ssl.SSLCertVerificationError):
        return tls.explained(err)
    if err.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        return "does not speak TLS there", "check port and security"
    return f"broke off the TLS connection ({err.reason or type(err).__name__})", "check security"


def _network_trouble(err: Exception, doing: str) -> tuple[str, str | None]:
    if isinstance(err, network.NoSuchAddress):
        return "has no address of the kind that `ip` asks for", 'set ip to "any"'
    if isinstance(err, socket.gaierror):
        return "is not known by that name", "check host, and whether name resolution works"
    if isinstance(err, ConnectionRefusedError):
        cure = "check host and port, and whether the server is running"
        return "refuses the connection", cure
    if isinstance(err, TimeoutError):
        early = doing == CONNECTING
        cure = "check host, port, security, firewall" if early else "a longer timeout may help"
        return f"did not answer in time while {doing}", cure
    if isinstance(err, ConnectionError | EOFError):
        return f"closed the connection while {doing}", "it is tried again at the next poll"
    why = err.strerror if isinstance(err, OSError) else err
    return f"cannot be reached ({why}) while {doing}", None
