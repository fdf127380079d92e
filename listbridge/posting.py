"""Who may post what: one category's [posting] table."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FiniteFloat,
    Strict,
    StrictBool,
    model_validator,
)

from listbridge.message import AddressError, key, normalise
from listbridge.quantities import Size, parse_duration
from listbridge.secret import Secret
from listbridge.settings import MailAddress, Settings
from listbridge.wildcards import is_pattern

Treatment = Literal["accept", "hold", "reject", "discard"]
#: What becomes of a post about which something is wrong.
Refusal = Literal["hold", "reject", "discard"]

_LONGEST_PATTERN = 254
_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}")  # RFC 5322 2.2
_RATE = re.compile(r"(\d{1,6})\s+in\s+(\S+)")
_PASSWORD = re.compile(r"[A-Za-z0-9._-]{8,64}")
_EXTENSION = re.compile(r"\.[^\s./\\]+")
_MEDIA_TYPE = re.compile(r"[^\s/;]+/[^\s/;]+")


@dataclass(frozen=True)
class Rate:
    """So many posts within a time are no cause for alarm."""

    posts: int
    within: timedelta
    written: str  #: the time as people write it, such as "1h"


def _rate(value: object) -> Rate:
    if isinstance(value, Rate):
        return value
    found = _RATE.fullmatch(str(value).strip())
    if found is None or not int(found[1]):
        raise ValueError('write a number of posts and a time, such as "20 in 1h"')
    within = parse_duration(found[2])
    if not within:
        raise ValueError('write a time above zero, such as "20 in 1h"')
    return Rate(int(found[1]), within, found[2])


def _some_size(value: int) -> int:
    if value <= 0:
        raise ValueError('write a size above zero, such as "10MB"')
    return value


def _sender(text: str) -> str:
    """Return an address, a domain or a pattern as authors are compared with it."""
    text = text.strip()
    if is_pattern(text):
        return _sender_pattern(text)
    local, _, domain = text.rpartition("@")
    try:
        whole = key(normalise(text if local else f"anybody@{domain}"))
    except AddressError:
        sentence = f"{text[:80]!r} is no address, no domain, and no pattern with * or ?"
        raise ValueError(sentence) from None
    return whole if local else whole.rpartition("@")[2]


def _sender_pattern(text: str) -> str:
    if len(text) > _LONGEST_PATTERN or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError(
            f"write a pattern of at most {_LONGEST_PATTERN} characters, without blanks and \\"
        )
    if not text.strip("*?@."):
        raise ValueError(f"{text!r} is everybody; say with members and non_members what they may")
    if not text.rpartition("@")[2].isascii():
        raise ValueError(f"write the domain in {text!r} as servers do, with xn--")
    return key(text)


def attachment_kind(text: str) -> str:
    text = text.strip().lower()
    if not (_EXTENSION.fullmatch(text) or _MEDIA_TYPE.fullmatch(text)):
        raise ValueError(f'{text!r} is neither an extension, such as ".pdf", nor a type: "image/*"')
    if len(text) > _LONGEST_PATTERN:
        raise ValueError(f"write at most {_LONGEST_PATTERN} characters")
    return text


def _field_name(text: str) -> str:
    if not _FIELD_NAME.fullmatch(text):
        raise ValueError('write the name of a header field, such as "X-Spam-Flag"')
    return text


def _server(text: str) -> str:
    if text and not text.strip("*?."):
        raise ValueError("name the server; a forger's results would count as well otherwise")
    return text.lower()


def _value_pattern(text: str) -> str:
    if not 0 < len(text) <= _LONGEST_PATTERN:
        raise ValueError(f"write a pattern of 1 to {_LONGEST_PATTERN} characters")
    return text


Sender = Annotated[str, AfterValidator(_sender)]
AttachmentKind = Annotated[str, AfterValidator(attachment_kind)]
SomeSize = Annotated[Size, AfterValidator(_some_size)]
Count = Annotated[int, Field(ge=0, le=1000, strict=True)]
PostRate = Annotated[Rate, BeforeValidator(_rate)]


class HeaderRule(Settings):
    """What becomes of a post by the value of one header field."""

    name: Annotated[str, AfterValidator(_field_name)]
    matches: Annotated[str, AfterValidator(_value_pattern)] | None = None
    at_least: Annotated[FiniteFloat, Strict()] | None = None
    #: What stands before the number that is compared; empty: the value begins with it.
    behind: str = ""
    #: The value is what a post must have, not what it must not have.
    required: StrictBool = False
    action: Refusal = "hold"

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if self.matches is not None and self.at_least is not None:
            raise ValueError("matches and at_least exclude each other; write two rules")
        if self.behind and self.at_least is None:
            raise ValueError("behind says where the number stands that at_least is compared with")
        return self


def check_password(password: str) -> str:
    """Return a posting password; raise `ValueError` for one that is no part of an address.

    So many of these characters every server takes, and nobody guesses.
    """
    if not _PASSWORD.fullmatch(password):
        raise ValueError(
            "the posting password must be 8 to 64 letters, digits, dots, underscores or hyphens"
        )
    return password


class Posting(Settings):
    """What becomes of a post, by who wrote it and what is in it."""

    members: Treatment = "accept"
    non_members: Treatment = "hold"
    max_size: SomeSize = 10_000_000  #: bytes
    own_copy: StrictBool = True
    allow: tuple[Sender, ...] = ()
    block: tuple[Sender, ...] = ()
    blocked: Refusal = "discard"
    hold_all: StrictBool = False
    first_posts: Count = 0
    max_attachments: Count | None = None
    allow_attachments: tuple[AttachmentKind, ...] = ()  #: none: every kind
    block_attachments: tuple[AttachmentKind, ...] = ()
    attachments: Refusal = "hold"
    headers: tuple[HeaderRule, ...] = ()
    max_by_author: PostRate | None = None
    max_in_thread: PostRate | None = None
    #: Whether who has the same post by another category gets it once more by this one.
    cross_posts: Literal["each", "once"] = "each"
    umbrellas: tuple[MailAddress, ...] = ()  #: whose posts are taken, as they came to them
    password: Secret | None = Field(default=None, repr=False)
    authenticate: Literal["off", "hold", "require"] = "off"
    #: Who writes the Authentication-Results that count (RFC 8601 2.2), in lower case; empty: a
    #: server that leaves its name out.
    authserv_id: Annotated[str, AfterValidator(_server)] | None = None

    @model_validator(mode="after")
    def _fit_password(self) -> Self:
        if self.password is not None and self.password.literal is not None:
            check_password(self.password.literal.get_secret_value())
        return self

    @property
    def knows_others(self) -> bool:
        """Whether it matters what other categories have made of a post."""
        return self.cross_posts == "once" or bool(self.umbrellas)

    def umbrella_of(self, passed: Iterable[str]) -> bool:
        """Say whether one of the umbrellas is among these lists, by the keys of their addresses."""
        return bool(self.umbrellas) and not {*map(key, self.umbrellas)}.isdisjoint(passed)
