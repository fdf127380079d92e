"""RFC 3464 delivery reports, and their international form (RFC 6533)."""

import re
from collections.abc import Iterator

from listbridge.bounces import classes
from listbridge.bounces.report import MOST_FAILURES, Failure, shown, usable
from listbridge.message import headers, parts
from listbridge.message.headers import Head
from listbridge.message.parts import Part
from storage.states import BounceClass

_TYPES = ("message/delivery-status", "message/global-delivery-status")
_MOST_OCTETS = 256 * 1024
_BLANK_LINE = re.compile(rb"\n[ \t]*\n")
_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")
# RFC 6533 3: a letter beyond ASCII may be written so.
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
# A comment at the end, as some write behind an address or an action.
_COMMENT = re.compile(r"\([^()]{0,200}\)\s*$")


def failures(raw: bytes, root: Part) -> list[Failure] | None:
    """Return who was not reached; None where no delivery status says of anybody what became of him.

    Who was reached, or whose mail was only passed on, is not among them.
    """
    statuses = [part for part in root.own() if part.type in _TYPES]
    blocks = [block for part in statuses for block in _blocks(raw, part) if _recipients(block)]
    if not blocks:
        return None
    return [one for block in blocks if (one := _failure(block))]


def _blocks(raw: bytes, part: Part) -> Iterator[Head]:
    encoded = raw[part.body_start : min(part.end, part.body_start + _MOST_OCTETS)]
    octets = parts.decoded(encoded, part.content.encoding)
    octets = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # In front of those of the recipients stands one of the message's own.
    for block in _BLANK_LINE.split(octets, MOST_FAILURES + 1)[: MOST_FAILURES + 1]:
        yield headers.split(block.lstrip(b"\n"))[0]


def _recipients(block: Head) -> list[str]:
    fields = (block.text(name) for name in ("Original-Recipient", "Final-Recipient"))
    return list(dict.fromkeys(one for one in map(_address, fields) if one))


def _failure(block: Head) -> Failure | None:
    diagnosis = block.text("Diagnostic-Code")
    words = diagnosis.partition(";")[2] or diagnosis
    declared = _STATUS.search(block.text("Status"))
    status = classes.best_status(declared[1] if declared else None, words)
    class_ = _class(block.text("Action").lower(), status, words)
    if class_ is None:
        return None
    recipient, *others = _recipients(block)
    return Failure(recipient, class_, status, shown(words), tuple(others))


def _class(action: str, status: str | None, words: str) -> BounceClass | None:
    if action.startswith("delayed"):
        return BounceClass.TEMPORARY
    # OpenSMTPD writes `error`; without an action the status is all there is.
    if action.startswith(("fail", "error")) or (not action and status and status[0] == "5"):
        return classes.of_failure(status, words)
    return None


def _address(field: str) -> str | None:
    """Read `rfc822; gone@example.net`; some leave out the type, or put brackets around it."""
    kind, semicolon, address = field.partition(";")
    if not semicolon:
        kind, address = "rfc822", field
    if kind.strip().lower() not in ("rfc822", "utf-8", "smtp", "822"):
        return None
    address = _ESCAPED.sub(_unescaped, _COMMENT.sub("", address))
    return usable(address)


def _unescaped(found: re.Match[str]) -> str:
    point = int(found[1], 16)
    # What is no letter leaves what is no address.
    return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else found[0]
