"""Where the servers of an address come from, if nobody names them."""

from dataclasses import dataclass

from listbridge.mailsession import providers
from listbridge.mailsession.providers import Profile
from listbridge.mailsession.providers.discovery import Announced, look_up
from listbridge.nameservers import Resolver
from listbridge.service.setup import servers
from listbridge.service.setup.servers import Protocol, Server


@dataclass(frozen=True)
class Origin:
    """What is known of the servers of an address; each part may be missing."""

    profile: Profile | None = None  #: whose they are
    #: What the domain itself says, where no profile is known.
    incoming: Server | None = None
    outgoing: Server | None = None
    #: Likewise, but the names lie outside of the domain, so that somebody has to confirm them
    #: (RFC 6186 6: who forges an answer could have the password sent to himself).
    incoming_elsewhere: Server | None = None
    outgoing_elsewhere: Server | None = None


def announced(domain: str, resolver: Resolver | None = None) -> Origin:
    """Find what a domain says in the DNS: its own servers, or who hosts it."""
    found = look_up(domain, resolver)
    # A known provider's own server needs no confirmation: a password is safe with it.
    if profile := _named(found.incoming) or found.provider:
        return Origin(profile)
    return Origin(
        None,
        _server(found.incoming, within=True),
        _server(found.outgoing, within=True),
        _server(found.incoming, within=False),
        _server(found.outgoing, within=False),
    )


def incoming_of(profile: Profile, address: str, wanted: Protocol | None = None) -> Server | None:
    """Return a provider's incoming server, by the better protocol if none is wanted."""
    for protocol in profile.incoming_protocols:
        if wanted not in (None, protocol):
            continue
        table, _ = profile.tables(address, protocol)
        return servers.usual(protocol, table["host"], table["security"], table["port"])
    return None


def outgoing_of(profile: Profile, address: str) -> Server:
    """Return a provider's outgoing server."""
    _, table = profile.tables(address)
    return servers.usual("smtp", table["host"], table["security"], table["port"])


def _named(incoming: Announced | None) -> Profile | None:
    return providers.for_host(incoming.host) if incoming else None


def _server(found: Announced | None, *, within: bool) -> Server | None:
    if found is None or found.is_within != within:
        return None
    return servers.usual(found.protocol, found.host, found.security, found.port)
