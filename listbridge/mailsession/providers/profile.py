"""One provider's facts, and the settings that follow from them."""

import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from listbridge.guard import safe
from listbridge.submission import OutgoingSettings

UserName = Literal["address", "local part", "other"]
Login = Literal["password", "app password", "oauth2"]
Protocol = Literal["imap", "pop3"]

#: What every profile has to say where it knows it from.
_SERVERS = "servers"


def _plain(text: str) -> str:
    if not text.strip():
        raise ValueError("write something, or leave the key out")
    return safe(text, "this text")


def _domain(text: str) -> str:
    if text != text.lower() or "." not in text or text.strip(".") != text or " " in text:
        raise ValueError('write a domain in lower case, such as "example.org"')
    return text


def _web_address(text: str) -> str:
    if not text.startswith("https://"):
        raise ValueError('write a web address that begins with "https://"')
    return text


_Text = Annotated[str, AfterValidator(_plain)]
_Domain = Annotated[str, AfterValidator(_plain), AfterValidator(_domain)]
_WebAddress = Annotated[str, AfterValidator(_plain), AfterValidator(_web_address)]
_Limit = Annotated[int, Field(ge=1)]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ServerFacts(_Facts):
    """Where to connect, and as whom."""

    #: `{domain}` stands for the domain of the address.
    host: _Text
    port: int = Field(ge=1, le=65535)
    security: Literal["tls", "starttls"] = "tls"
    #: "other": only its owner knows it.
    username: UserName = "address"

    def table(self, address: str) -> dict[str, Any]:
        """Return the keys that IncomingSettings and OutgoingSettings have in common."""
        local_part, _, domain = address.rpartition("@")
        table: dict[str, Any] = {
            "host": self.host.format(domain=domain),
            "port": self.port,
            "security": self.security,
        }
        if self.username != "other":
            table["username"] = address if self.username == "address" else local_part
        return table

    @field_validator("host")
    @classmethod
    def _known_placeholder(cls, host: str) -> str:
        if any(sign in host.replace("{domain}", "") for sign in "{}/@: "):
            raise ValueError("write a host name; only {domain} may stand in it for something else")
        return host


class Limits(_Facts):
    """What the provider allows; where it counts several things, the one that a list meets first.

    A key that is left out is not known to be limited.
    """

    max_per_hour: _Limit | None = None  #: recipients
    max_per_day: _Limit | None = None  #: recipients
    max_recipients: _Limit | None = None  #: of one message
    max_connections: _Limit | None = None  #: to the outgoing server at the same time
    incoming_connections: _Limit | None = None  #: to the incoming server at the same time
    max_size: _Limit | None = None  #: bytes of one message, as it is sent


class Deletion(_Facts):
    """What becomes of a message that is flagged \\Deleted and expunged, as accounts are set up."""

    #: "archives": it leaves the folder and stays elsewhere, so it has to be moved to the trash,
    #: which IMAP shows as the folder marked \Trash (RFC 6154).
    means: Literal["expunges", "archives"] = "expunges"


class Access(_Facts):
    """How a program is let in."""

    #: The best one first.
    kinds: tuple[Login, ...] = Field(min_length=1)
    #: Whose endpoints give the tokens.
    oauth2: Literal["google", "microsoft"] | None = None
    #: What to do before the first login, one step each.
    steps: tuple[_Text, ...] = ()
    #: Where to do it.
    page: _WebAddress | None = None

    @model_validator(mode="after")
    def _has_recipe(self) -> Self:
        if ("oauth2" in self.kinds) != (self.oauth2 is not None):
            raise ValueError('"oauth2" belongs into kinds exactly where oauth2 names a recipe')
        return self


class Source(_Facts):
    """Where facts were found."""

    #: Tables or keys of the profile, such as "servers" (imap, pop3, smtp) or "limits".
    facts: tuple[_Text, ...] = Field(min_length=1)
    url: _WebAddress
    looked_up: datetime.date


class Profile(_Facts):
    """A provider, or one way in which a provider hosts mail."""

    name: str  #: what `provider = "…"` calls it; the stem of its file
    title: _Text  #: what people call it
    #: The domains of its own addresses.
    domains: tuple[_Domain, ...] = ()
    #: Mail exchangers of the domains it hosts: the names themselves, or the ends of such names.
    exchangers: tuple[_Domain, ...] = ()
    imap: ServerFacts | None = None
    pop3: ServerFacts | None = None
    smtp: ServerFacts
    access: Access
    deletion: Deletion = Deletion()
    #: What mail to name+anything@domain does: "plus" delivers it to name@domain.
    sub_addressing: Literal["plus", "other", "none"] | None = None
    #: Under which name it writes Authentication-Results (RFC 8601 2.2).
    authserv_id: _Domain | None = None
    #: Whether mail may only come from the account's own addresses.
    own_from_only: bool | None = None
    limits: Limits = Limits()
    #: What else to know, in sentences.
    note: _Text | None = None
    sources: tuple[Source, ...] = Field(min_length=1)
    #: Facts taken over from common knowledge, for which no page was found.
    unverified: tuple[_Text, ...] = ()

    @model_validator(mode="after")
    def _is_founded(self) -> Self:
        founded = {fact for one in self.sources for fact in one.facts} | set(self.unverified)
        if missing := {_SERVERS, *self._stated()} - founded:
            raise ValueError(f"sources say nothing of: {', '.join(sorted(missing))}")
        if unknown := founded - {_SERVERS} - type(self).model_fields.keys():
            raise ValueError(f"sources name what is no key: {', '.join(sorted(unknown))}")
        return self

    def _stated(self) -> set[str]:
        """Name the stated facts that somebody could doubt."""
        plain = {"name", "title", "imap", "pop3", "smtp", "note", "sources", "unverified"}
        return self.model_fields_set - plain

    @property
    def incoming_protocols(self) -> tuple[Protocol, ...]:
        """The protocols by which mail can be fetched, the better one first; none: sending only."""
        offered: dict[Protocol, ServerFacts | None] = {"imap": self.imap, "pop3": self.pop3}
        return tuple(protocol for protocol, server in offered.items() if server)

    @property
    def hosts(self) -> frozenset[str]:
        """The names of its servers, but for those on the loopback: there they may be anybody's."""
        hosts = {server.host for server in (self.imap, self.pop3, self.smtp) if server}
        return frozenset(host for host in hosts if not host.startswith("127."))

    @property
    def password_works(self) -> bool:
        """Whether a program can log in with a password of some kind."""
        return any(kind != "oauth2" for kind in self.access.kinds)

    def tables(
        self, address: str, protocol: Protocol = "imap"
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what it supplies to `[incoming]` and `[outgoing]` of a list at `address`.

        The first table is empty where the provider does not offer the protocol. A password is in
        neither; `oauth2` is where no password would do.
        """
        return self._incoming(address, protocol), self._outgoing(address)

    def _incoming(self, address: str, protocol: Protocol) -> dict[str, Any]:
        server = self.imap if protocol == "imap" else self.pop3
        if server is None:
            return {}
        table = {"protocol": protocol, **server.table(address), **self._tokens()}
        if protocol == "imap" and self.deletion.means == "archives":
            table["after_fetch"] = "trash"
        return table

    def _outgoing(self, address: str) -> dict[str, Any]:
        table = self.smtp.table(address) | self._tokens()
        for budget in ("max_per_hour", "max_per_day"):
            if (limit := getattr(self.limits, budget)) is not None:
                table[budget] = limit
        for bound in ("max_recipients", "max_connections"):
            # What is allowed is no advice: it only ever lowers what we would do by ourselves.
            default = OutgoingSettings.model_fields[bound].default
            if (limit := getattr(self.limits, bound)) is not None and limit < default:
                table[bound] = limit
        return table

    def _tokens(self) -> dict[str, Any]:
        return {} if self.password_works else {"oauth2": {"provider": self.access.oauth2}}
