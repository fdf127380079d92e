"""What a domain itself says in the DNS of its mail servers.

Either which servers there are, by SRV records (RFC 6186; RFC 8314 5.1 for submission over TLS), or
who hosts it, by its mail exchangers. Without an answer nothing is found; that is never an error.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from listbridge.guard import is_safe
from listbridge.mailsession.providers.known import for_exchanger
from listbridge.mailsession.providers.profile import Profile
from listbridge.nameservers import Resolver, system_resolver

if TYPE_CHECKING:
    # Every command loads this module, and only `init` asks: dnspython has sixty of its own.
    import dns.name
    from dns.rdtypes.IN.SRV import SRV

#: All look-ups for one domain are over by then.
PATIENCE_SECONDS = 2.0

_Security = Literal["tls", "starttls"]
_Kind = Literal["imap", "pop3", "smtp"]

# In the order of preference: TLS from the start (RFC 8314 3), and IMAP before POP3 whatever the
# priorities say of the two (RFC 6186 3.4), since a list gains by IDLE and by UIDs.
_INCOMING: tuple[tuple[str, _Kind, _Security], ...] = (
    ("_imaps", "imap", "tls"),
    ("_imap", "imap", "starttls"),
    ("_pop3s", "pop3", "tls"),
)
_OUTGOING: tuple[tuple[str, _Kind, _Security], ...] = (
    ("_submissions", "smtp", "tls"),
    ("_submission", "smtp", "starttls"),
)


@dataclass(frozen=True)
class Announced:
    """A server that a domain names as its own."""

    protocol: _Kind
    host: str
    port: int
    security: _Security
    #: Whether its name lies within the domain. DNS can be forged, so a name elsewhere has to be
    #: confirmed by the person before a password goes there (RFC 6186 6).
    is_within: bool


@dataclass(frozen=True)
class Discovery:
    """What the DNS says of a domain; each part may be missing."""

    incoming: Announced | None = None
    outgoing: Announced | None = None
    provider: Profile | None = None


def look_up(domain: str, resolver: Resolver | None = None) -> Discovery:
    """Ask the DNS about a domain, for at most `PATIENCE_SECONDS`."""
    ask = _Asking(domain, resolver)
    services = [service for service, _, _ in _INCOMING + _OUTGOING]
    with ThreadPoolExecutor(len(services) + 1) as pool:
        exchangers = pool.submit(ask.exchangers)
        answers = dict(zip(services, pool.map(ask.servers, services), strict=True))
        return Discovery(
            _first(domain, _INCOMING, answers),
            _first(domain, _OUTGOING, answers),
            next(filter(None, map(for_exchanger, exchangers.result())), None),
        )


class _Asking:
    """Questions about one domain that have to be answered by the same moment."""

    def __init__(self, domain: str, resolver: Resolver | None) -> None:
        self._domain = domain.rstrip(".")
        self._deadline = time.monotonic() + PATIENCE_SECONDS
        self._resolver = resolver or system_resolver()

    def servers(self, service: str) -> list[SRV]:
        """Return the SRV records of a service in the order in which they are to be used."""
        return list(_in_order(self._records(f"{service}._tcp.{self._domain}", "SRV")))

    def exchangers(self) -> list[str]:
        """Return the names of the mail exchangers, the preferred one first."""
        records = sorted(self._records(self._domain, "MX"), key=lambda one: one.preference)
        return [_text(one.exchange) for one in records]

    def _records(self, name: str, kind: str) -> Sequence[Any]:
        import dns.exception

        left = self._deadline - time.monotonic()
        if self._resolver is None or left <= 0:
            return []
        try:
            # The domain is complete: no domain of this machine is tried behind it.
            return list(self._resolver.resolve(name, kind, lifetime=left, search=False))
        except (dns.exception.DNSException, OSError, UnicodeError):
            return []  # UnicodeError: a name that cannot be written in the DNS


def _in_order(
    records: Sequence[SRV], pick: Callable[[int, int], int] = random.randint
) -> Iterator[SRV]:
    """Yield by priority; within one, drawn by weight, as RFC 2782 has it."""
    for priority in sorted({one.priority for one in records}):
        # Those of weight 0 in front, so that they keep a small chance.
        left = sorted((x for x in records if x.priority == priority), key=lambda one: one.weight)
        while left:
            mark = pick(0, sum(one.weight for one in left))
            chosen, total = left[-1], 0
            for one in left:
                total += one.weight
                if total >= mark:
                    chosen = one
                    break
            left.remove(chosen)
            yield chosen


def _first(
    domain: str,
    services: Sequence[tuple[str, _Kind, _Security]],
    answers: dict[str, list[SRV]],
) -> Announced | None:
    for service, kind, security in services:
        for one in answers[service]:
            # RFC 6186 3.4: the root as the target says that the service is not offered.
            host = _text(one.target)
            if one.port and host and is_safe(host):
                return Announced(kind, host, one.port, security, _is_within(host, domain))
    return None


def _is_within(host: str, domain: str) -> bool:
    domain = domain.rstrip(".").lower()
    return host == domain or host.endswith(f".{domain}")


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
