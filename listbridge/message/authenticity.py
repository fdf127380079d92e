"""Whether a message is by the author whom it names, as far as the mailbox's own server could tell.

Only the topmost Authentication-Results field counts, and only under the name of that server: all
others may have come with the message (RFC 8601 7.1).
"""

from collections.abc import Iterator

from listbridge.message import addresses
from listbridge.message.authentication import Authentication, on_top
from listbridge.message.headers import Head
from listbridge.wildcards import pattern


def doubt(head: Head, author: str, server: str) -> str | None:
    """Say why it may not be by this author, or None if the server has found that it is.

    `server` is a pattern for the name under which the server writes (authserv-id, RFC 8601 2.2);
    empty where it writes none. What DMARC says decides. Without it a DKIM signature or an envelope
    sender of the author's domain, or of one above, is as good (RFC 9989, identifier alignment).
    """
    found = on_top(head)
    if found is None or not pattern(server).matches(found.server):
        return f"the mailbox's server{' ' + server if server else ''} says nothing about it"
    domain = addresses.key(author).rpartition("@")[2]
    verdicts = found.of("dmarc")
    # It is said once. One more is of somebody who got it into a comment or a property.
    if any(one.value == "fail" for one in verdicts) or len(verdicts) > 1:
        return "DMARC failed"
    if verdicts and verdicts[0].value == "pass":
        if _domain(verdicts[0].properties.get("header.from", domain)) == domain:
            return None
        return "DMARC passed for another domain"
    if any(_is_above(one, domain) for one in _passed(found)):
        return None
    return "neither DMARC, nor DKIM or SPF of the author's domain passed"


def _passed(found: Authentication) -> Iterator[str]:
    """Yield the domains for which DKIM or SPF have passed."""
    for method, properties in (("dkim", ("header.d", "header.i")), ("spf", ("smtp.mailfrom",))):
        for one in found.of(method):
            if one.value == "pass":
                # One signature names both; the first is the one that was checked (RFC 6376 3.5).
                named = (one.properties[x] for x in properties if x in one.properties)
                yield _domain(next(named, ""))


def _domain(identity: str) -> str:
    return addresses.key(identity).rpartition("@")[2].rstrip(".")


def _is_above(signer: str, domain: str) -> bool:
    # Whoever has example.org has all below it. The other way round it takes a list of the domains
    # that anybody can have one under, so what is only below is not believed.
    return "." in signer and (domain == signer or domain.endswith(f".{signer}"))
