"""The policies of domains: asked for side by side, remembered, and given up where nobody answers.

Whoever asks waits two seconds at most. What cannot be found out is `Policy.UNKNOWN`, which is on
the safe side everywhere.
"""

import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from listbridge import nameservers
from listbridge.dmarc.asking import Asking
from listbridge.dmarc.record import Policy
from listbridge.dmarc.walk import Unanswered, policy_of
from listbridge.nameservers import Resolver

#: No question goes on for longer. dnspython may sleep for 0.4 seconds more before it gives up.
PATIENCE_SECONDS = 1.6
#: The first word of a resolver is there by then, or it is dead. It only has to know the root.
FIRST_WORD_SECONDS = 0.8
#: A dead resolver is left alone for so long, and one that was alive is believed to be.
REST_SECONDS = 60.0
# After this a question is sent again, or to the next name server.
_TRY_SECONDS = 0.45

# Within these bounds a policy is remembered as long as its records may be.
_SHORTEST_SECONDS = 300.0
_LONGEST_SECONDS = 86400.0
# What could not be found out is asked again soon, but not for each message.
_FAILURE_SECONDS = 60.0
_AT_ONCE = 16
# Forged mail can name any number of domains.
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True)
class _Remembered:
    policy: Policy
    until: float  #: on the monotonic clock


class Policies:
    """The policies of domains, for all threads of a process."""

    def __init__(self, make_resolver: Callable[[], Resolver | None] | None = None) -> None:
        """Prepare; the resolver is made anew whenever the last one has been silent for a while."""
        self._make_resolver = make_resolver or (lambda: nameservers.system_resolver(_TRY_SECONDS))
        self._remembered: dict[str, _Remembered] = {}
        self._lock = threading.Lock()
        self._resolver: Resolver | None = None
        self._alive_until = 0.0
        self._dead_until = 0.0

    def of(self, domains: Collection[str]) -> dict[str, Policy]:
        """Return the policy of each of these domains, which are in lower case."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        found = {domain: self._known(domain) for domain in domains}
        new = [domain for domain, policy in found.items() if policy is None]
        if new and (resolver := self._living(deadline)) is not None:
            found |= self._ask(new, resolver, deadline)
        return {domain: policy or Policy.UNKNOWN for domain, policy in found.items()}

    def _known(self, domain: str) -> Policy | None:
        known = self._remembered.get(domain)
        return known.policy if known is not None and time.monotonic() < known.until else None

    def _living(self, deadline: float) -> Resolver | None:
        """Return the resolver, or None if it does not answer; only one thread finds that out."""
        with self._lock:
            now = time.monotonic()
            if now < self._dead_until:
                return None
            if self._resolver is None or now >= self._alive_until:
                # The machine may have other name servers by now.
                self._resolver = self._make_resolver()
                until = min(deadline, now + FIRST_WORD_SECONDS)
                if self._resolver is None or not Asking(self._resolver, until).answers():
                    self._dead_until = time.monotonic() + REST_SECONDS
                    return None
                self._alive_until = time.monotonic() + REST_SECONDS
            return self._resolver

    def _ask(self, domains: list[str], resolver: Resolver, deadline: float) -> dict[str, Policy]:
        askings = [Asking(resolver, deadline) for _ in domains]
        if len(domains) == 1:
            found = [self._walk(domains[0], askings[0])]
        else:
            with ThreadPoolExecutor(min(len(domains), _AT_ONCE)) as pool:
                found = list(pool.map(self._walk, domains, askings))
        # One domain's servers may be silent behind a resolver that is not. Where it has said
        # nothing at all, it has to show once more that it lives.
        heard = any(one.heard for one in askings)
        self._alive_until = time.monotonic() + REST_SECONDS if heard else 0.0
        return dict(zip(domains, found, strict=True))

    def _walk(self, domain: str, asking: Asking) -> Policy:
        try:
            policy = policy_of(domain, asking)
        except Unanswered:
            self._remember(domain, Policy.UNKNOWN, _FAILURE_SECONDS)
            return Policy.UNKNOWN
        lasting = min(max(asking.lifetime, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        self._remember(domain, policy, lasting)
        return policy

    def _remember(self, domain: str, policy: Policy, seconds: float) -> None:
        with self._lock:
            self._remembered.pop(domain, None)
            while len(self._remembered) >= _MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[domain] = _Remembered(policy, time.monotonic() + seconds)


#: The one of this process.
shared = Policies()
