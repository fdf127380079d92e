"""What is known of providers: their endpoints, what to ask for, and which consent they allow.

Sources, as of 2026-11:
[G1] developers.google.com/identity/protocols/oauth2/native-app: endpoints, loopback redirect, PKCE,
     a client secret that is none; `access_type=offline` and `prompt=consent` for a refresh token
[G2] developers.google.com/gmail/imap/xoauth2-protocol: the one scope for IMAP, POP and SMTP
[G3] developers.google.com/identity/protocols/oauth2/limited-input-device, "Allowed scopes": the
     device flow gives email, openid, profile and some of Drive and YouTube, but no mail
[M1] learn.microsoft.com/exchange/client-developer/legacy-protocols/
     how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth: scopes, client credentials
[M2] learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code and -auth-code-flow:
     endpoints by tenant, `offline_access` for a refresh token
[M3] learn.microsoft.com/entra/identity-platform/reply-url: http://localhost on any port
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ProviderName = Literal["google", "microsoft"]
#: How a token is come by: a browser on this machine, a code typed in anywhere, or no person at all.
Flow = Literal["browser", "device", "client_credentials"]
_Need = Literal["imap", "pop3", "smtp"]


@dataclass(frozen=True)
class Provider:
    """One provider; `{tenant}` in an endpoint stands for the organisation."""

    title: str
    flows: tuple[Flow, ...]  #: the usual one first
    token_endpoint: str
    authorization_endpoint: str
    device_endpoint: str | None
    scopes: Mapping[_Need, str]
    always: str  #: asked for beside these: a refresh token, and who gave the consent
    app_scope: str | None = None  #: for client credentials
    tenant: str | None = None  #: the usual one; None where there are no tenants
    redirect_host: str = "127.0.0.1"  #: RFC 8252 8.3 prefers it to localhost
    extra: Mapping[str, str] = field(default_factory=dict)  #: in the address for the browser


_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
_OUTLOOK = "https://outlook.office.com"

PROVIDERS: Mapping[ProviderName, Provider] = {
    "google": Provider(
        title="Google",
        flows=("browser",),  # [G3]
        token_endpoint="https://oauth2.googleapis.com/token",  # [G1]  # noqa: S106
        authorization_endpoint="https://accounts.google.com/o/oauth2/v2/auth",  # [G1]
        device_endpoint=None,
        scopes=dict.fromkeys(("imap", "pop3", "smtp"), "https://mail.google.com/"),  # [G2]
        always="openid email",
        extra={"access_type": "offline", "prompt": "consent"},  # [G1]
    ),
    "microsoft": Provider(
        title="Microsoft",
        flows=("device", "browser", "client_credentials"),
        token_endpoint=f"{_MICROSOFT}/token",  # [M2]
        authorization_endpoint=f"{_MICROSOFT}/authorize",
        device_endpoint=f"{_MICROSOFT}/devicecode",
        scopes={  # [M1]
            "imap": f"{_OUTLOOK}/IMAP.AccessAsUser.All",
            "pop3": f"{_OUTLOOK}/POP.AccessAsUser.All",
            "smtp": f"{_OUTLOOK}/SMTP.Send",
        },
        always="offline_access openid profile",  # [M2]
        app_scope="https://outlook.office365.com/.default",  # [M1]
        tenant="common",
        redirect_host="localhost",  # [M3]
    ),
}
