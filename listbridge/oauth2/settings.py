"""What a half of a mail session says about OAuth 2.0: `oauth2 = { … }`."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from listbridge import guard
from listbridge.oauth2.http import endpoint_fault
from listbridge.oauth2.providers import PROVIDERS, Flow, Provider, ProviderName
from listbridge.secret import Secret

# A domain, a directory's number, or "common", "organizations", "consumers".
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


def _text(text: str) -> str:
    return guard.safe(text, "this text")


def _tenant(text: str) -> str:
    if not _TENANT.fullmatch(text):
        raise ValueError('write a domain, such as "contoso.example", or the directory\'s number')
    return text


def _endpoint(url: str) -> str:
    if fault := endpoint_fault(url):
        raise ValueError(fault)
    return url


_Text = Annotated[str, Field(min_length=1), AfterValidator(_text)]
_Endpoint = Annotated[_Text, AfterValidator(_endpoint)]


class OAuth2Settings(BaseModel):
    """How to come by access tokens: a provider that is known, or any other by its endpoints."""

    # A literal secret must not come back in the text of a validation error.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    provider: ProviderName | None = None
    flow: Flow | None = None
    client_id: _Text | None = None
    client_secret: Secret | None = None
    #: The day on which the client secret ends, for the alert before it.
    secret_expires: date | None = Field(default=None, strict=True)
    tenant: Annotated[_Text, AfterValidator(_tenant)] | None = None
    scope: _Text | None = None
    authorization_endpoint: _Endpoint | None = None
    device_endpoint: _Endpoint | None = None
    token_endpoint: _Endpoint | None = None
    #: Absolute, and never None where there is a user name, once the configuration is loaded.
    token_file: Path | None = None

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        if self.provider is None and self.token_endpoint is None:
            raise ValueError('name a provider, "google" or "microsoft", or a token_endpoint')
        if self.tenant is not None and (self._known is None or self._known.tenant is None):
            raise ValueError('tenant is for provider = "microsoft" alone')
        if self.flow is not None and self.flow not in self._flows:
            raise ValueError(_flow_fault(self.flow, self.provider))
        if self.flow == "client_credentials" and self.client_secret is None:
            raise ValueError('flow = "client_credentials" needs a client_secret')
        return self

    @property
    def _known(self) -> Provider | None:
        return PROVIDERS[self.provider] if self.provider else None

    @property
    def _flows(self) -> tuple[Flow, ...]:
        known = self._known.flows if self._known else ()
        given: list[Flow] = list(known)
        if self.device_endpoint and "device" not in given:
            given.append("device")
        if self.authorization_endpoint and "browser" not in given:
            given.append("browser")
        return (*given, "client_credentials") if self._known is None else tuple(given)

    @property
    def effective_flow(self) -> Flow:
        """Return how a token is come by: as configured, else the provider's usual way."""
        return self.flow or self._flows[0]

    @property
    def title(self) -> str:
        """Name the provider for people."""
        return self._known.title if self._known else urlsplit(self.token_url).hostname or ""

    @property
    def token_url(self) -> str:
        """Return where tokens are given."""
        return self._url(self.token_endpoint, self._known.token_endpoint if self._known else None)

    @property
    def authorization_url(self) -> str:
        """Return where a browser asks a person."""
        known = self._known.authorization_endpoint if self._known else None
        return self._url(self.authorization_endpoint, known)

    @property
    def device_url(self) -> str:
        """Return where a code for a person is given."""
        return self._url(self.device_endpoint, self._known.device_endpoint if self._known else None)

    @property
    def redirect_host(self) -> str:
        """Return the name of this machine in the address that a browser is sent back to."""
        return self._known.redirect_host if self._known else "127.0.0.1"

    @property
    def extra(self) -> dict[str, str]:
        """Return what the provider wants in the browser's address beyond RFC 6749."""
        return dict(self._known.extra) if self._known else {}

    def scopes(self, *needs: str) -> tuple[str, ...]:
        """Return what to ask for, to read by "imap" or "pop3" and to send by "smtp"."""
        if self.scope is not None:
            return tuple(self.scope.split())
        if self._known is None:
            return ()
        if self.effective_flow == "client_credentials":
            return (self._known.app_scope or "",)
        wanted = [scope for need, scope in self._known.scopes.items() if need in needs]
        return tuple(dict.fromkeys([*wanted, *self._known.always.split()]))

    def file_name(self, username: str) -> str:
        """Return what the token file is called by default: one for each user at each provider."""
        return f"{quote(self.provider or self.title, safe='')}-{quote(username, safe='@+')}.json"

    def _url(self, own: str | None, known: str | None) -> str:
        usual = self._known.tenant if self._known else None
        tenant = self.tenant or usual or ""
        return own or (known or "").format(tenant=tenant)


def _flow_fault(flow: Flow, provider: ProviderName | None) -> str:
    if provider == "google" and flow == "device":
        return 'Google gives no mail by flow = "device"; use "browser", which is the usual one'
    if provider is not None:
        return f'{PROVIDERS[provider].title} gives no mail by flow = "{flow}"'
    missing = "device_endpoint" if flow == "device" else "authorization_endpoint"
    return f'flow = "{flow}" needs {missing}'
