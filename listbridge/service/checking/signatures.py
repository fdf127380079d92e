"""Findings about DKIM: the keys, and whether the DNS has the public ones for receivers."""

import time
from collections.abc import Iterator

from listbridge import nameservers
from listbridge.delivery import signing
from listbridge.delivery.signing import NoSigningKey
from listbridge.dmarc.asking import Asking
from listbridge.dmarc.walk import Unanswered
from listbridge.message import Key
from listbridge.message.dkim import related
from listbridge.service.checking import secrets
from listbridge.service.checking.finding import Finding, fine, wrong
from listbridge.submission import DkimSettings

_SECONDS = 5.0
# A TXT record consists of strings of at most 255 octets (RFC 1035 3.3.14).
_LONGEST_STRING = 255


def check_signatures(
    slug: str, address: str, settings: DkimSettings, *, offline: bool
) -> Iterator[Finding]:
    """Yield a finding for each key, and one about whose signature it is."""
    domain = settings.domain or ""
    for selector, secret in settings.keys.items():
        what = f"outgoing dkim {selector}"
        try:
            key = signing.key(selector, secret)
        except NoSigningKey as err:
            cure = err.cure or "put a key there, or name another place under [outgoing.dkim]"
            yield wrong(slug, what, err.fault, cure)
            continue
        seen = f"{_described(key)} {secrets.source(secret)}"
        if offline:
            yield fine(slug, what, seen)
        else:
            yield _published(slug, what, seen, f"{selector}._domainkey.{domain}", key)
    yield _alignment(slug, address, domain)


def _described(key: Key) -> str:
    return f"a key of RSA, {key.bits} bits," if key.kind == "rsa" else "a key of Ed25519"


def _published(slug: str, what: str, seen: str, name: str, key: Key) -> Finding:
    publish = f"publish in the DNS: {name}. TXT {quoted(key.record)}"
    found = _texts(name)
    if found is None:
        said = f"{seen}; no name server says whether {name} has its public key"
        return wrong(slug, what, said, "see that the DNS of this machine and of the domain answers")
    records = [tags for text in found if (tags := _tags(text)) is not None]
    if not records:
        return wrong(slug, what, f"{seen}; {name} has no TXT record with its public key", publish)
    if len(records) > 1:
        said = f"{seen}; {name} has {len(records)} such TXT records, and receivers know not which"
        return wrong(slug, what, said, f"leave one: {quoted(key.record)}")
    fault = _fault(records[0], key)
    if fault is not None:
        return wrong(slug, what, f"{seen}; the TXT record of {name} {fault}", publish)
    test = ", with t=y: a test, so that receivers may ignore it" * ("y" in _flags(records[0], "t"))
    return fine(slug, what, f"{seen}; {name} has its public key{test}")


def _texts(name: str) -> tuple[str, ...] | None:
    """Return the TXT records of a name; None where nobody answers."""
    resolver = nameservers.system_resolver()
    if resolver is None:
        return None
    try:
        return Asking(resolver, time.monotonic() + _SECONDS).texts(name)
    except Unanswered:
        return None


def _tags(text: str) -> dict[str, str] | None:
    """Read a key record (RFC 6376 3.6.1); None if it is none."""
    pairs = (piece.partition("=") for piece in text.split(";"))
    tags = {name.strip(): "".join(value.split()) for name, equals, value in pairs if equals}
    return tags if "p" in tags and tags.get("v", "DKIM1") == "DKIM1" else None


def _fault(tags: dict[str, str], key: Key) -> str | None:
    if not tags["p"]:
        return "is empty, by which a key is revoked"
    if tags.get("k", "rsa") != key.kind or tags["p"] != key.public:
        return "has another key"
    if not {"sha256"} & _flags(tags, "h", "sha256"):
        return "does not allow SHA-256 (h=)"
    if not {"*", "email"} & _flags(tags, "s", "*"):
        return "does not allow mail (s=)"
    return None


def _flags(tags: dict[str, str], name: str, usual: str = "") -> set[str]:
    return set(tags.get(name, usual).split(":"))


def quoted(record: str) -> str:
    """Write a TXT record as zone files have it."""
    pieces = range(0, len(record), _LONGEST_STRING)
    return " ".join(f'"{record[at : at + _LONGEST_STRING]}"' for at in pieces)


def _alignment(slug: str, address: str, domain: str) -> Finding:
    what, own = "outgoing dkim domain", address.rpartition("@")[2].lower()
    if related(own, domain):
        seen = f"{domain} vouches for mail from {address} (DMARC)"
    else:
        seen = f"{domain} is not the domain of {address}, so it does not vouch for it (DMARC)"
    return fine(slug, what, seen)
