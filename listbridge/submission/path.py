"""How an address is written between the angle brackets of MAIL and RCPT (RFC 5321 4.1.2)."""

import re

from email_validator import EmailNotValidError, validate_email

from listbridge.guard import is_safe

_BREAKS_OUT = re.compile(r"[<>\s]")


class UnusableAddress(ValueError):
    """This address cannot be written into an SMTP command; the text says why, without it."""


def path_of(address: str, *, smtputf8: bool) -> str:
    """Return `address` for the wire: its domain in ASCII, its local part as it is.

    A local part outside ASCII needs a server with SMTPUTF8 (RFC 6531 3.2).
    """
    if not is_safe(address) or _BREAKS_OUT.search(address):
        raise UnusableAddress("holds a space, a bracket or a control character")
    local, at, domain = address.rpartition("@")
    if not (local and at and domain):
        raise UnusableAddress("is not of the form name@domain")
    if not local.isascii():
        _require_utf8(local, smtputf8)
    return f"{local}@{domain if domain.isascii() else _ascii_domain(domain)}"


def _require_utf8(local: str, smtputf8: bool) -> None:
    if not smtputf8:
        raise UnusableAddress(
            "has letters outside ASCII before the @, and the server does not offer SMTPUTF8"
        )
    try:
        local.encode("utf-8")
    except UnicodeEncodeError:
        raise UnusableAddress("is not valid Unicode text") from None


def _ascii_domain(domain: str) -> str:
    # Not the codec "idna" of the standard library: its rules of 2003 turn straße into strasse,
    # which may be somebody else's domain.
    try:
        checked = validate_email(f"x@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise UnusableAddress("has a domain that cannot be written in ASCII (IDNA)") from None
    return checked.ascii_domain
