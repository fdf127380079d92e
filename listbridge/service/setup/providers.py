"""The servers of well-known providers, and what to know before using them.

Hosts, ports and domains are those of Thunderbird's public list of providers and of the providers'
own help pages, as of November 2026. A provider that is not here is no worse: its servers are
guessed, or asked for.
"""

from dataclasses import dataclass

from listbridge.service.setup.servers import Security, Server

_APP_PASSWORD = "needs an app password, made in the account's security settings"  # noqa: S105
_SWITCH_ON = "lets programs in only after IMAP was switched on in its settings"


@dataclass(frozen=True)
class Provider:
    """One provider; its incoming server speaks IMAP over TLS."""

    name: str
    domains: tuple[str, ...]
    incoming_host: str
    outgoing_host: str
    outgoing_security: Security = "tls"
    remark: str = ""  #: what to do first; goes on after the name
    most_per_day: int | None = None  #: recipients it allows in a day, where that is known
    #: Whether IMAP wants the address without its domain as the user's name.
    login_is_local_part: bool = False

    @property
    def incoming(self) -> Server:
        """Its IMAP server."""
        return Server("imap", self.incoming_host)

    @property
    def outgoing(self) -> Server:
        """Its SMTP server."""
        return Server("smtp", self.outgoing_host, self.outgoing_security)


_KNOWN = (
    Provider(
        "Gmail",
        ("gmail.com", "googlemail.com"),
        "imap.gmail.com",
        "smtp.gmail.com",
        remark=f"{_APP_PASSWORD} once two-step verification is on",
        most_per_day=500,
    ),
    Provider(
        "Fastmail",
        ("fastmail.com", "fastmail.fm"),
        "imap.fastmail.com",
        "smtp.fastmail.com",
        remark=_APP_PASSWORD,
    ),
    Provider(
        "iCloud",
        ("icloud.com", "me.com", "mac.com"),
        "imap.mail.me.com",
        "smtp.mail.me.com",
        "starttls",
        remark=_APP_PASSWORD,
        most_per_day=1000,
        login_is_local_part=True,
    ),
    Provider(
        "Yahoo",
        (
            *("yahoo.com", "ymail.com", "rocketmail.com", "myyahoo.com", "yahoo.de", "yahoo.fr"),
            *("yahoo.it", "yahoo.es", "yahoo.se", "yahoo.co.uk", "yahoo.co.in", "yahoo.co.nz"),
            *("yahoo.com.au", "yahoo.com.ar", "yahoo.com.br", "yahoo.com.mx"),
        ),
        "imap.mail.yahoo.com",
        "smtp.mail.yahoo.com",
        remark=_APP_PASSWORD,
        most_per_day=500,
    ),
    Provider(
        "GMX",
        ("gmx.net", "gmx.de", "gmx.at", "gmx.ch", "gmx.eu", "gmx.org", "gmx.info", "gmx.biz"),
        "imap.gmx.net",
        "mail.gmx.net",
        remark=_SWITCH_ON,
    ),
    Provider(
        "GMX",
        ("gmx.com", "gmx.us", "gmx.co.uk", "gmx.es", "gmx.fr", "gmx.it", "gmx.li"),
        "imap.gmx.com",
        "mail.gmx.com",
        remark=_SWITCH_ON,
    ),
    Provider("WEB.DE", ("web.de",), "imap.web.de", "smtp.web.de", remark=_SWITCH_ON),
    Provider(
        "T-Online",
        ("t-online.de", "magenta.de"),
        "secureimap.t-online.de",
        "securesmtp.t-online.de",
        remark="needs its password for mail programs, made in the customer centre",
    ),
    Provider(
        "Zoho",
        ("zoho.com", "zohomail.com"),
        "imap.zoho.com",
        "smtp.zoho.com",
        remark=_SWITCH_ON,
    ),
    Provider("Zoho", ("zoho.eu", "zohomail.eu"), "imap.zoho.eu", "smtp.zoho.eu", remark=_SWITCH_ON),
    Provider("Posteo", ("posteo.de", "posteo.net", "posteo.eu"), "posteo.de", "posteo.de"),
    Provider("mailbox.org", ("mailbox.org",), "imap.mailbox.org", "smtp.mailbox.org"),
)

_OAUTH_ONLY = "Microsoft lets programs in only by OAuth2, which this version does not speak yet"
_BRIDGE_ONLY = (
    "Proton lets programs in only through Proton Mail Bridge on your own machine; name that with "
    "--incoming-host and --outgoing-host"
)
#: Domains and incoming servers that cannot be used, and why.
_CLOSED = {
    **dict.fromkeys(("outlook.com", "hotmail.com", "live.com", "msn.com"), _OAUTH_ONLY),
    **dict.fromkeys(("outlook.de", "hotmail.de", "outlook.office365.com"), _OAUTH_ONLY),
    **dict.fromkeys(("proton.me", "protonmail.com", "pm.me"), _BRIDGE_ONLY),
}


def refusal(name: str) -> str | None:
    """Say why a domain or an incoming server cannot be used; None if nothing is against it."""
    return _CLOSED.get(name.lower())


def of_address(address: str) -> Provider | None:
    """Return the provider that a normalised address belongs to, if it is a well-known one."""
    domain = address.rpartition("@")[2]
    return next((one for one in _KNOWN if domain in one.domains), None)


def of_host(host: str) -> Provider | None:
    """Return the provider that an incoming server belongs to: many domains are hosted by one."""
    return next((one for one in _KNOWN if one.incoming_host == host.lower()), None)
