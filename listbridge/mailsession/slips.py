"""Slips that the samples of other systems' documentation hold, each with its cure."""

import ipaddress
import re

from listbridge.ports import STANDARD

# What a masked password looks like; the word is what Liferay's form shows in its place.
_MASK = re.compile(r"[*•●]+|TEMP_OBFUSCATION_VALUE")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\$\$[^$]+\$\$|%[^%\s]+%")


def wrong_protocol(port: int, protocol: str) -> str | None:
    """Say that a port belongs to another one of imap, pop3 and smtp; None if it does not."""
    owner, _ = STANDARD.get(port, (protocol, False))
    if owner == protocol:
        return None
    plain, encrypted = (
        next(p for p, meaning in STANDARD.items() if meaning == (protocol, tls))
        for tls in (False, True)
    )
    return (
        f"{port} is a port of {owner.upper()}; {protocol.upper()} has {encrypted} with TLS from "
        f"the start, and {plain} without"
    )


def wrong_security(port: int, security: str) -> str | None:
    """Say that a port hardly goes with tls, starttls or none; None if it may."""
    if port not in STANDARD:
        return None
    encrypted = STANDARD[port][1]
    if encrypted and security != "tls":
        return f"on port {port} TLS begins at once, so a connection without it hangs; ask for it"
    if not encrypted and security == "tls":
        return f"on port {port} no TLS is spoken at once; ask for STARTTLS, or take another port"
    return None


def stays_here(host: str) -> bool:
    """Say whether a connection to this host stays on the machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def readable(host: str) -> str:
    """Say what it means that a connection is not encrypted."""
    return f"nothing asks for TLS, so everything on the way to {host} can be read"


def unusable_password(password: str) -> str | None:
    """Say why a text is no password, though it stands in its place; None if it may be one."""
    if _MASK.fullmatch(password):
        return "is masked, so it cannot be read here; give the password itself"
    return placeholder(password) if _PLACEHOLDER.fullmatch(password) else None


def placeholder(value: str) -> str | None:
    """Say that a value has to be filled in by some other program; None if it is one itself."""
    if _PLACEHOLDER.search(value) is None:
        return None
    return "holds a placeholder that only the other system can fill in; write the value itself"


def one_of(value: str, known: tuple[str, ...]) -> str:
    """Say that a word is none of the known ones, and which one it may be."""
    bare = value.strip(" .,;\"'").lower()
    if bare in known:
        too_much = "a full stop too many" if value.rstrip().endswith(".") else "a slip in it"
        return f"is {value!r}, with {too_much}; write {bare}"
    return f"is {value!r}; write {', '.join(known[:-1])} or {known[-1]}"
