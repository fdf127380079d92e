"""What must be known to read one IMAP or POP3 mailbox."""

import datetime
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)

from listbridge import guard, network
from listbridge.network import IpVersion
from listbridge.oauth2 import OAuth2Settings
from listbridge.quantities import Duration
from listbridge.secret import Secret

# (protocol, implicit TLS) → port; STARTTLS begins on the plain port (RFC 8314 3.2 and 3.3).
_PORTS = {("imap", True): 993, ("imap", False): 143, ("pop3", True): 995, ("pop3", False): 110}


class IncomingSettings(BaseModel):
    """One mailbox: its server, its login, its folder, and what becomes of fetched mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Literal["imap", "pop3"] = "imap"
    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535, strict=True)
    security: Literal["tls", "starttls", "none"] = "tls"
    username: str = ""
    password: Secret | None = None
    oauth2: OAuth2Settings | None = None
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    ip: IpVersion = "any"
    folder: str = Field(default="INBOX", min_length=1)
    since: datetime.date | None = Field(default=None, strict=True)
    after_fetch: Literal["delete", "move", "trash"] = "delete"
    move_to: str | None = Field(default=None, min_length=1)
    idle: StrictBool = True
    pipelining: Literal["auto", "off"] = "auto"
    timeout: Duration = datetime.timedelta(seconds=60)

    @field_validator("host", "username", "folder", "move_to")
    @classmethod
    def _fits_in_a_command(cls, value: str | None, info: ValidationInfo) -> str | None:
        return value if value is None else guard.safe(value, str(info.field_name))

    @field_validator("host")
    @classmethod
    def _one_name(cls, value: str) -> str:
        return network.server_name(value)

    @field_validator("timeout")
    @classmethod
    def _some_time(cls, value: datetime.timedelta) -> datetime.timedelta:
        if value < datetime.timedelta(seconds=1):
            raise ValueError("write at least 1s")
        return value

    @model_validator(mode="after")
    def _can_be_moved(self) -> Self:
        if self.after_fetch == "delete":
            return self
        if self.protocol == "pop3":
            raise ValueError(f'after_fetch = "{self.after_fetch}" needs IMAP; POP3 has no folders')
        if self.after_fetch == "move" and _folder_name(self.target) == _folder_name(self.folder):
            raise ValueError("move_to names the folder that is read; name another one")
        return self

    @property
    def effective_port(self) -> int:
        """The port to connect to: as configured, else the one of the protocol and security."""
        return self.port or _PORTS[self.protocol, self.security == "tls"]

    @property
    def target(self) -> str:
        """The folder that `after_fetch = "move"` moves to."""
        return self.move_to or "Processed"

    @property
    def where(self) -> str:
        """Host and port, as error messages name the server."""
        return f"{self.host}:{self.effective_port}"

    @property
    def place(self) -> str:
        """The mailbox and folder without the protocol: equal means that the same mail lies there.

        The port belongs to it only where it is none of the protocol's two standard ports.
        """
        standard = (_PORTS[self.protocol, True], _PORTS[self.protocol, False])
        port = "" if self.effective_port in standard else f":{self.effective_port}"
        folder = "INBOX" if self.protocol == "pop3" else _folder_name(self.folder)
        return f"{quote(self.username, safe='@+')}@{self.host.lower()}{port}/{folder}"

    def common_place(self, folder: str | None = None) -> str:
        """As `place`, or that of another folder of the mailbox, for comparing with others'.

        Servers differ in whether Alice and alice are one login; none gives them to two people.
        """
        changed = {"folder": folder or self.folder, "username": self.username.lower()}
        return self.model_copy(update=changed).place

    @property
    def key(self) -> str:
        """The identity under which arrivals from this mailbox are recorded."""
        return f"{self.protocol}://{self.place}"


def _folder_name(name: str) -> str:
    # RFC 3501 5.1: INBOX is the one name that is not case-sensitive.
    return "INBOX" if name.upper() == "INBOX" else name
