"""What went wrong while connecting, and what an administrator can do about it."""

import socket
import ssl

import aiosmtplib

from listbridge.submission.replies import Reply, shown
from listbridge.submission.settings import OutgoingSettings


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
        reason = shown(cause.verify_message or "not valid")
        return f"shows a certificate we do not trust ({reason})", "check host, or set ca_file"
    if isinstance(err, TimeoutError) or isinstance(cause, TimeoutError):
        wait = f"{settings.timeout.total_seconds():g} s"
        cure = f"check host, {_port(settings)} and the firewall"
        return f"did not answer within {wait}", cure
    if isinstance(cause, ssl.SSLError):
        reason = shown(cause.reason or "no reason given")
        return f"cannot be talked to over TLS ({reason})", f"check {_port(settings)}"
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
    if isinstance(err, aiosmtplib.SMTPAuthenticationError):
        return f'refuses the login of {settings.username}: "{words}"', "check username and password"
    if isinstance(err, aiosmtplib.SMTPHeloError):
        return f'refuses our greeting: "{words}"', "check hello_name"
    if isinstance(err, aiosmtplib.SMTPConnectResponseError):
        return f'does not want to serve us: "{words}"', "check host, or try again later"
    return f'refuses to begin encryption: "{words}"', f"check {_port(settings)}"


def _port(settings: OutgoingSettings) -> str:
    """Name the two keys that are most often at odds, with the usual pairs."""
    return f'port and security ("{settings.security}" here; 465 is "tls", 587 is "starttls")'
