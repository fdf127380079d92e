"""What went wrong while connecting, and what an administrator can do about it."""

import socket
import ssl

import aiosmtplib

from listbridge import network, ports, refusals, tls
from listbridge.submission.replies import Reply, shown
from listbridge.submission.settings import OutgoingSettings


class TokenNotTaken(aiosmtplib.SMTPAuthenticationError):
    """The server refuses an access token."""

    def __init__(self, code: int, message: str, complaint: str) -> None:
        super().__init__(code, message)
        self.complaint = complaint  #: what it said about it before, in brackets, or nothing


def explained(settings: OutgoingSettings, err: Exception) -> tuple[str, str | None]:
    """Return where and what, and the cure, for any error of aiosmtplib, a socket or TLS."""
    what, cure = _what(settings, err)
    return f"the SMTP server {settings.place} {what}", cure


def root(err: Exception) -> BaseException:
    """Return what the socket or TLS raised.

    aiosmtplib wraps what it meets while connecting and passes on what it meets in STARTTLS.
    """
    return err.__cause__ if isinstance(err.__cause__, OSError) else err


def _what(settings: OutgoingSettings, err: Exception) -> tuple[str, str | None]:
    cause = root(err)
    if isinstance(err, aiosmtplib.SMTPResponseException):
        return _refusal(settings, err)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return tls.explained(cause)
    if contradiction := _contradiction(settings, cause):
        return contradiction
    if isinstance(err, TimeoutError) or isinstance(cause, TimeoutError):
        wait = f"{settings.timeout.total_seconds():g} s"
        cure = f"check host, {_port(settings)} and the firewall"
        return f"did not answer within {wait}", cure
    if isinstance(cause, ssl.SSLError):
        reason = shown(cause.reason or "no reason given")
        return f"cannot be talked to over TLS ({reason})", f"check {_port(settings)}"
    if isinstance(cause, network.NoSuchAddress):
        return "has no address of the kind that `ip` asks for", 'set ip to "any"'
    if isinstance(cause, socket.gaierror):
        return "has a host name that cannot be found", "check host, and this machine's DNS"
    if isinstance(cause, ConnectionRefusedError):
        cure = "check host and port, and whether the server is running"
        return "refuses connections", cure
    if isinstance(cause, ConnectionError):
        return "closed the connection before we could send", f"check {_port(settings)}"
    if isinstance(cause, OSError):
        why = cause.strerror or type(cause).__name__
        return f"cannot be reached: {why}", "check host and port"
    return f"could not be used: {shown(str(err))}", None


def _refusal(
    settings: OutgoingSettings, err: aiosmtplib.SMTPResponseException
) -> tuple[str, str | None]:
    # aiosmtplib gives -1 to what is no reply at all.
    if err.code < 0:
        return "does not answer like a mail server", f"check host and {_port(settings)}"
    words = Reply(err.code, err.message).words
    if isinstance(err, TokenNotTaken):
        cure = (
            "see whether the provider lets programs send from this account (SMTP AUTH), and whether"
            f" the consent was given by it: `listbridge oauth login {settings.username}`"
        )
        user = settings.username
        return f'refuses the access token of {user}{err.complaint}: "{words}"', cure
    if isinstance(err, aiosmtplib.SMTPAuthenticationError):
        return _login(settings, words)
    if isinstance(err, aiosmtplib.SMTPHeloError):
        return f'refuses our greeting: "{words}"', "check hello_name"
    if isinstance(err, aiosmtplib.SMTPConnectResponseError):
        return f'does not want to serve us: "{words}"', "check host, or try again later"
    return f'refuses to begin encryption: "{words}"', f"check {_port(settings)}"


def _login(settings: OutgoingSettings, words: str) -> tuple[str, str]:
    meant = refusals.understand(words)
    if meant is None:
        return f'refuses the login of {settings.username}: "{words}"', "check username and password"
    fault = f'refuses the login of {settings.username}: {meant.meaning} ("{words}")'
    return fault, meant.cure


def _contradiction(settings: OutgoingSettings, cause: BaseException) -> tuple[str, str] | None:
    """Say that port and security are at odds, where that is why nobody was reached."""
    if isinstance(cause, socket.gaierror | ConnectionRefusedError):
        return None
    found = ports.contradiction("smtp", settings.effective_port, settings.security)
    return (f"cannot be talked to: {found[0]}", found[1]) if found else None


def _port(settings: OutgoingSettings) -> str:
    """Name the two keys that are most often at odds, with the usual pairs."""
    return f'port and security ("{settings.security}" here; 465 is "tls", 587 is "starttls")'
