"""What we need to know about one outgoing account."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from listbridge import network
from listbridge.guard import safe
from listbridge.network import IpVersion
from listbridge.oauth2 import OAuth2Settings
from listbridge.quantities import Duration
from listbridge.secret import Secret

_STANDARD_PORTS = {"tls": 465, "starttls": 587, "none": 25}

# Names in the DNS, as domains and selectors of signatures are (RFC 6376 3.1).
_DNS_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
# RFC 5321 4.1.1.1: EHLO takes a domain or an address literal such as [192.0.2.1].
_HELLO_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Za-z.:]+\]")


def _safe(text: str) -> str:
    return safe(text, "this text")


def _host(text: str) -> str:
    return network.server_name(text).lower()


def _hello_name(text: str) -> str:
    if not _HELLO_NAME.fullmatch(text):
        raise ValueError('write a plain host name, such as "bridge.example.org"')
    return text


def _some_time(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise ValueError('write a duration above zero, such as "60s"')
    return duration


def _domain(text: str) -> str:
    if not _DNS_NAME.fullmatch(text) or "." not in text:
        raise ValueError('write a domain in ASCII, such as "example.org"')
    return text.lower()


def _selector(text: str) -> str:
    if not _DNS_NAME.fullmatch(text):
        raise ValueError('a selector consists of letters, digits and "-", such as "lists2026"')
    return text


def _one_at_least(keys: dict[str, Secret]) -> dict[str, Secret]:
    if not keys:
        raise ValueError('name a key by its selector, such as lists2026 = { file = "path" }')
    return keys


def _elsewhere(key: Secret) -> Secret:
    if key.literal is not None:
        raise ValueError('a private key is no text for a configuration; write { file = "path" }')
    return key


_SafeText = Annotated[str, AfterValidator(_safe)]
_Wait = Annotated[Duration, AfterValidator(_some_time)]


_Domain = Annotated[_SafeText, AfterValidator(_domain)]
_Selector = Annotated[str, AfterValidator(_selector)]
_Key = Annotated[Secret, AfterValidator(_elsewhere)]


class DkimSettings(BaseModel):
    """How what is sent is signed (DKIM, RFC 6376): `dkim = { … }` or `[outgoing.dkim]`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    #: Whose signature it is; never None once the configuration is loaded.
    domain: _Domain | None = None
    #: Private keys by selector, the name of the public key in the DNS; a signature with each.
    keys: Annotated[dict[_Selector, _Key], AfterValidator(_one_at_least)]


class OutgoingSettings(BaseModel):
    """One SMTP account; the keys are those of a category's `[outgoing]` table."""

    # A literal password must not come back in the text of a validation error.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Annotated[_SafeText, AfterValidator(_host)]
    port: int | None = Field(default=None, ge=1, le=65535, strict=True)
    security: Literal["tls", "starttls", "none"] = "tls"
    username: _SafeText | None = None
    password: Secret | None = None
    oauth2: OAuth2Settings | None = None
    dkim: DkimSettings | None = None
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    ip: IpVersion = "any"
    #: Whether mail may go out whose From is somebody else's; None: as far as is known, see
    #: `delivery.from_choice`.
    foreign_from: StrictBool | None = None
    hello_name: Annotated[_SafeText, AfterValidator(_hello_name)] | None = None
    max_connections: int = Field(default=4, ge=1, strict=True)
    #: Recipients in one transaction; RFC 5321 4.5.3.1.8 promises room for no more than 100.
    max_recipients: int = Field(default=50, ge=1, le=100, strict=True)
    max_per_hour: int | None = Field(default=None, ge=1, strict=True)
    max_per_day: int | None = Field(default=None, ge=1, strict=True)
    pipelining: Literal["auto", "off"] = "auto"
    chunking: Literal["auto", "off"] = "auto"
    on_uncertain: Literal["resend", "hold"] = "resend"
    give_up_after: _Wait = timedelta(days=5)
    #: The longest single wait for the server.
    timeout: _Wait = timedelta(seconds=60)

    @property
    def effective_port(self) -> int:
        """Return the port to connect to: the one given, or the standard one."""
        return self.port or _STANDARD_PORTS[self.security]

    @property
    def place(self) -> str:
        """Name the server for people, as `host:port`."""
        return f"{self.host}:{self.effective_port}"

    @property
    def account(self) -> str:
        """Return the key that pool, budget and pause of this account go by: `user@host:port`."""
        return f"{self.username or ''}@{self.place}"
