"""One thing that was looked at: what was seen of it, and how to mend it where it is not right."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What `check` says about one thing; never holds a secret or a message's text."""

    category: str | None  #: the slug; None for what concerns the whole service
    what: str  #: such as "incoming login"
    ok: bool
    seen: str  #: what works, or what is wrong, in plain words
    cure: str | None  #: what to do about it; None when `ok`


def fine(category: str | None, what: str, seen: str) -> Finding:
    """Return the finding for something that works."""
    return Finding(category, what, True, seen, None)


def wrong(category: str | None, what: str, seen: str, cure: str) -> Finding:
    """Return the finding for something that does not work, or will not."""
    return Finding(category, what, False, seen, cure)
