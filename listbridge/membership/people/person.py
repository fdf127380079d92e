"""Whom a list of people names, and what it says of each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from listbridge.guard import safe
from listbridge.membership.subscriber_file import BadLine
from listbridge.message import AddressError, key, normalise, words
from listbridge.notices import catalogue
from listbridge.notices.catalogue import Texts
from storage.states import Origin, Receives, SubscriptionState


class Format(StrEnum):
    """How a list of people can be written."""

    CSV = "csv"  #: ours, or any with a column of addresses
    PLAIN = "plain"  #: an address in each line
    MAILMAN2 = "mailman2"
    MAILMAN3 = "mailman3"
    GOOGLE = "google"
    GROUPSIO = "groupsio"


@dataclass(frozen=True)
class Person:
    """One to be subscribed; None leaves a thing as it is, or as it is by default."""

    address: str  #: normalised
    name: str = ""  #: empty: as it is
    receives: Receives | None = None
    state: SubscriptionState | None = None  #: active or suspended
    suspended_by: Origin | None = None  #: bounces; None: a person
    holiday_until: datetime | None = None
    own_posts: bool | None = None
    language: str | None = None
    acknowledge: bool | None = None
    also: tuple[str, ...] = ()  #: further addresses that he writes from, normalised


@dataclass(frozen=True)
class LeftOut:
    """One who is named and is not to be subscribed."""

    address: str
    why: str


@dataclass(frozen=True)
class Staff:
    """One who looks after the list there."""

    role: str  #: owner or moderator
    address: str


@dataclass(frozen=True)
class Bad:
    """A place that names nobody although it should."""

    problem: str


#: What one row or line comes to.
Found = Person | LeftOut | Staff | Bad


@dataclass
class People:
    """Everybody in a file."""

    format: Format
    people: list[Person] = field(default_factory=list)  #: each once
    left_out: list[LeftOut] = field(default_factory=list)
    staff: list[Staff] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    repeated: int = 0  #: how often somebody was named once more; the first time counts
    #: The first line that is not UTF-8. What all are then taken for is good enough for names alone.
    guessed: int | None = None
    #: What an installation says in notices, by which it has languages; None: nobody asks for one.
    texts: Texts | None = None

    def add(self, lines: Iterable[tuple[int, Iterator[Found]]]) -> None:
        """Take in what each line comes to, with its number; one that raises is bad."""
        known: set[str] = set()
        for number, found in lines:
            try:
                for one in list(found):
                    self._take(number, one, known)
            except ValueError as err:
                self.bad.append(BadLine(number, str(err)))

    def _take(self, number: int, one: Found, known: set[str]) -> None:
        if isinstance(one, Bad):
            self.bad.append(BadLine(number, one.problem))
        elif isinstance(one, LeftOut):
            self.left_out.append(one)
        elif isinstance(one, Staff):
            self.staff.append(one)
        elif self.guessed and not one.address.isascii():
            raise AddressError("the address is not ASCII, and the file is not UTF-8; save it so")
        elif one.language and self.texts is not None and not self._is_known(one.language):
            some = ", ".join(sorted(catalogue.languages(self.texts)))
            raise ValueError(f"language is {one.language!r}; there are notices in {some}")
        elif key(one.address) in known:
            self.repeated += 1
        else:
            known.add(key(one.address))
            self.people.append(one)

    def _is_known(self, language: str) -> bool:
        assert self.texts is not None
        return catalogue.is_known(language, self.texts)


def address(text: str) -> str:
    """Return the address that stands in a cell; raise `AddressError` if there is none."""
    if not text.strip():
        raise AddressError("there is no address")
    return normalise(text)


def name(text: str) -> str:
    """Return a person's name as it is meant: Mailman writes what is not ASCII by RFC 2047."""
    text = text.strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the name holds half of a sign; write it anew") from None
    return safe(words.decode(text.encode()) if "=?" in text else text, "the name")
