"""One category's settings: what it reads, what it sends, and what it does with a post."""

import math
import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    Strict,
    StrictBool,
    ValidationInfo,
    model_validator,
)

from listbridge.mailbox import IncomingSettings
from listbridge.message import FOOTER_NAMES, PERSONAL_FOOTER_NAMES, key, placeholders
from listbridge.posting import Posting, SomeSize, attachment_kind
from listbridge.quantities import Duration, Size
from listbridge.settings import MailAddress, NonEmpty, Settings
from listbridge.submission import OutgoingSettings

__all__ = [
    "KINDS",
    "Category",
    "CategoryBasics",
    "DigestSettings",
    "Kind",
    "MailAddress",
    "MessageSettings",
    "Moderation",
    "NonEmpty",
    "Posting",
    "Settings",
]

Kind = Literal["discussion", "announce", "newsletter"]
Dropped = Literal["all"] | tuple[str, ...]

#: THE table of what a kind sets: the values of what neither [posting] nor [message] sets itself.
#: Members of an announce list have questions that its moderators want to see, readers of a
#: newsletter write to nobody.
KINDS: Mapping[Kind, Mapping[str, Mapping[str, Any]]] = {
    "discussion": {
        "posting": {"members": "accept", "non_members": "hold", "own_copy": True},
        "message": {"reply_to": "list", "list_post": True},
    },
    "announce": {
        "posting": {"members": "hold", "non_members": "hold", "own_copy": True},
        "message": {"reply_to": "author", "list_post": False},
    },
    "newsletter": {
        "posting": {"members": "reject", "non_members": "reject", "own_copy": True},
        "message": {"reply_to": "author", "list_post": False},
    },
}


_NEED_OWN_COPIES = (
    "{member} and {unsubscribe} are each subscriber's own and need copies of his own; set "
    "personalise = true, or leave them out"
)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _some_time(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError('write a duration above zero, such as "1m"')
    return value


def _footer(text: str, other: ValidationInfo) -> str:
    problem = placeholders.unknown(text, (*FOOTER_NAMES, *PERSONAL_FOOTER_NAMES))
    if problem is None and not other.data.get("personalise", True):
        problem = placeholders.unknown(text, FOOTER_NAMES) and _NEED_OWN_COPIES
    if problem is not None:
        raise ValueError(problem)
    return text


def _some_points(value: float) -> float:
    if not 1 <= value < math.inf:
        raise ValueError("write a number of at least 1, such as 3")
    return value


def _dropped(value: object) -> Dropped:
    if value == "all":
        return "all"
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError('write "all", or a list of kinds, such as [".exe", "image/*"]')
    return tuple(map(attachment_kind, value))


class Members(Settings):
    """How people join and leave by themselves."""

    subscribe: Literal["confirm", "closed"] = "confirm"
    #: Answers a day to mail that anybody can have written in anybody's name.
    answers_per_day: Annotated[int, Field(ge=1, strict=True)] = 500
    #: Whether owners are told of who joins and leaves.
    news: Literal["off", "each", "daily"] = "off"


class MessageSettings(Settings):
    """How the copy that subscribers get differs from what the author wrote."""

    from_: Literal["auto", "author", "list", "wrap"] = Field(
        default="auto", validation_alias="from"
    )
    reply_to: Literal["list", "author", "both"] = "list"
    list_post: StrictBool = True
    subject_prefix: str = ""
    html: Literal["keep", "text"] = "keep"
    drop_attachments: Annotated[Dropped, PlainValidator(_dropped)] = ()
    drop_attachments_above: SomeSize | None = None  #: bytes
    personalise: StrictBool = False
    footer: Annotated[str, AfterValidator(_footer)] = ""  # behind what it depends on


def _time_of_day(value: object) -> time:
    if isinstance(value, time) and value.tzinfo is None:
        return value
    found = _TIME.fullmatch(str(value))
    if found is None:
        raise ValueError('write a time of day, such as "07:00"')
    return time(int(found[1]), int(found[2]))


def _some_size(value: int) -> int:
    if value <= 0:
        raise ValueError('write a size above zero, such as "5MB"')
    return value


class DigestSettings(Settings):
    """When digests are sent, and how large one may be."""

    every: Literal["daily", "weekly"] = "daily"
    #: By the clock of this machine's time zone; weekly ones on Mondays.
    at: Annotated[time, BeforeValidator(_time_of_day)] = time(7, 0)
    #: Octets; once so much has gathered it is sent at once.
    max_size: Annotated[Size, AfterValidator(_some_size)] = 5_000_000


class BounceSettings(Settings):
    """What becomes of a subscriber whose mail comes back."""

    suspend: StrictBool = True
    #: See `bounces.score`.
    threshold: Annotated[float, Strict(), AfterValidator(_some_points)] = 3.0
    #: After so long without an answer the next probe goes to a suspended subscriber.
    probe_every: Annotated[Duration, AfterValidator(_some_time)] = timedelta(days=7)
    probes: Annotated[int, Field(ge=0, le=20, strict=True)] = 3  #: 0: none, and nobody is removed
    remove: StrictBool = True  #: who has answered none of them
    report: Literal["weekly", "off"] = "weekly"


class Moderation(Settings):
    """What moderators get by mail."""

    mail: Literal["each", "daily", "off"] = "each"


class CategoryBasics(Settings):
    """What a category file says and a category keeps."""

    name: str = ""
    address: MailAddress
    kind: Kind = "discussion"
    description: str = ""
    active: StrictBool = True
    poll_every: Annotated[Duration, AfterValidator(_some_time)] = timedelta(minutes=1)
    owners: tuple[MailAddress, ...] = ()
    moderators: tuple[MailAddress, ...] | None = None
    language: NonEmpty = "en"
    incoming: IncomingSettings | None = None
    outgoing: OutgoingSettings | None = None
    posting: Posting = Posting()
    members: Members = Members()
    message: MessageSettings = MessageSettings()
    bounces: BounceSettings = BounceSettings()
    moderation: Moderation = Moderation()
    digest: DigestSettings = DigestSettings()


_TABLES: Mapping[str, type[Settings]] = {"posting": Posting, "message": MessageSettings}


def _with_defaults(table: Settings, values: Mapping[str, Any]) -> Settings:
    """Put these values where the table itself sets none."""
    unset = {name: value for name, value in values.items() if name not in table.model_fields_set}
    return table.model_copy(update=unset)


class Category(CategoryBasics):
    """One category, complete: mail sessions merged, defaults filled in, paths absolute."""

    slug: str
    # Checked when the file was read; checking an address is slow enough to be done once.
    address: str
    owners: tuple[str, ...] = ()
    moderators: tuple[str, ...] = ()
    subscribers_file: Path | None = None
    #: Texts of notices in the place of the built-in ones, checked: by language, notice, and part.
    texts: Mapping[str, Mapping[str, Mapping[str, str]]] = {}

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: dict[str, Any]) -> dict[str, Any]:
        filled = dict(given)
        filled["name"] = given.get("name") or given.get("slug", "")
        if given.get("moderators") is None:
            filled["moderators"] = given.get("owners", ())
        for table, values in KINDS[given.get("kind", "discussion")].items():
            said = _TABLES[table].model_validate(given.get(table, {}))
            filled[table] = _with_defaults(said, values)
        return filled

    @property
    def told_owners(self) -> tuple[str, ...]:
        """Its owners, but not the list itself: nobody would read what it writes to itself."""
        return tuple(one for one in self.owners if key(one) != key(self.address))

    @property
    def can_tell_owners(self) -> bool:
        """Whether there are owners, and a way to write to them."""
        return bool(self.told_owners) and self.outgoing is not None

    def news_due(self, now: datetime) -> datetime | None:
        """Return when owners are to be told of who joins or leaves now; None: not at all."""
        if self.members.news == "off" or not self.can_tell_owners:
            return None
        return now if self.members.news == "each" else now + timedelta(days=1)

    @property
    def staff(self) -> frozenset[str]:
        """The keys of the addresses of its owners and moderators."""
        return frozenset(map(key, (*self.owners, *self.moderators)))
