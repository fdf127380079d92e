"""What notices say: a file for each language, and what an installation says in its place.

    texts/LANGUAGE.toml      the built-in ones; a further language is one more file
    FOLDER/LANGUAGE.toml     the same keys, as many as are wanted, from the folder `templates`

A text knows the names below and nothing else: no code, no other value can be put into it.
"""

import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from string import Template
from typing import Any

Texts = Mapping[str, Mapping[str, Mapping[str, str]]]

#: Has every notice; others may leave some out.
FALLBACK = "en"
_PARTS = ("subject", "text", "html")
_WORDS = "words"


class Notice(StrEnum):
    """The notices there are."""

    CONFIRM_SUBSCRIBE = "confirm-subscribe"
    CONFIRM_UNSUBSCRIBE = "confirm-unsubscribe"
    CONFIRM_OPTIONS = "confirm-options"
    WELCOME = "welcome"
    GOODBYE = "goodbye"
    ALREADY_SUBSCRIBED = "already-subscribed"
    NOT_SUBSCRIBED = "not-subscribed"
    CLOSED = "closed"
    NOT_VALID = "not-valid"
    HELP = "help"
    OPTIONS = "options"
    HELD = "held"
    REJECTED = "rejected"
    TO_OWNERS = "to-owners"
    PROBE = "probe"
    CONFIRM_RESUME = "confirm-resume"
    RESUMED = "resumed"
    SUSPENDED = "suspended"
    CONFIRM_ADDRESS = "confirm-address"
    ADDRESS_TAKEN = "address-taken"
    BOUNCE_REPORT = "bounce-report"
    NEWS = "news"
    HELD_POST = "held-post"
    HELD_POSTS = "held-posts"
    DECIDED = "decided"
    TOO_LATE = "too-late"
    UNCLEAR = "unclear"
    NO_CODE = "no-code"
    ACCEPTED = "accepted"
    UPDATE = "update"
    NO_POST = "no-post"
    DIGEST = "digest"


#: What every notice knows.
_ALWAYS = frozenset({"list", "address", "owner", "member"})
# What can be answered, as a word and as a link, see `moderation.asking`.
_DECISIONS = {"approve", "let_in", "reject", "discard"} | {
    "approve_link",
    "let_in_link",
    "reject_link",
    "discard_link",
}
#: What some know besides.
_MORE = {
    Notice.CONFIRM_SUBSCRIBE: {"code", "until"},
    Notice.CONFIRM_UNSUBSCRIBE: {"code", "until"},
    Notice.CONFIRM_OPTIONS: {"code", "until", "change"},
    Notice.OPTIONS: {
        *("receives", "holiday", "own_posts", "language"),
        *("addresses", "acknowledge", "muted"),
    },
    Notice.HELD: {"subject", "reason"},
    Notice.REJECTED: {"subject", "reason"},
    Notice.TO_OWNERS: {"subject", "text"},
    Notice.PROBE: {"code", "until", "reason"},
    Notice.CONFIRM_RESUME: {"code", "until"},
    Notice.CONFIRM_ADDRESS: {"code", "until", "subscriber"},
    Notice.ADDRESS_TAKEN: {"other"},
    Notice.BOUNCE_REPORT: {"since", "text"},
    Notice.NEWS: {"text"},
    Notice.HELD_POST: {"subject", "author", "reason", "rule", "passed", "text", "post"}
    | {"attachment", "remark", "code", "until"}
    | _DECISIONS,
    Notice.HELD_POSTS: {"number", "text", "more", "until"},
    Notice.DECIDED: {"subject", "author", "decision", "by", "at"},
    Notice.TOO_LATE: {"subject", "author", "decision", "by", "at"},
    Notice.UNCLEAR: {"subject", "author", "code", "until"} | _DECISIONS,
    Notice.NO_CODE: set(),
    Notice.ACCEPTED: {"subject", "recipients"},
    Notice.UPDATE: {"subject", "author", "text", "number"},
    Notice.NO_POST: {"number", "reason"},
    Notice.DIGEST: {"issue", "contents", "number"},
}


def names(notice: Notice) -> frozenset[str]:
    """Return the names that a notice's texts may hold."""
    return _ALWAYS | _MORE.get(notice, set())


def of(notice: Notice, language: str, own: Texts) -> Mapping[str, str]:
    """Return what a notice says: `subject`, `text`, and perhaps `html`.

    In that language an installation's `own` text goes before the built-in one, and a language goes
    before English.
    """
    for each in _spoken(language):
        for texts in (own.get(each, {}), _built_in().get(each, {})):
            if notice in texts:
                return texts[notice]
    return _built_in()[FALLBACK][notice]


def word(name: str, language: str, own: Texts) -> str | None:
    """Return a word or phrase that is put into notices, or None if there is none of that name."""
    for each in _spoken(language):
        for texts in (own.get(each, {}), _built_in().get(each, {})):
            if name in texts.get(_WORDS, {}):
                return texts[_WORDS][name]
    return None


def words(language: str) -> Mapping[str, str]:
    """Return the built-in words and phrases of a language."""
    return _built_in()[language][_WORDS]


def word_in_all(name: str, own: Texts) -> list[str]:
    """Return what a word or phrase is in every language, built-in or not."""
    every = [texts.get(_WORDS, {}) for source in (_built_in(), own) for texts in source.values()]
    return list(dict.fromkeys(words[name] for words in every if name in words))


def languages(own: Texts) -> frozenset[str]:
    """Return the languages that are built in, and those that an installation adds."""
    return frozenset(_built_in()) | own.keys()


def is_known(language: str, own: Texts) -> bool:
    """Say whether there are notices in a language, be it in that of another region."""
    return not languages(own).isdisjoint(_named(language))


def read(table: Mapping[str, Any]) -> tuple[dict[str, dict[str, str]], dict[tuple[str, ...], str]]:
    """Return the texts of a file that can be used, and what is wrong with others, by their place.

    A notice with a mistake is left out as a whole, so that the built-in one is used.
    """
    usable: dict[str, dict[str, str]] = {}
    wrong: dict[tuple[str, ...], str] = {}
    for name, texts in table.items():
        found = dict(_mistakes(name, texts))
        wrong |= found
        if not found:
            usable[name] = dict(texts)
    return usable, wrong


def _mistakes(name: str, texts: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    if name != _WORDS and name not in {*Notice}:
        yield (name,), f"there is no such notice; there are {', '.join(sorted(Notice))}"
        return
    if not isinstance(texts, dict):
        yield (name,), "expected a table"
        return
    for key, text in texts.items():
        if not isinstance(text, str):
            yield (name, key), "expected a text in quotation marks"
        elif name != _WORDS:
            yield from _mistakes_in(Notice(name), key, text)
    if name != _WORDS:
        for key in ("subject", "text"):
            if key not in texts:
                yield (name,), f"the notice needs {key!r} as well"


def _mistakes_in(notice: Notice, key: str, text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    place = (notice.value, key)
    if key not in _PARTS:
        yield place, f"expected {', '.join(_PARTS)}"
        return
    template, known = Template(text), names(notice)
    if not template.is_valid():
        yield place, "a $ is followed by no name; write $$ for the sign itself"
        return
    used = template.get_identifiers()
    for unknown in sorted(set(used) - known):
        shown = ", ".join(f"${one}" for one in sorted(known))
        yield place, f"${unknown} is not known here; this notice knows {shown}"
    if key == "subject" and "code" in known and "code" not in used:
        yield place, "the subject must hold $code, by which an answer is known"
    if key == "subject" and "\n" in text.strip():
        yield place, "a subject is one line"


def _spoken(language: str) -> Iterator[str]:
    """A language, without its region, and English."""
    yield from dict.fromkeys((*_named(language), FALLBACK))


def _named(language: str) -> tuple[str, str]:
    low = language.lower().replace("_", "-")
    return low, low.partition("-")[0]


@cache
def _built_in() -> dict[str, dict[str, dict[str, str]]]:
    folder = resources.files("listbridge.notices") / "texts"
    return {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }
