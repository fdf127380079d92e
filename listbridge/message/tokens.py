"""Tokens as people send them back, wherever they are quoted.

`confirm-` and 26 letters and digits answer a question; `leave-` and 34 end a subscription. Whoever
knows one can do so in another's name. So none is shown or sent on: it is blotted out in place, sign
by sign, which leaves the offsets of all parts, and what encodes them, as they are.
"""

import base64
import re
import secrets
from collections.abc import Iterable, Iterator

from listbridge.message import parts, protection
from listbridge.message.errors import MessageError
from listbridge.message.parts import Part

_CONFIRM, _LEAVE = _MARKS = ("confirm-", "leave-")
_OCTETS = 16  # 128 bits
_DIGITS = 26  # of base32 (RFC 4648 6), without padding
_WHOSE = 8  # digits more, in front, by which the subscription is found
_LENGTH = len(_CONFIRM) + _DIGITS + _WHOSE
_BLOT = "*"
_PIECE = 1 << 16
_TEXT = re.compile(
    rf"({'|'.join(_MARKS)})([a-z2-7]{{{_DIGITS}}}(?:[a-z2-7]{{{_WHOSE}}})?)(?![a-z2-7])",
    re.IGNORECASE,
)
_BYTES = re.compile(_TEXT.pattern.encode(), re.IGNORECASE)
# A line of quoted-printable may end anywhere, and go on in the next (RFC 2045 6.7).
_SOFT = rb"(?:=\r?\n)?"
_SOFT_MARKS = b"|".join(_SOFT.join(re.escape(ch.encode()) for ch in mark) for mark in _MARKS)
_QUOTED_PRINTABLE = re.compile(
    b"(?:%b)" % _SOFT_MARKS
    + rb"(?:%b[a-z2-7]){%d}" % (_SOFT, _DIGITS)
    + rb"(?:(?:%b[a-z2-7]){%d})?" % (_SOFT, _WHOSE),
    re.IGNORECASE,
)
_BLOTTED = (_CONFIRM + _BLOT * _DIGITS, _LEAVE + _BLOT * (_DIGITS + _WHOSE))
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+")


def new_secret() -> str:
    """Return 128 random bits in lower-case letters and digits."""
    return base64.b32encode(secrets.token_bytes(_OCTETS)).decode("ascii").rstrip("=").lower()


def written(secret: str) -> str:
    """Return the token as people are sent it."""
    return _CONFIRM + secret


def written_leave(secret: str) -> str:
    """Return the token that ends a subscription, as subscribers are sent it."""
    return _LEAVE + secret


def is_leave(secret: str) -> bool:
    """Say whether a secret is of the kind that ends a subscription."""
    return len(secret) > _DIGITS


def stand_in() -> str:
    """Return what looks like a secret that ends a subscription, and is none."""
    return new_secret() + new_secret()[:_WHOSE]


def is_token(text: str) -> bool:
    """Say whether this is one token and nothing else."""
    return _TEXT.fullmatch(text) is not None


def found_in(text: str) -> tuple[str, ...]:
    """Return the secrets of the tokens in a text, each once, in lower case."""
    return tuple(dict.fromkeys(one[2].lower() for one in _TEXT.finditer(text)))


def blotted(text: str) -> str:
    """Return the text with its tokens made useless."""
    return _TEXT.sub(lambda found: found[1].lower() + _BLOT * len(found[2]), text)


def is_blotted(line: str) -> bool:
    """Say whether a line is one token, made useless, with or without `confirm` in front."""
    return line.removeprefix("confirm ") in _BLOTTED


def holds_blotted(line: str) -> bool:
    """Say whether there is a token in a line, made useless."""
    return any(one in line for one in _BLOTTED)


def without_blotted(text: str) -> str:
    """Return the text without tokens that were made useless."""
    for one in _BLOTTED:
        text = text.replace(one, "")
    return text


def quoted(raw: bytes, root: Part) -> tuple[str, ...]:
    """Return the secrets of the tokens that a message shows to whoever reads it."""
    found: dict[str, None] = {}
    if _shows_mark(raw):
        found |= dict.fromkeys(_in(raw))
    for part in _every(root):
        if part.content.main == "text" and part.content.encoding in ("base64", "quoted-printable"):
            found |= dict.fromkeys(_in_pieces(parts.chunks(raw, part)))
        if part is not root and part.head.first("Subject") is not None:
            found |= dict.fromkeys(found_in(part.head.text("Subject")))
    return tuple(found)


def blotted_bytes(raw: bytes, root: Part) -> bytes:
    """Return the message with the tokens in its texts made useless; every offset stays.

    In encoded words of a header they stay: what stands there has to be made void.
    """
    made = bytearray(_QUOTED_PRINTABLE.sub(_blotted_signs, _BYTES.sub(_blotted_signs, raw)))
    for part in _every(root):
        if part.content.main == "text" and part.content.encoding == "base64":
            octets = parts.payload(raw, part)
            if _BYTES.search(octets):
                body = _in_base64(parts.body(raw, part), _BYTES.sub(_blotted_signs, octets))
                if len(body) == part.end - part.body_start:  # else there is garbage in between
                    made[part.body_start : part.end] = body
    return bytes(made)


def without_tokens(raw: bytes) -> bytes:
    """Return a message to be shown to others; what is signed or encrypted stays as it is.

    So does what cannot be read.
    """
    try:
        root = parts.tree(raw)
        if not quoted(raw, root) or protection.of_message(raw, root):
            return raw
        return blotted_bytes(raw, root)
    except MessageError:
        return raw


def _every(part: Part) -> Iterator[Part]:
    """All parts, attached messages and what is in them included."""
    yield part
    for child in part.children:
        yield from _every(child)


def _in(octets: bytes) -> list[str]:
    return [one[2].decode("ascii").lower() for one in _BYTES.finditer(octets)]


def _shows_mark(octets: bytes) -> bool:
    """Say whether to look closer, which takes far longer."""
    # In pieces, as each is copied in lower case.
    for start in range(0, len(octets), _PIECE):
        piece = octets[start : start + _PIECE + _LENGTH].lower()
        if any(mark.encode() in piece for mark in _MARKS):
            return True
    return False


def _in_pieces(pieces: Iterable[bytes]) -> Iterator[str]:
    tail = b""
    for piece in pieces:
        window = tail + piece
        if _shows_mark(window):
            yield from _in(window)
        tail = window[-_LENGTH:]


def _blotted_signs(found: re.Match[bytes]) -> bytes:
    """Blot what follows the mark, but no soft line break in it."""
    signs = bytearray(found[0])
    for at in range(signs.index(b"-") + 1, len(signs)):
        if signs[at] not in b"=\r\n":
            signs[at] = ord(_BLOT)
    return bytes(signs)


def _in_base64(body: bytes, octets: bytes) -> bytes:
    """Write octets into the lines in which others of the same number stood."""
    digits = base64.b64encode(octets).rstrip(b"=")
    position = 0

    def line(found: re.Match[bytes]) -> bytes:
        nonlocal position
        start, position = position, position + len(found[0])
        return digits[start:position]

    return _BASE64.sub(line, body)
