"""Judges a message that has come back: what receiving servers think of mail from this list."""

from collections.abc import Iterator

from listbridge.message import split
from listbridge.message.authentication import Authentication, topmost
from listbridge.message.dkim import related, signed_by
from listbridge.message.headers import Head
from listbridge.service.checking.finding import Finding, fine, wrong

_WHAT = "probe {}"
_DNS_CURE = "set up {} for {} as the provider that sends describes it, in the DNS of that domain"

_SIGN = "or sign with a key of your own by [outgoing.dkim]"


def judged(slug: str, address: str, raw: bytes) -> Iterator[Finding]:
    """Yield what the mailbox's own server says about SPF, DKIM and DMARC, and what is signed."""
    head, _ = split(raw)
    found = topmost(head)
    domain = address.rpartition("@")[2]
    if found is None or not found.results:
        seen = (
            "the mailbox's server writes no Authentication-Results, so SPF, DKIM and DMARC cannot "
            "be judged here"
        )
        yield fine(slug, _WHAT.format("authentication"), seen)
        return
    yield _spf(slug, domain, found)
    yield _dkim(slug, domain, found)
    yield _dmarc(slug, domain, found)
    yield _unsubscribe(slug, head, found)


def _spf(slug: str, domain: str, found: Authentication) -> Finding:
    what, values = _WHAT.format("SPF"), {one.value for one in found.of("spf")}
    if "pass" in values:
        return fine(slug, what, f"the sending server may send for {domain}")
    if not values:
        return fine(slug, what, "was not looked at; mail within one provider often is not")
    seen = (
        f"{_shown(values)}: the sending server is not known to send for {domain}, so mail may be "
    )
    seen += "taken for forged"
    return wrong(slug, what, seen, _DNS_CURE.format("SPF", domain))


def _dkim(slug: str, domain: str, found: Authentication) -> Finding:
    what, results = _WHAT.format("DKIM"), found.of("dkim")
    passed = _passed_domains(found)
    if any(related(one, domain) for one in passed):
        return fine(slug, what, f"signed for {domain}, and the signature is good")
    cure = f"{_DNS_CURE.format('DKIM', domain)}, {_SIGN}"
    if passed:
        seen = f"signed only for {', '.join(sorted(passed))}, which does not vouch for {domain}"
        return wrong(slug, what, seen, cure)
    if not results:
        return fine(slug, what, "was not looked at; mail within one provider often is not")
    values = {one.value for one in results}
    seen = (
        f"{_shown(values)}: there is no good signature, and large providers want one on list mail"
    )
    return wrong(slug, what, seen, cure)


def _dmarc(slug: str, domain: str, found: Authentication) -> Finding:
    what, values = _WHAT.format("DMARC"), {one.value for one in found.of("dmarc")}
    if "pass" in values:
        return fine(slug, what, f"mail from {domain} passes")
    if not values:
        return fine(slug, what, "was not looked at")
    if "fail" in values:
        seen = f"mail from {domain} fails its own domain's policy, so many servers will refuse it"
        return wrong(slug, what, seen, f"mend SPF or DKIM for {domain} first")
    seen = f"{_shown(values)}: {domain} states no policy, which large providers want from lists"
    return wrong(slug, what, seen, _DNS_CURE.format("DMARC", domain))


def _unsubscribe(slug: str, head: Head, found: Authentication) -> Finding:
    what, good = _WHAT.format("List-Unsubscribe"), _passed_domains(found)
    # RFC 8058 4: the field counts only where a good signature covers it.
    if any("list-unsubscribe" in names for domain, names in signed_by(head) if domain in good):
        return fine(slug, what, "is covered by the signature")
    seen = "is not covered by a good signature, so mail programs may offer no button to unsubscribe"
    return wrong(slug, what, seen, f"have the server that sends sign that field, {_SIGN}")


def _passed_domains(found: Authentication) -> set[str]:
    """Return the domains of the signatures that were found good (RFC 8601 2.7.1)."""
    good = [one.properties for one in found.of("dkim") if one.value == "pass"]
    named = (one.get("header.d") or one.get("header.i", "").rpartition("@")[2] for one in good)
    return {domain.lower() for domain in named if domain}


def _shown(values: set[str]) -> str:
    # The server's words are a few letters of its own; more is not repeated.
    return ", ".join(sorted(value[:20] for value in values if value.isalpha())) or "no result"
