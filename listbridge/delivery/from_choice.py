"""Who a copy is From, by the category's setting, the author's domain and the account that sends.

A copy in the author's name is mail from our account under somebody else's address. Where the domain
forbids that, receivers refuse it or take it for spam; where the account does, nobody gets it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from listbridge import dmarc
from listbridge.category import Category
from listbridge.dmarc import Policy
from listbridge.mailsession import providers
from listbridge.message.authorship import FromMode
from listbridge.submission import OutgoingSettings

_BY_POLICY = {
    Policy.NONE: "{} has a DMARC policy that lets others write in its name (p=none)",
    Policy.ABSENT: "{} has no DMARC policy",
    Policy.QUARANTINE: "{} asks to take for spam what others write in its name (p=quarantine)",
    Policy.REJECT: "{} asks to refuse what others write in its name (p=reject)",
    Policy.UNKNOWN: "what {} allows could not be found out",
}


@dataclass(frozen=True)
class FromChoice:
    """What becomes of From, and why."""

    mode: FromMode
    reason: str
    #: Whether the list takes over where the author's name would cost the author's signature.
    unless_signature_lost: bool = False


def policies(category: Category, authors: Iterable[str | None]) -> dict[str | None, Policy]:
    """Return the policy of each author's domain; outside of any transaction, as it may ask the DNS.

    It does so only where the answer decides something, and takes two seconds at most.
    """
    domains = {author: _domain(author) for author in authors if author is not None}
    if not domains or category.message.from_ != "auto" or _only_as_itself(category) is not None:
        return {}
    found = dmarc.shared.of({*domains.values()})
    return {author: found[domain] for author, domain in domains.items()}


def choose(category: Category, author: str | None, policy: Policy) -> FromChoice:
    """Decide; `policy` is that of the author's domain, `UNKNOWN` where it was not asked for."""
    mode = category.message.from_
    if mode != "auto":
        return FromChoice(mode, f'from = "{mode}"')
    if author is None:
        return FromChoice("list", "the author is in doubt")
    if (reason := _only_as_itself(category)) is not None:
        return FromChoice("list", reason)
    reason = _BY_POLICY[policy].format(_domain(author))
    if not policy.lets_others_write:
        return FromChoice("list", reason)
    return FromChoice("author", reason, unless_signature_lost=True)


def without_signature(author: str | None) -> FromChoice:
    """Return what is chosen where the copy in the author's name would lose his signature."""
    domain = _domain(author or "")
    return FromChoice("list", f"the signature of {domain} does not survive the list's changes")


def _domain(author: str) -> str:
    return author.rpartition("@")[2].lower()


def _only_as_itself(category: Category) -> str | None:
    """Say why From has to be the account's own address; None where it may be anybody's."""
    outgoing = category.outgoing
    return "there is nothing to send it with" if outgoing is None else _of_account(outgoing)


def _of_account(outgoing: OutgoingSettings) -> str | None:
    if outgoing.foreign_from is not None:
        return None if outgoing.foreign_from else "foreign_from = false"
    profile = providers.for_account(outgoing.host, outgoing.username)
    stated = profile.own_from_only if profile is not None else None
    if profile is not None and stated:
        return f"{profile.title} sends only in the account's own name"
    # Most hosted mailboxes do so, and one that does refuses the post for all. A relay that lets us
    # in without login knows no account whose name it could insist on.
    if stated is None and outgoing.username is not None:
        return "the account may have to write in its own name (foreign_from is not set)"
    return None
