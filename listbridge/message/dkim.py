"""Which DKIM signatures still hold after the head has been edited (RFC 6376)."""

import re
from collections import Counter

from listbridge.message.headers import Field, Head, renamed
from listbridge.message.wire import clean

_BLANKS = re.compile(rb"[ \t\r\n]+")
_SIGNATURE = "dkim-signature"
_RENAMED = "X-Original-DKIM-Signature"

_Fields = dict[str, list[Field]]


def signed_by(head: Head) -> list[tuple[str, frozenset[str]]]:
    """Return, for each DKIM-Signature, the signing domain and the names of the fields it covers.

    Both in lower case. Whether the signature is a good one is for the receiving server to say.
    """
    found = []
    for signature in head.all(_SIGNATURE):
        tags = _tags(signature.value)
        names = frozenset(_signed_names(tags))
        found.append((_domain(tags), names))
    return found


def rename_broken(original: Head, edited: Head, *, body_changed: bool) -> Head:
    """Rename each DKIM-Signature that signs something which the edits changed."""
    before, after = _by_name(original), _by_name(edited)
    return Head(
        tuple(
            renamed(f, _RENAMED)
            if f.key == _SIGNATURE and (body_changed or _is_broken(f, before, after))
            else f
            for f in edited.fields
        )
    )


def lost(original: Head, edited: Head, author: str | None) -> bool:
    """Say whether a signature in the name of the author's domain is no longer there.

    That of a domain above or below counts: for DMARC they belong together (RFC 9989 3.2).
    """
    domain = (author or "").rpartition("@")[2].lower()
    held = {field.raw for field in edited.all(_SIGNATURE)}
    return any(
        field.raw not in held and related(_domain(_tags(field.value)), domain)
        for field in original.all(_SIGNATURE)
    )


def canonical(field: Field) -> bytes:
    """Return the field as the relaxed form has it, without its line end (RFC 6376 3.4.2)."""
    return field.key.encode("ascii") + b":" + _BLANKS.sub(b" ", field.value)


def _domain(tags: dict[bytes, bytes]) -> str:
    return tags.get(b"d", b"").decode("ascii", "replace").lower()


def related(one: str, other: str) -> bool:
    """Say whether one domain is the other, above it or below it.

    Close to what DMARC calls aligned (RFC 7489 3.1.1), without a list of public suffixes.
    """
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _by_name(head: Head) -> _Fields:
    found: _Fields = {}
    for field in head.fields:
        found.setdefault(field.key, []).append(field)
    return found


def _is_broken(signature: Field, before: _Fields, after: _Fields) -> bool:
    tags = _tags(signature.value)
    relaxed = tags.get(b"c", b"simple").lower().startswith(b"relaxed")
    # RFC 6376 5.4.2: a name that is listed n times signs the n lowest fields of that name. Listed
    # more often than it occurs, it signs that there is no further one, so a field that is added
    # makes the two lists differ.
    signed = Counter(_signed_names(tags))
    return any(
        [canonical(f) if relaxed else clean(f.raw) for f in before.get(name, [])[-count:]]
        != [canonical(f) if relaxed else f.to_bytes() for f in after.get(name, [])[-count:]]
        for name, count in signed.items()
    )


def _signed_names(tags: dict[bytes, bytes]) -> list[str]:
    return [n.strip().lower().decode("ascii", "replace") for n in tags.get(b"h", b"").split(b":")]


def _tags(value: bytes) -> dict[bytes, bytes]:
    tags: dict[bytes, bytes] = {}
    for piece in value.split(b";"):
        name, equals, content = piece.partition(b"=")
        if equals:
            tags.setdefault(name.strip(), _BLANKS.sub(b"", content))
    return tags
