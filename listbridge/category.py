"""One category's settings: what it reads, what it sends, and what it does with a post."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from listbridge.mailbox import IncomingSettings
from listbridge.message import FOOTER_NAMES, AddressError, normalise, placeholders
from listbridge.quantities import Duration, Size
from listbridge.submission import OutgoingSettings

Treatment = Literal["accept", "hold", "reject", "discard"]


def _address(text: str) -> str:
    try:
        return normalise(text)
    except AddressError as err:
        raise ValueError(str(err)) from None


def _some_time(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError('write a duration above zero, such as "1m"')
    return value


def _some_size(value: int) -> int:
    if value <= 0:
        raise ValueError('write a size above zero, such as "10MB"')
    return value


def _footer(text: str) -> str:
    problem = placeholders.unknown(text, FOOTER_NAMES)
    if problem is not None:
        raise ValueError(problem)
    return text


MailAddress = Annotated[str, AfterValidator(_address)]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]


class Settings(BaseModel):
    """What all tables have in common: nothing unknown, nothing changed later, no value echoed."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
    )


class Posting(Settings):
    """What becomes of a post, by who wrote it."""

    members: Treatment = "accept"
    non_members: Treatment = "hold"
    max_size: Annotated[Size, AfterValidator(_some_size)] = 10_000_000  #: bytes
    own_copy: StrictBool = True


class MessageSettings(Settings):
    """How the copy that subscribers get differs from what the author wrote."""

    from_: Literal["auto", "author", "list", "wrap"] = Field(
        default="auto", validation_alias="from"
    )
    reply_to: Literal["list", "author", "both"] = "list"
    subject_prefix: str = ""
    footer: Annotated[str, AfterValidator(_footer)] = ""
    personalise: StrictBool = False


class CategoryBasics(Settings):
    """What a category file says and a category keeps."""

    name: str = ""
    address: MailAddress
    description: str = ""
    active: StrictBool = True
    poll_every: Annotated[Duration, AfterValidator(_some_time)] = timedelta(minutes=1)
    owners: tuple[MailAddress, ...] = ()
    moderators: tuple[MailAddress, ...] | None = None
    language: NonEmpty = "en"
    incoming: IncomingSettings | None = None
    outgoing: OutgoingSettings | None = None
    posting: Posting = Posting()
    message: MessageSettings = MessageSettings()


class Category(CategoryBasics):
    """One category, complete: mail sessions merged, defaults filled in, paths absolute."""

    slug: str
    # Checked when the file was read; checking an address is slow enough to be done once.
    address: str
    owners: tuple[str, ...] = ()
    moderators: tuple[str, ...] = ()
    subscribers_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: dict[str, Any]) -> dict[str, Any]:
        filled = dict(given)
        filled["name"] = given.get("name") or given.get("slug", "")
        if given.get("moderators") is None:
            filled["moderators"] = given.get("owners", ())
        return filled
