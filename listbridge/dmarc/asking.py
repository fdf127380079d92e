"""The questions of one walk, answered by the same moment or not at all."""

import time
from contextlib import suppress
from typing import Any

from listbridge.dmarc.walk import Unanswered
from listbridge.nameservers import Resolver

# What a domain does not have now it may have soon (RFC 2308 5 allows hours). Seconds.
NEGATIVE_SECONDS = 600.0


class Asking:
    """Asks a resolver, and remembers for how long what it says may be believed."""

    def __init__(self, resolver: Resolver, deadline: float) -> None:
        """Ask until `deadline`, a moment of the monotonic clock."""
        self._resolver = resolver
        self._deadline = deadline
        self.lifetime = float("inf")  #: of the shortest-lived answer so far, in seconds
        self.heard = False  #: whether the resolver has said anything at all

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the TXT records of a name, none if there is no such name."""
        return tuple(
            b"".join(one.strings).decode("ascii", "replace") for one in self._records(name, "TXT")
        )

    def exists(self, domain: str) -> bool:
        """Say whether the domain has an MX, A or AAAA record (RFC 9989 3.2, non-existent domains).

        Each is asked for only where those before it are missing.
        """
        return any(self._records(domain, kind) for kind in ("MX", "A", "AAAA"))

    def answers(self) -> bool:
        """Say whether the resolver says anything at all; every one knows the root."""
        with suppress(Unanswered):
            self._records(".", "NS")
        return self.heard

    def _records(self, name: str, kind: str) -> list[Any]:
        import dns.exception
        import dns.resolver

        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Unanswered
        try:
            answer = self._resolver.resolve(name, kind, lifetime=left, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            self.heard = True
            self.lifetime = min(self.lifetime, NEGATIVE_SECONDS)
            return []
        except dns.resolver.NoNameservers as err:
            # A refusal is an answer, too; only the last field of each error is the response.
            self.heard |= any(one[-1] is not None for one in err.kwargs.get("errors", ()))
            raise Unanswered from None
        except (dns.exception.DNSException, OSError, UnicodeError):
            raise Unanswered from None  # UnicodeError: what cannot be written in the DNS
        self.heard = True
        self.lifetime = min(self.lifetime, float(answer.rrset.ttl))
        return list(answer)
