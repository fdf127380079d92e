"""What has to be known of a new list, and what follows from its address alone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from listbridge.errors import ConfigError
from listbridge.mailsession.providers import Profile
from listbridge.membership.subscriber_file import Entry
from listbridge.secret import Secret
from listbridge.service.setup.servers import Server

_NO_SLUG = re.compile(r"[^a-z0-9._-]+")


class SetupError(ConfigError):
    """The answers come to no usable list, or their files cannot be written; nothing was."""


@dataclass(frozen=True)
class Answers:
    """Everything that the files of one list are made of."""

    address: str  #: normalised
    slug: str
    name: str
    password: Secret | None  #: a literal one gets a file of its own; None: tokens, or no login
    incoming: Server
    outgoing: Server
    username: str  #: for the incoming server
    outgoing_username: str | None  #: None: the outgoing server wants no login
    owners: tuple[str, ...] = ()
    people: tuple[Entry, ...] = ()
    ca_file: Path | None = None
    profile: Profile | None = None  #: of the provider whose servers they are
    oauth2: str | None = None  #: whose tokens are used instead of a password


def slug_for(address: str) -> str:
    """Return the slug that an address suggests: `Choir+x@example.org` is `choir-x`."""
    local_part = address.rpartition("@")[0].lower()
    return _NO_SLUG.sub("-", local_part).strip("-._") or "list"


def name_for(slug: str) -> str:
    """Return the name that a slug suggests: `summer-choir` is `Summer choir`."""
    words = re.sub(r"[._-]+", " ", slug).strip()
    return words[:1].upper() + words[1:]


def first_day(now: datetime) -> date:
    """Return the day from which mail is to be taken: today.

    Servers tell the arrival of a message in their own time zone, most of them in ours or in UTC.
    Where these two differ, the earlier day is taken, lest mail that comes in now be left alone.
    """
    return min(now.astimezone(UTC).date(), now.astimezone().date())
