"""Message-IDs and the fields that name other messages by them (RFC 5322 3.6.4)."""

import re

from listbridge.message import words
from listbridge.message.headers import Head

# No bracket inside, so a run of "<" costs one look each; longer than a line is no identifier.
_ID = re.compile(r"<([^<>]{1,998})>")
_BARE = re.compile(r"[^\s<>]{1,998}")
_MOST = 100  #: references that are kept: the nearest, and the root
# Exchange and some lists replace the Message-ID and keep the original in one of these.
_ALIASES = ("X-Microsoft-Original-Message-ID", "X-Original-Message-ID")


def message_id(head: Head) -> str | None:
    """The message's own id with its angle brackets, or None where it has none worth the name."""
    value = head.text("Message-ID")
    found = ids(value)
    if found:
        return found[0]
    # Some programs forget the brackets.
    bare = _BARE.search(value)
    return f"<{bare[0]}>" if bare and "@" in bare[0] else None


def aliases(head: Head) -> tuple[str, ...]:
    """Other ids under which people may have this very message."""
    found = (i for name in _ALIASES for f in head.all(name) for i in ids(f.text))
    return tuple(dict.fromkeys(found))


def references(head: Head) -> tuple[str, ...]:
    """The ids of what this message answers, nearest first, each once, the message's own left out.

    References wins; In-Reply-To is only a fallback, hence comes behind it.
    """
    thread = [i for f in head.all("References") for i in ids(f.text)]
    fallback = [i for f in head.all("In-Reply-To") for i in ids(f.text)]
    own = message_id(head)
    found = [i for i in dict.fromkeys([*reversed(thread), *fallback]) if i != own]
    if len(found) <= _MOST:
        return tuple(found)
    root = next((i for i in thread if i != own), found[-1])
    nearest = [i for i in found[:_MOST] if i != root][: _MOST - 1]
    return (*nearest, root)


def ids(value: str) -> list[str]:
    """Every id in angle brackets. Blanks within are left by folding and belong to nobody's id."""
    found = ("".join(match[1].split()) for match in _ID.finditer(words.tidy(value)))
    return [f"<{inner}>" for inner in found if inner]
