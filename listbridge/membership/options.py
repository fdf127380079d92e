"""What a subscriber can choose: how it is written, what it comes to, and how it is told."""

from dataclasses import dataclass
from datetime import UTC, datetime

from listbridge.category import Category
from listbridge.errors import ListbridgeError
from listbridge.notices import catalogue, word
from listbridge.notices.catalogue import Texts
from storage import aliases, muted, subscriptions
from storage.database import Tx
from storage.states import Receives
from storage.subscriptions import Subscription

_ACKNOWLEDGE = {"on": True, "off": False}
# More would not be read.
_MOST_MUTED = 20
_OWN_POSTS = {"on": True, "off": False, "default": None}


class NoSuchOption(ListbridgeError):
    """What was asked for is not to be had; the sentence says why."""


@dataclass(frozen=True)
class Option:
    """One choice: a column of the subscription, and its new value."""

    column: str
    value: str | bool | datetime | None


@dataclass(frozen=True)
class Muting:
    """A thread, by one of its posts, of which no more is wanted, or is wanted again."""

    post_id: int
    mute: bool


def read(wish: str, now: datetime, texts: Texts) -> Option | Muting:
    """Understand `receives none`, `holiday 2026-12-24`, `own-posts off`, `language de`, `mute 17`.

    Raise `NoSuchOption` for anything else, for a holiday that is over, and for a language in which
    there are no notices, neither built-in ones nor `texts`.
    """
    name, _, value = wish.partition(" ")
    if name == "receives" and value in {*Receives}:
        return Option("receives", Receives(value))
    if name == "holiday":
        return Option("holiday_until", holiday(value, now))
    if name == "own-posts" and value in _OWN_POSTS:
        return Option("own_posts", _OWN_POSTS[value])
    if name == "acknowledge" and value in _ACKNOWLEDGE:
        return Option("acknowledge", _ACKNOWLEDGE[value])
    if name in ("mute", "unmute") and value.isdecimal():
        return Muting(int(value), name == "mute")
    if name == "language" and value:
        return Option("language", language(value, texts))
    raise NoSuchOption(f"there is no option “{wish}”")


def holiday(text: str, now: datetime) -> datetime | None:
    """Return the beginning of the day (UTC) on which posts come again; None for `off`."""
    if text == "off":
        return None
    try:
        until = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise NoSuchOption(f"“{text}” is no date; write one such as 2026-12-24, or off") from None
    if until <= now:
        raise NoSuchOption(f"{text} is not in the future")
    return until


def language(text: str, texts: Texts) -> str | None:
    """Return a language in which there are notices, or None for `default`: the category's."""
    if text == "default":
        return None
    if not catalogue.is_known(text, texts):
        known = ", ".join(sorted(catalogue.languages(texts)))
        raise NoSuchOption(f"there are no notices in “{text}”; there are some in {known}")
    return text


def choose(tx: Tx, category_id: int, key: str, option: Option | Muting, now: datetime) -> None:
    """Put an option of a subscription into effect, by the key of its address."""
    if isinstance(option, Muting):
        one = subscriptions.find(tx, category_id, key)
        assert one is not None
        put = muted.mute if option.mute else muted.unmute
        put(tx, one.id, option.post_id)
        return
    subscriptions.change(tx, category_id, key, now, **{option.column: option.value})


def shown(tx: Tx, category: Category, one: Subscription, now: datetime) -> dict[str, str]:
    """Return the options of a subscription in words, by the names that notices know."""
    language = one.language or category.language

    def said(name: str) -> str:
        return word(name, language, category.texts) or name

    own_posts = {given: name for name, given in _OWN_POSTS.items()}[one.own_posts]
    is_away = one.holiday_until is not None and one.holiday_until > now
    return {
        "receives": f"{one.receives} ({said(one.receives)})",
        "holiday": f"{one.holiday_until:%Y-%m-%d}" if is_away else f"off ({said('off')})",
        "own_posts": f"{own_posts} ({said(own_posts)})",
        "language": one.language or f"default ({category.language})",
        "addresses": ", ".join((one.address, *aliases.of(tx, one.id))),
        "acknowledge": f"on ({said('on')})" if one.acknowledge else f"off ({said('off')})",
        "muted": _muted(tx, one) or said("nothing-muted"),
    }


def _muted(tx: Tx, one: Subscription) -> str:
    found = muted.threads(tx, one.id, _MOST_MUTED)
    return "; ".join(f"{subject or '…'} ({number})" for number, subject in found)
