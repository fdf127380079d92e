"""Signed and encrypted mail, which is never altered (RFC 1847, 3156, 8551)."""

import re
from dataclasses import dataclass

from listbridge.message import parts
from listbridge.message.parts import Part

_PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_SIGNATURES = (
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
)
# At the start of a line only: a quoted one in a reply protects nothing any more.
_INLINE = re.compile(rb"[\r\n]-----BEGIN PGP (SIGNED )?MESSAGE-----")
_WORDS = b"BEGIN PGP "  # without the dashes, which may be encoded
_LONGEST_MARK = 40


@dataclass(frozen=True)
class Protection:
    """What altering would break."""

    signed: bool = False  #: S/MIME or PGP, as a part or inline
    encrypted: bool = False

    def __bool__(self) -> bool:
        return self.signed or self.encrypted


def of_message(raw: bytes, root: Part) -> Protection:
    """Say how any of the parts is protected; what lies inside an attached message does not count.

    A large part is decoded for it, so this is to be asked once.
    """
    found = [of_part(raw, part) for part in root.own()]
    return Protection(any(x.signed for x in found), any(x.encrypted for x in found))


def of_part(raw: bytes, part: Part) -> Protection:
    """Say how this very part protects what lies in it."""
    if part.type in _PKCS7:
        signed = part.content.param("smime-type").lower() in ("signed-data", "certs-only")
        return Protection(signed, not signed)
    inline = _inline(raw, part)
    return Protection(
        inline.signed or part.type == "multipart/signed" or part.type in _SIGNATURES,
        inline.encrypted or part.type in ("multipart/encrypted", "application/pgp-encrypted"),
    )


def _inline(raw: bytes, part: Part) -> Protection:
    if part.children or part.content.main not in ("text", "multipart"):
        return Protection()
    # Searching plain bytes first keeps a large text cheap.
    if part.content.encoding != "base64" and raw.find(_WORDS, part.body_start, part.end) < 0:
        return Protection()
    found: set[bytes] = set()
    before = b"\n"
    for chunk in parts.chunks(raw, part):
        looked_at = before + chunk
        if _WORDS in looked_at:
            found.update(match[1] or b"" for match in _INLINE.finditer(looked_at))
        before = looked_at[-_LONGEST_MARK:]
    return Protection(b"SIGNED " in found, b"" in found)
