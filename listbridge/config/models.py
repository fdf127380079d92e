"""What the service file and the category files may say, key by key, with the defaults."""

import re
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SkipValidation

from listbridge.category import CategoryBasics, MailAddress, NonEmpty, Settings
from listbridge.config import database_url
from listbridge.config.sessions import Sessions
from listbridge.mailbox import IncomingSettings
from listbridge.submission import OutgoingSettings

#: The two halves of a mail session, which are two tables of a category.
HALVES: dict[str, type[IncomingSettings] | type[OutgoingSettings]] = {
    "incoming": IncomingSettings,
    "outgoing": OutgoingSettings,
}


# An IPv6 address stands in brackets, as in a web address.
_LISTEN = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<name>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})")


def _web_address(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError('write a web address, such as "https://lists.example.org"')
    return text


def _listen(text: str) -> str:
    found = _LISTEN.fullmatch(text)
    try:
        if found is None or not 0 < int(found["port"]) < 65536:
            raise ValueError
        if found["v6"]:
            IPv6Address(found["v6"])
        elif not found["name"].strip("0123456789."):
            IPv4Address(found["name"])
    except ValueError:
        sentence = 'write an address and a port, such as "127.0.0.1:8025" or "[::1]:8025"'
        raise ValueError(sentence) from None
    return text


class Web(Settings):
    """Where health and metrics are served."""

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8025"

    @property
    def place(self) -> tuple[str, int]:
        """Return the host and the port of `listen`; an IPv6 address without its brackets."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


class Alerts(Settings):
    """Mail to the operator about the service itself."""

    to: tuple[MailAddress, ...] = ()
    mail_session: NonEmpty | None = None


class MailSession(Settings):
    """A named pair of server settings; what it leaves open, a category's own tables supply."""

    jndi_name: NonEmpty | None = None
    provider: NonEmpty | None = None
    properties_file: Path | None = None
    username: NonEmpty | None = None  #: for both halves, like the next two
    # As they stand in the file, incomplete, and checked when they are laid over each other; they
    # may hold a literal password.
    password: Any = Field(default=None, repr=False)
    oauth2: dict[str, Any] | None = Field(default=None, repr=False)
    incoming: dict[str, Any] | None = Field(default=None, repr=False)
    outgoing: dict[str, Any] | None = Field(default=None, repr=False)
    properties: dict[str, Any] = Field(default_factory=dict, repr=False)


class ServiceFile(Settings):
    """The keys of the service file."""

    # The URL of a PostgreSQL database may hold a password.
    database: NonEmpty = Field(default="sqlite:///listbridge.db", repr=False)
    categories: Path = Path("categories")
    base_url: Annotated[str, AfterValidator(_web_address)] | None = None
    templates: Path | None = None
    web: Web = Web()
    alerts: Alerts = Alerts()
    mail_sessions: dict[str, MailSession] = Field(default_factory=dict)


class Service(ServiceFile):
    """The service's settings; `database` and `categories` no longer depend on a folder."""

    file: Path | None  #: None where there is no service file and the defaults apply
    folder: Path  #: what relative paths count from; absolute
    alert_settings: OutgoingSettings | None = None  #: the account that sends alerts; None: nothing
    #: Checked already, as it was made of what the file says.
    sessions: SkipValidation[Sessions] = Field(default_factory=Sessions, repr=False)

    @property
    def tokens(self) -> Path:
        """Return the folder for OAuth 2.0 tokens.

        It is beside the SQLite database, which has to be writable as well, else beside the service
        file.
        """
        return self.folder / (database_url.folder(self.database) or "") / "tokens"


class Subscribers(Settings):
    """Where subscribers come from besides their own wish."""

    file: Path | None = None


class CategoryFile(CategoryBasics):
    """The keys of a category file."""

    mail_session: NonEmpty | None = None
    incoming_session: NonEmpty | None = None
    outgoing_session: NonEmpty | None = None
    subscribers: Subscribers = Subscribers()
