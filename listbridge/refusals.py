"""Why a server refuses a login, by the words it says; the three protocols' servers share them.

No standard covers the words. Those recognised here are collected, each with its source, in
fixtures/refusals.toml; where there is a response code (RFC 5530, RFC 3206) it is among them.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """What a refusal means."""

    meaning: str  #: goes on after "refuses the login of NAME: "
    cure: str
    passing: bool = False  #: whether it can succeed later, with nothing changed


_KNOWN: tuple[tuple[str, Refusal], ...] = (
    (
        r"too many (?:\w+ )?(?:log ?in|auth|bad auth|failed)[\w ]*(?:attempts|failures)?",
        Refusal(
            "too many logins, or too many that failed, in a short time",
            "wait; if no other program logs in with an old password, poll less often",
            passing=True,
        ),
    ),
    (
        r"too many (?:\w+ )?connections|maximum (?:number of )?connections?|connection limit"
        r"|concurrent connections",
        Refusal(
            "too many connections at the same time",
            "close other mail programs, set idle = false, or lower max_connections",
            passing=True,
        ),
    ),
    (
        r"application[- ]specific password|app(?:lication)?[- ]?passwords?\b|InvalidSecondFactor"
        r"|two-(?:step|factor) ",
        Refusal(
            "it wants an app password instead of the usual one",
            "make an app password in the account's security settings, and use that",
        ),
    ),
    (
        r"basic authentication is (?:disabled|not supported)|BasicAuth(?:Blocked|Disabled)"
        r"|5\.7\.30\b",
        Refusal(
            "it has ended logins by password",
            "set oauth2 in the place of password, and run `listbridge oauth login`",
        ),
    ),
    (
        r"SmtpClientAuthentication is disabled",
        Refusal(
            "sending by programs is switched off for this mailbox",
            "have the administrator switch on authenticated SMTP for this mailbox",
        ),
    ),
    (
        r"not enabled for (?:IMAP|POP)|yet to enable (?:IMAP|POP)|(?:IMAP|POP3?) (?:access )?is "
        r"(?:disabled|not enabled|switched off)|(?:IMAP|POP3?) access (?:disabled|not enabled)"
        r"|logins? (?:via|over|by) (?:IMAP|POP3?) (?:is |are )?(?:disabled|not)",
        Refusal(
            "access by mail programs seems to be switched off",
            "switch IMAP or POP3 on in the account's settings on the provider's web pages; else "
            "check username and password",
        ),
    ),
    (
        r"log ?in (?:via|through|with) your (?:web )?browser|WEBALERT|continue ?sign ?in",
        Refusal(
            "it wants to see you on its web pages first",
            "log in there once, confirm that it was you, and use an app password or oauth2",
        ),
    ),
    (
        r"PRIVACYREQUIRED|plain ?text authentication (?:is )?(?:disallowed|not allowed|disabled)"
        r"|must issue a STARTTLS|only available under a layer|ENCRYPTIONREQUIRED"
        r"|encryption (?:is )?required|5\.7\.11\b",
        Refusal(
            "it takes no password over a connection in the clear",
            'set security to "tls" or "starttls"',
        ),
    ),
    (
        r"\[EXPIRED\]|password (?:has |is )?expired",
        Refusal("the password has expired", "set a new one with the provider, and here"),
    ),
    (
        r"account (?:has been |is )?(?:temporarily )?(?:disabled|locked|suspended|blocked|inactive)"
        r"|\[CONTACTADMIN\]|user is (?:disabled|locked)",
        Refusal(
            "the account is locked",
            "log in on the provider's web pages to see why, or ask its support",
        ),
    ),
    (
        r"authenticat\w+ (?:is )?not (?:enabled|available|supported)|not advertised",
        Refusal(
            "it takes no logins there",
            "check port and security; mail is usually sent over port 465 or 587",
        ),
    ),
)
_COMPILED = tuple((re.compile(words, re.IGNORECASE), meant) for words, meant in _KNOWN)
# Longer than any answer that means something; what follows is not looked at.
_LONGEST = 1_000


def understand(words: str) -> Refusal | None:
    """Return what a server's words mean; None where they say only that the login is refused."""
    heard = words[:_LONGEST]
    return next((meant for pattern, meant in _COMPILED if pattern.search(heard)), None)
