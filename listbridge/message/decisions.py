"""What a moderator answers: one word, and perhaps a reason."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from listbridge.message import tokens
from listbridge.message.own_words import own_words
from listbridge.message.parse import ParsedMessage


class Decision(StrEnum):
    """What can be decided about a held post; catalogues have the words for it by these names."""

    APPROVE = "approve"
    LET_IN = "let-in"  #: approve it, and hold its author no more
    REJECT = "reject"
    DISCARD = "discard"


@dataclass(frozen=True)
class Answer:
    """A decision that was understood."""

    decision: Decision
    note: str | None = None  #: why it is rejected, for its author


#: The words, in lower case, for each decision, in whatever languages; of two for letting in.
Words = Mapping[str, Decision]

_WORD = re.compile(r"[^\W\d_]+")
_NOT = frozenset(
    ("no", "not", "never", "don", "nein", "nicht", "nie", "kein", "non", "pas", "jamais", "ne")
)
# What may stand between two words that are one decision; a full stop ends it.
_BETWEEN = re.compile(r"[ \t,]*")
_LONGEST_NOTE = 2000  #: characters


def read(parsed: ParsedMessage, words: Words) -> Answer | None:
    """Return what an answer says, or None where that is not beyond doubt.

    A subject that is nothing but a decision, and perhaps the token, goes first: so it is where one
    of our links was followed. Else the first line of what he has written himself says it.
    """
    own = own_words(parsed)
    first = own.partition("\n")[0]
    by_text = _decision(first, words)
    by_subject = _in_subject(parsed, words)
    if by_subject is None:
        return None if by_text is None else _answer(by_text, _behind(own))
    # Who follows a link and then writes something else has changed his mind, or is mistaken. Only
    # a reason may begin with any word.
    is_reason = by_subject is Decision.REJECT and not _is_only(by_text, first, words)
    if by_text not in (None, by_subject) and not is_reason:
        return None
    note = _behind(own) if by_text is by_subject else own
    return _answer(by_subject, note)


def _in_subject(parsed: ParsedMessage, words: Words) -> Decision | None:
    """Only what no mail program and no author of a held post can have written there."""
    shown = tokens.without_blotted(parsed.subject).strip()
    found = _decision(shown, words)
    return found if found and _is_only(found, shown, words) else None


def _decision(line: str, words: Words) -> Decision | None:
    """Return what the first word of a line decides, or its first two."""
    said = [one.lower() for one in _WORD.findall(line)]
    if not said or not _begins_with_word(line):
        return None
    found = (words.get(" ".join(said[:2])) if _is_one(line) else None) or words.get(said[0])
    # "Approve? No!"; a reason may well say what is not.
    if found is not Decision.REJECT and ("?" in line or _NOT & {*said}):
        return None
    return None if _behind_first(line).startswith("?") else found


def _is_one(line: str) -> bool:
    """Say whether the first two words can be meant as one."""
    first, *second = islice(_WORD.finditer(line), 2)
    return bool(second) and _BETWEEN.fullmatch(line, first.end(), second[0].start()) is not None


def _begins_with_word(line: str) -> bool:
    return _WORD.match(line.lstrip(" \t*\"'“„«")) is not None


def _is_only(found: Decision | None, line: str, words: Words) -> bool:
    said = " ".join(one.lower() for one in _WORD.findall(line))
    return found is not None and words.get(said) is found


def _behind(own: str) -> str:
    """What stands behind the first word."""
    return _behind_first(own).lstrip(" \t*\"'”“»:;,.!–—-\r\n")


def _behind_first(text: str) -> str:
    first = _WORD.search(text)
    return text[first.end() :] if first else ""


def _answer(found: Decision, note: str) -> Answer:
    if found is not Decision.REJECT:
        return Answer(found)
    return Answer(found, note.strip()[:_LONGEST_NOTE] or None)
