"""Signed and encrypted mail, which is never altered (RFC 1847, 3156, 8551)."""

import re

from listbridge.message import parts
from listbridge.message.parts import Part

_PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_SIGNATURES = (
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
)
# At the start of a line only: a quoted one in a reply protects nothing any more.
_INLINE_SIGNED = re.compile(rb"[\r\n]-----BEGIN PGP SIGNED MESSAGE-----")
_INLINE_ENCRYPTED = re.compile(rb"[\r\n]-----BEGIN PGP MESSAGE-----")
_LONGEST_MARK = 40


def is_signed(raw: bytes, root: Part) -> bool:
    """Say whether any part is signed; what lies inside an attached message does not count."""
    return any(_signed(raw, part) for part in root.own())


def is_encrypted(raw: bytes, root: Part) -> bool:
    """Say whether any part is encrypted; what lies inside an attached message does not count."""
    return any(_encrypted(raw, part) for part in root.own())


def is_protected(raw: bytes, part: Part) -> bool:
    """Say whether altering what lies in this very part would break a signature or a cipher."""
    return _signed(raw, part) or _encrypted(raw, part)


def _signed(raw: bytes, part: Part) -> bool:
    if part.type == "multipart/signed" or part.type in _SIGNATURES:
        return True
    if part.type in _PKCS7:
        return part.content.param("smime-type").lower() in ("signed-data", "certs-only")
    return _inline(raw, part, _INLINE_SIGNED, b"PGP SIGNED MESSAGE")


def _encrypted(raw: bytes, part: Part) -> bool:
    if part.type in ("multipart/encrypted", "application/pgp-encrypted"):
        return True
    if part.type in _PKCS7:
        return not _signed(raw, part)
    return _inline(raw, part, _INLINE_ENCRYPTED, b"BEGIN PGP MESSAGE")


def _inline(raw: bytes, part: Part, mark: re.Pattern[bytes], words: bytes) -> bool:
    if part.children or part.content.main not in ("text", "multipart"):
        return False
    # Searching plain bytes first keeps a large text cheap.
    if part.content.encoding != "base64" and raw.find(words, part.body_start, part.end) < 0:
        return False
    before = b"\n"
    for chunk in parts.chunks(raw, part):
        looked_at = before + chunk
        if words in looked_at and mark.search(looked_at):
            return True
        before = looked_at[-_LONGEST_MARK:]
    return False
