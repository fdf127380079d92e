"""What the service file and the category files may say, key by key, with the defaults."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from listbridge.category import CategoryBasics, MailAddress, NonEmpty, Settings
from listbridge.mailbox import IncomingSettings
from listbridge.submission import OutgoingSettings

#: The two halves of a mail session, which are two tables of a category.
HALVES: dict[str, type[IncomingSettings] | type[OutgoingSettings]] = {
    "incoming": IncomingSettings,
    "outgoing": OutgoingSettings,
}


def _web_address(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError('write a web address, such as "https://lists.example.org"')
    return text


class Web(Settings):
    """Where the web pages are served."""

    listen: NonEmpty = "127.0.0.1:8025"


class Alerts(Settings):
    """Mail to the operator about the service itself."""

    to: tuple[MailAddress, ...] = ()
    mail_session: NonEmpty | None = None


class MailSession(Settings):
    """A named pair of server settings; what it leaves open, a category's own tables supply."""

    jndi_name: NonEmpty | None = None
    provider: NonEmpty | None = None
    properties_file: Path | None = None
    # As they stand in the file, checked but incomplete; they may hold a literal password.
    incoming: dict[str, Any] | None = Field(default=None, repr=False)
    outgoing: dict[str, Any] | None = Field(default=None, repr=False)
    properties: dict[str, Any] = Field(default_factory=dict, repr=False)


class ServiceFile(Settings):
    """The keys of the service file."""

    # The URL of a PostgreSQL database may hold a password.
    database: NonEmpty = Field(default="sqlite:///listbridge.db", repr=False)
    categories: Path = Path("categories")
    base_url: Annotated[str, AfterValidator(_web_address)] | None = None
    web: Web = Web()
    alerts: Alerts = Alerts()
    mail_sessions: dict[str, MailSession] = Field(default_factory=dict)


class Service(ServiceFile):
    """The service's settings; `database` and `categories` no longer depend on a folder."""

    file: Path | None  #: None where there is no service file and the defaults apply
    folder: Path  #: what relative paths count from; absolute


class Subscribers(Settings):
    """Where subscribers come from besides their own wish."""

    file: Path | None = None


class CategoryFile(CategoryBasics):
    """The keys of a category file."""

    mail_session: NonEmpty | None = None
    incoming_session: NonEmpty | None = None
    outgoing_session: NonEmpty | None = None
    subscribers: Subscribers = Subscribers()
