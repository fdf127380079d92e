"""The alert: one mail with everything the operator must hear of now, and what to do about it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from textwrap import fill

from listbridge.message import words

# A reader acts on the first few; beyond so many of a sort the rest is only named.
_MOST_IN_FULL = 50
_WIDTH = 76
_COMMAND = re.compile("`[^`]*`")
_STAND_IN = "\0"  # for the blanks in a command; no text has it

_FOOT = (
    "Each of these is told once, again after a day if it is still so, and once when it is over. "
    "`listbridge status` and `listbridge check` show how things are now."
)


class What(StrEnum):
    """What an operator is alerted of; the store keeps these names."""

    LOGIN = "login"
    UNREACHABLE = "unreachable"
    MAILBOX = "mailbox"
    DELETIONS = "deletions"
    SUBSCRIBERS = "subscribers"
    OURS = "ours"
    PAUSED = "paused"
    KEY = "key"
    CONSENT = "consent"
    CLIENT = "client"
    SHUNTED = "shunted"
    HELD = "held"
    DELIVERIES = "deliveries"
    QUEUE = "queue"
    REFUSED = "refused"
    DISK = "disk"
    STORE = "store"


_TITLES = {
    What.LOGIN: "{}: the mailbox refuses the login",
    What.UNREACHABLE: "{}: the mailbox cannot be reached",
    What.MAILBOX: "{}: the mailbox cannot be read",
    What.DELETIONS: "{}: deleted mail does not leave the mailbox",
    What.SUBSCRIBERS: "{}: the subscriber file cannot be followed",
    What.OURS: "{}: listbridge itself or its database fails",
    What.PAUSED: "{}: the outgoing account cannot be used",
    What.KEY: "{}: there is no key to sign its mail with",
    What.CONSENT: "{}: the consent for OAuth2 has to be renewed",
    What.CLIENT: "{}: the client secret for OAuth2 has to be renewed",
    What.SHUNTED: "{}: mail was set aside",
    What.HELD: "{}: posts wait for a moderator",
    What.DELIVERIES: "{}: deliveries wait for a decision",
    What.QUEUE: "{}: mail has not left for hours",
    What.REFUSED: "{}: many servers refuse the list's mail",
    What.DISK: "the database's disk is nearly full",
    What.STORE: "the database could not be used",
}


@dataclass(frozen=True)
class Condition:
    """Something that holds now and that the operator must hear of."""

    what: What
    subject: str  #: a category's slug, an account; or empty
    since: datetime | None  #: from when it is known; None: only how often it was so
    sentence: str  #: what is so; it may quote a server
    cure: str  #: what to do


@dataclass(frozen=True)
class Ended:
    """Something that the operator was told and that no longer holds."""

    what: What
    subject: str
    told_at: datetime


def alert(
    *, new: Sequence[Condition], still: Sequence[Condition], over: Sequence[Ended]
) -> tuple[str, str]:
    """Return the subject and the text of a mail that tells all of this."""
    blocks = [
        *_section("New", new),
        *_section("Still so after a day", still),
        *_section_over(over),
        _filled(_FOOT),
    ]
    return f"[listbridge] {_summary(new, still, over)}", "\n\n".join(blocks) + "\n"


def _summary(new: Sequence[Condition], still: Sequence[Condition], over: Sequence[Ended]) -> str:
    """Say it all if it is one thing, else how much there is of each sort."""
    named = [
        *(_title(x) for x in new),
        *(f"still: {_title(x)}" for x in still),
        *(f"over: {_title(x)}" for x in over),
    ]
    if len(named) == 1:
        return named[0]
    counted = ((len(new), "new"), (len(still), "still so"), (len(over), "over"))
    return "alerts: " + ", ".join(f"{number} {sort}" for number, sort in counted if number)


def _section(heading: str, conditions: Sequence[Condition]) -> Iterator[str]:
    if not conditions:
        return
    yield f"== {heading} =="
    for one in conditions[:_MOST_IN_FULL]:
        told = [words.tidy(one.sentence), f"What to do: {one.cure}"]
        if one.since is not None:
            told.insert(1, f"Known since {_shown(one.since)}.")
        yield "\n".join((_title(one), *map(_indented, told)))
    if rest := conditions[_MOST_IN_FULL:]:
        yield "\n".join(("And likewise:", *(f"  {_title(one)}" for one in rest)))


def _section_over(over: Sequence[Ended]) -> Iterator[str]:
    if over:
        yield "== Over =="
        yield "\n".join(f"{_title(one)}  (told {_shown(one.told_at)})" for one in over)


def _title(one: Condition | Ended) -> str:
    return _TITLES[one.what].format(one.subject)


def _indented(text: str) -> str:
    return _filled(text, indent="  ")


def _filled(text: str, indent: str = "") -> str:
    """Break the text into lines, but no command, which people copy from here."""
    unbroken = _COMMAND.sub(lambda command: command[0].replace(" ", _STAND_IN), text)
    lines = fill(
        unbroken,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace(_STAND_IN, " ")


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
