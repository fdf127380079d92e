"""The machine's name servers, and all that is asked of a resolver."""

from __future__ import annotations

from typing import Any, Protocol


class Resolver(Protocol):
    """The part of `dns.resolver.Resolver` that is used."""

    def resolve(self, qname: str, rdtype: str, *, lifetime: float, search: bool) -> Any:
        """Return the records, or raise a `dns.exception.DNSException`."""


def system_resolver(try_seconds: float | None = None) -> Resolver | None:
    """Return a resolver that asks the machine's name servers; None where it knows none.

    A question is sent again after `try_seconds` without an answer.
    """
    # Every command loads this module, and few ask: dnspython has sixty of its own.
    import dns.exception
    import dns.resolver

    try:
        resolver = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):
        return None
    if try_seconds is not None:
        resolver.timeout = try_seconds
    return resolver
