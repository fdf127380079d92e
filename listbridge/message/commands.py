"""Commands by mail: what somebody wants of a list rather than write to it.

Only what nobody would write as a post is a command: a whole subject, a whole body under an empty
subject, or an address that is there for commands alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from listbridge.message import addresses, tokens
from listbridge.message.errors import AddressError
from listbridge.message.parse import ParsedMessage


class Word(StrEnum):
    """What can be wanted."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    LEAVE = "leave"  #: the same, by the token that every copy for him bears
    CONFIRM = "confirm"
    OPTIONS = "options"
    SET = "set"
    RESUME = "resume"  #: posts again, after mail came back
    ADD_ADDRESS = "add-address"
    REMOVE_ADDRESS = "remove-address"
    HELP = "help"
    MUTE = "mute"  #: the argument is the number of a post; none: the one that is answered
    UNMUTE = "unmute"
    GET = "get"  #: a post, by its number
    OWNER = "owner"  #: the mail is for the owners
    MODERATE = "moderate"  #: an answer to what a moderator was asked, known by what it answers


@dataclass(frozen=True)
class Command:
    """What is wanted; the argument of `confirm`, `leave` and `moderate` is a secret, or none."""

    word: Word
    argument: str = field(default="", repr=False)


# Joined and left in these words, too, as Mailman has it.
_BY_ADDRESS = {
    "subscribe": Word.SUBSCRIBE,
    "join": Word.SUBSCRIBE,
    "unsubscribe": Word.UNSUBSCRIBE,
    "leave": Word.UNSUBSCRIBE,
    "options": Word.OPTIONS,
    "resume": Word.RESUME,
    "help": Word.HELP,
    "mute": Word.MUTE,
    "unmute": Word.UNMUTE,
    "owner": Word.OWNER,
}
_REQUEST = "request"
# What is set, and to what; anything else after "set" is a sentence.
_SET = re.compile(
    r"set (receives (?:each|digest|mime-digest|updates|none)|holiday (?:\d{4}-\d{2}-\d{2}|off)"
    r"|own-posts (?:on|off|default)|acknowledge (?:on|off)|language (?:[a-z]{2,3}|default))",
    re.IGNORECASE,
)
# What is done with one post or its thread, by the post's number.
_NUMBERED = re.compile(r"(mute|unmute|get) #?(\d{1,12})", re.IGNORECASE)
# As the whole answer to a post; with the mark of other systems, too.
_OF_THREAD = re.compile(r"#?(mute|unmute)\.?", re.IGNORECASE)
# How mail programs begin what they quote: ">", a line, a head, or "Ann wrote:".
_QUOTED = re.compile(r">|-{4}|_{4}|(?:from|von|de)\s?:|.*:$", re.IGNORECASE)
_SIMPLE = re.compile(r"subscribe|unsubscribe|help|options|resume", re.IGNORECASE)
# What people also give to a post as its subject.
_TITLES = (Word.HELP, Word.OPTIONS, Word.RESUME)
_ADDRESS = re.compile(r"((?:add|remove)-address) <?([^\s<>]+@[^\s<>]+)>?", re.IGNORECASE)
_ANSWERED = re.compile(
    r"(?:(?:re|aw|sv|vs|antw|odp|res|rif|r)(?:\[\d+\])?\s?:|\[[^\]]*\])\s*", re.I
)
_FORWARDED = re.compile(r"(?:fwd?|wg|tr|rv|enc|i|vb|vl|pd)\s?:", re.IGNORECASE)
# What servers note of the envelope, and what people write.
_NOTED = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
_WRITTEN = ("To", "Cc")
# Below that it is what a telephone adds: "Sent from my …".
_MOST_WORDS = 6


def command(parsed: ParsedMessage, address: str) -> Command | None:
    """Return the command that a mail to the list at `address` is, or None."""
    tag = _tag(parsed, address)
    if tag == _REQUEST:
        return _by_subject(parsed) or _in_first_line(parsed) or Command(Word.HELP)
    if tag is not None:
        [*found] = tokens.found_in(tag)
        return _with_token(found[0]) if found else Command(_BY_ADDRESS[tag])
    return _by_subject(parsed) or _by_body(parsed) or _by_answer(parsed)


def leaves(parsed: ParsedMessage, address: str) -> bool:
    """Say whether a mail ends a subscription, as a program may send it when a button is pressed."""
    if not any(map(tokens.is_leave, parsed.tokens)):
        return False
    found = command(parsed, address)
    return found is not None and found.word is Word.LEAVE


def is_for_commands(local: str, own_local: str) -> bool:
    """Say whether a local part is one of those that a list with `own_local` has for commands."""
    return _known_tag(local, own_local) is not None


def _tag(parsed: ParsedMessage, address: str) -> str | None:
    """Return what stands behind the list's own name in the address that the mail was sent to.

    What people write counts only where they do not write to the list itself as well.
    """
    own_local, _, domain = addresses.key(address).rpartition("@")
    for names in (_NOTED, _WRITTEN):
        locals_ = set(_locals(parsed, names, own_local, domain))
        tags = [tag for one in sorted(locals_) if (tag := _known_tag(one, own_local))]
        if tags and (names is _NOTED or own_local not in locals_):
            return tags[0]
    return None


def _locals(
    parsed: ParsedMessage, names: tuple[str, ...], own_local: str, domain: str
) -> Iterator[str]:
    """Yield the local parts of the addresses in these fields that begin as the list's own."""
    for name in names:
        for one in parsed.head.all(name):
            text = addresses.key(one.value.decode("utf-8", "replace"))
            if f"{own_local}+" not in text and f"{own_local}-" not in text:
                if f"{own_local}@{domain}" in text:
                    yield own_local
                continue
            try:
                found = [addresses.key(entry.text) for entry in addresses.entries(one.value)]
            except AddressError:
                continue
            for entry in found:
                local, _, its_domain = entry.rpartition("<")[2].rstrip(">").rpartition("@")
                if its_domain == domain:
                    yield local


def _known_tag(local: str, own_local: str) -> str | None:
    if not local.startswith((f"{own_local}+", f"{own_local}-")):
        return None
    tag = local[len(own_local) + 1 :]
    is_known = tag == _REQUEST or tag in _BY_ADDRESS or tokens.is_token(tag)
    return tag if is_known else None


def _by_subject(parsed: ParsedMessage) -> Command | None:
    if not parsed.tokens:
        return _read(parsed.subject, parsed)
    subject = parsed.head.text("Subject")
    found = tokens.found_in(subject)
    if found:
        # Who sends a confirmation on wants to show it, not to answer it.
        return None if _is_forwarded(subject) else _with_token(found[0])
    return _read(subject, parsed)


def _with_token(secret: str) -> Command:
    return Command(Word.LEAVE if tokens.is_leave(secret) else Word.CONFIRM, secret)


def _is_forwarded(subject: str) -> bool:
    position = 0
    while match := _ANSWERED.match(subject, position):
        position = match.end()
    return _FORWARDED.match(subject, position) is not None


def _by_body(parsed: ParsedMessage) -> Command | None:
    """A whole body, under an empty subject."""
    if parsed.subject or len(_own_lines(parsed)) != 1:
        return None
    return _in_first_line(parsed)


def _by_answer(parsed: ParsedMessage) -> Command | None:
    """An answer to a post with that one word, and nothing besides what it quotes."""
    if not parsed.references:
        return None
    [line, *more] = _own_lines(parsed) or [""]
    word = _OF_THREAD.fullmatch(line)
    # What names the author of a quotation may take two lines.
    is_all = not more or any(_QUOTED.match(one) for one in more[:2])
    return Command(Word(word[1].lower())) if word and is_all else None


def _in_first_line(parsed: ParsedMessage) -> Command | None:
    [line, *_] = [*_own_lines(parsed), ""]
    if tokens.is_blotted(line) and parsed.tokens:
        return _with_token(parsed.tokens[0])
    return _read(line, parsed)


def _read(text: str, parsed: ParsedMessage) -> Command | None:
    if _SIMPLE.fullmatch(text):
        word = Word(text.lower())
        return None if word in _TITLES and not _says_little(parsed) else Command(word)
    if named := _ADDRESS.fullmatch(text):
        return Command(Word(named[1].lower()), named[2])
    if (numbered := _NUMBERED.fullmatch(text)) and _says_little(parsed):
        return Command(Word(numbered[1].lower()), numbered[2])
    wish = _SET.fullmatch(text)
    return Command(Word.SET, wish[1].lower()) if wish else None


def _says_little(parsed: ParsedMessage) -> bool:
    """Say whether there is hardly any text: "Help" may well be the subject of a post."""
    words = " ".join(_own_lines(parsed)).split()
    return not parsed.attachments and len(words) <= _MOST_WORDS


def _own_lines(parsed: ParsedMessage) -> list[str]:
    """The lines with something in them, up to the signature (RFC 3676 4.3)."""
    lines = []
    for line in parsed.text.splitlines():
        if line.rstrip() == "--":
            break
        if line.strip():
            lines.append(" ".join(line.split()))
    return lines
