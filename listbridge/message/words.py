"""Header text: encoded words (RFC 2047) both ways, and charsets that do not deserve trust."""

import base64
import binascii
import codecs
import re
from functools import lru_cache

from listbridge.guard import is_safe, safe

# No part can match across a "?" or a blank, so each character is looked at a few times at most.
_WORD = re.compile(rb"=\?([^?\s]{1,80})\?([bBqQ])\?([^?\s]*)\?=")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Codecs that are no charsets of mail: two are quadratic, the escapes make surrogates.
_REFUSED = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7"}
# RFC 2047 2: an encoded word has at most 75 characters; "=?utf-8?b?" and "?=" take 12 of them.
_PAYLOAD_OCTETS = 45


def decode(value: bytes) -> str:
    """Read a header value: encoded words, UTF-8 or windows-1252 in between, tidied for display."""
    pieces: list[str] = []
    pending, charset, position = b"", "", 0
    for match in _WORD.finditer(value):
        between = value[position : match.start()]
        word_charset = match[1].decode("ascii", "replace").partition("*")[0].lower()
        if pending and (between.strip() or word_charset != charset):
            pieces.append(text(pending, charset))
            pending = b""
        # RFC 2047 6.2: blanks between two encoded words are no part of the text.
        if between.strip() or position == 0:
            pieces.append(text(between, "utf-8"))
        pending += _octets(match[2], match[3])
        charset, position = word_charset, match.end()
    pieces.append(text(pending, charset))
    pieces.append(text(value[position:], "utf-8"))
    return tidy("".join(pieces))


def _octets(encoding: bytes, payload: bytes) -> bytes:
    if encoding in b"qQ":
        return binascii.a2b_qp(payload, header=True)
    try:
        return base64.b64decode(payload + b"=" * (-len(payload) % 4))
    except binascii.Error:
        return payload


def text(data: bytes, charset: str) -> str:
    """Decode by the declared charset, else UTF-8, else windows-1252; never raises.

    Mail that says nothing or lies is mostly one of the last two; guessing further misfires.
    """
    for name in (charset, "utf-8"):
        known = known_charset(name)
        if known is None:
            continue
        try:
            return _SURROGATE.sub("\ufffd", data.decode(known))
        except (UnicodeError, ValueError):
            continue
    return data.decode("cp1252", "replace")


@lru_cache(maxsize=256)
def known_charset(name: str) -> str | None:
    """Python's name of a charset of mail, or None where there is none."""
    if not 0 < len(name) <= 40 or not name.isascii() or not name.isprintable():
        return None
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    known = found.name.replace("-", "_")
    is_text = getattr(found, "_is_text_encoding", False)
    return None if not is_text or known in _REFUSED else found.name


def tidy(value: str) -> str:
    """Fold blanks to one space and replace every other control character."""
    value = " ".join(value.split())
    if is_safe(value):
        return value
    return "".join(ch if is_safe(ch) else "\ufffd" for ch in value)


def encode(value: str, what: str) -> bytes:
    """Write unstructured text, as encoded words unless it is ASCII; `what` names it in errors."""
    safe(value, what)
    return value.encode("ascii") if value.isascii() else encoded(value)


def encoded(value: str) -> bytes:
    """Write the whole text as encoded words, none of which parts a character (RFC 2047 5)."""
    chunks: list[bytes] = [b""]
    for ch in value:
        octets = ch.encode("utf-8", "replace")
        if len(chunks[-1]) + len(octets) > _PAYLOAD_OCTETS:
            chunks.append(b"")
        chunks[-1] += octets
    return b" ".join(b"=?utf-8?b?" + base64.b64encode(chunk) + b"?=" for chunk in chunks)


def phrase(value: str, what: str) -> bytes:
    """Write a display name: a quoted string, or encoded words when it is not ASCII."""
    safe(value, what)
    if not value.isascii():
        return encoded(value)
    return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'
