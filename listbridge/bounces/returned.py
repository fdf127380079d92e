"""The message that came back with a report: its head, and the Message-IDs it may have had."""

import re
from collections.abc import Iterator

from listbridge.message import headers, messageids, parts
from listbridge.message.headers import Head
from listbridge.message.parts import Part

_MESSAGES = ("message/rfc822", "message/global")
_HEADS = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")
_MOST_OCTETS = 64 * 1024
_MOST_IDS = 10
# Reports in plain text only have it at their end, now and then quoted or indented.
_IN_TEXT = re.compile(r"^[ \t>|]{0,8}Message-I[Dd]:[ \t]*(<[^<>\s]{1,300}>)", re.MULTILINE)


def head(raw: bytes, root: Part) -> Head | None:
    """Return the head of the returned message, if the report has it as a part."""
    return next(_heads(raw, root), None)


def message_ids(returned: Head | None, text: str) -> tuple[str, ...]:
    """Return the ids the message may be known by, also where a server has put in another one."""
    if returned is not None:
        own = messageids.message_id(returned)
        found = [*([own] if own else []), *messageids.aliases(returned)]
    else:
        found = _IN_TEXT.findall(text)
    return tuple(dict.fromkeys(found))[:_MOST_IDS]


def _heads(raw: bytes, root: Part) -> Iterator[Head]:
    for part in root.own():
        if part is root:
            continue
        if part.type in _MESSAGES and part.children:
            yield part.children[0].head
        elif part.type in (*_MESSAGES, *_HEADS):
            encoded = raw[part.body_start : min(part.end, part.body_start + _MOST_OCTETS)]
            octets = parts.decoded(encoded, part.content.encoding)
            yield headers.split(octets.lstrip(b"\r\n"))[0]
