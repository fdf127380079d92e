"""Which policy applies to an author's domain: the DNS tree walk (RFC 9989 4.10)."""

from collections.abc import Iterator
from typing import Protocol

from listbridge.dmarc import record
from listbridge.dmarc.record import Policy, Record

# So many labels are left of a longer name after the first question, for no more than eight in all.
_LONGEST = 7


class Asked(Protocol):
    """What a walk asks the DNS; each raises `Unanswered` where there is no answer."""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the TXT records of a name, none if there is no such name."""

    def exists(self, domain: str) -> bool:
        """Say whether the domain can get mail: it has an MX, A or AAAA record."""


class Unanswered(Exception):
    """The DNS does not say."""


def policy_of(domain: str, asked: Asked) -> Policy:
    """Return the policy for mail whose author has an address in `domain`.

    `domain` is in lower case, without a final dot.
    """
    own = record.the_one(asked.texts(f"_dmarc.{domain}"))
    if own is not None:
        return own.own
    above = _above(domain, asked)
    if above is None:
        return Policy.ABSENT if asked.exists(domain) else Policy.UNKNOWN
    if above.subdomains is above.missing or asked.exists(domain):
        return above.subdomains
    return above.missing


def _above(domain: str, asked: Asked) -> Record | None:
    """Return the record of the organisation that the domain belongs to, else of the registry.

    The organisation's is the highest one below a registry's, or the first that says it is one.
    """
    found: dict[str, Record] = {}
    for name in _parents(domain):
        one = record.the_one(asked.texts(f"_dmarc.{name}"))
        if one is None:
            continue
        if one.psd == "n":
            return one
        if one.psd == "y":
            below = domain.split(".")[-name.count(".") - 2 :]
            return found.get(".".join(below), one)
        found[name] = one
    return next(reversed(found.values()), None)


def _parents(domain: str) -> Iterator[str]:
    labels = domain.split(".")[1:][-_LONGEST:]
    while labels:
        yield ".".join(labels)
        del labels[0]
