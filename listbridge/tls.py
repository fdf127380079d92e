"""TLS as it is demanded everywhere: name and chain verified, 1.2 or newer; and what goes wrong."""

import functools
import re
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from listbridge import guard, network
from listbridge.errors import ListbridgeError

# OpenSSL's X509_V_ERR_ numbers.
_EXPIRED = 10
_NOT_YET_VALID = 9
_WRONG_NAME = (62, 64)
#: What to do about a certificate for another name.
OTHER_NAME_CURE = "set host to the name it was issued for"
_MOST_NAMED = 5
# The last line of an answer: SMTP's, POP3's, and IMAP's greeting or tagged one.
_ANSWERED = re.compile(rb"(?m)^(?:\d{3} |[+-]|\* |a )[^\n]*\n\Z")
_LONGEST_ANSWER = 4096
_PEM = "name a PEM file that holds"


class TlsError(ListbridgeError):
    """A file with certificates or a key cannot be used."""


def context(
    ca_file: Path | None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Return the context that verifies servers, trusting `ca_file` in addition.

    `certificate` is what we show ourselves, with the chain above it; its `key` may be in the same
    file. Raises `TlsError`.
    """
    return _context(ca_file, certificate, key, tuple(map(_changed, (ca_file, certificate, key))))


# Loading the system's trust roots takes milliseconds, and thousands of mailboxes share them.
# The files' times are part of the key, so that a renewed one is seen.
@functools.lru_cache(maxsize=64)
def _context(
    ca_file: Path | None, certificate: Path | None, key: Path | None, _times: tuple[int, ...]
) -> ssl.SSLContext:
    made = ssl.create_default_context()
    # RFC 8996; Python may have been built to leave this to the system's settings.
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        _load_trust(made, ca_file)
    if certificate is not None:
        _load_own(made, certificate, key)
    return made


def _load_trust(made: ssl.SSLContext, ca_file: Path) -> None:
    try:
        made.load_verify_locations(cafile=ca_file)
    except ssl.SSLError:
        why = "holds no certificate in PEM form"
    except OSError as err:
        why = f"cannot be read: {err.strerror}"
    else:
        return
    cure = f"{_PEM} the certificate of the server's authority"
    raise TlsError(f"the ca_file {ca_file} {why}", cure=cure)


def _load_own(made: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    what = f"the client_certificate {certificate}" + (f" with its key {key}" if key else "")
    try:
        # Without the function OpenSSL would ask for a passphrase on the terminal.
        made.load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as err:
        reason = (err.reason or "no reason given").lower().replace("_", " ")
        why = f"cannot be used ({reason})"
    except OSError as err:
        why = f"cannot be read: {err.strerror}"
    else:
        return
    cure = f"{_PEM} the certificate, and in client_key its key without a passphrase"
    raise TlsError(f"{what} {why}", cure=cure)


def _no_passphrase() -> str:
    return ""


def _changed(path: Path | None) -> int:
    try:
        return path.stat().st_mtime_ns if path else 0
    except OSError:
        return 0  # Loading it says what is wrong.


def names_shown(
    host: str, port: int, seconds: float, ca_file: Path | None, asking: Sequence[bytes] = ()
) -> tuple[str, ...]:
    """Return what a trusted certificate was issued for, where it is for another name than `host`.

    Nothing is said to the server but the handshake of TLS and, before it, the lines `asking` for
    it, each when the server has answered. Empty if there is none to be seen.
    """
    looking = ssl.create_default_context()
    looking.minimum_version = ssl.TLSVersion.TLSv1_2
    looking.check_hostname = False
    try:
        if ca_file is not None:
            _load_trust(looking, ca_file)
        with (
            network.dial(host, port, seconds) as sock,
            _asked(sock, asking) as asked,
            looking.wrap_socket(asked, server_hostname=host) as session,
        ):
            certificate = session.getpeercert() or {}
    except (OSError, TlsError):
        return ()
    names = [str(one[1]) for one in certificate.get("subjectAltName", ())]
    return tuple(name for name in names if guard.is_safe(name))[:_MOST_NAMED]


def _asked(sock: socket.socket, lines: Sequence[bytes]) -> socket.socket:
    for line in lines:
        _await_answer(sock)
        sock.sendall(line)
    if lines:
        _await_answer(sock)
    return sock


def _await_answer(sock: socket.socket) -> None:
    heard = b""
    while not _ANSWERED.search(heard) and len(heard) < _LONGEST_ANSWER:
        more = sock.recv(_LONGEST_ANSWER)
        if not more:
            raise ConnectionError("the server has hung up")
        heard += more


def explained(err: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """Return what is wrong with a server's certificate, to go behind its name, and the cure."""
    if err.verify_code == _EXPIRED:
        return "shows a certificate that has expired", "it has to be renewed on the server"
    if err.verify_code == _NOT_YET_VALID:
        return "shows a certificate that is not valid yet", "see that this machine's clock is right"
    if err.verify_code in _WRONG_NAME:
        fault = "shows a certificate for another name"
        return fault, OTHER_NAME_CURE
    return (
        f"shows a certificate that is not trusted ({err.verify_message or 'not valid'})",
        "if it is your own, name its authority's certificate in ca_file",
    )
