"""What is known of the provider that sends, and how it goes with what a category wants of it."""

from collections.abc import Iterator

from listbridge.category import Category
from listbridge.mailsession import providers
from listbridge.mailsession.providers import Profile
from listbridge.service.checking.finding import Finding, fine, wrong
from listbridge.submission import OutgoingSettings

_BUDGETS = {"max_per_hour": "an hour", "max_per_day": "a day"}


def check_provider(category: Category) -> Iterator[Finding]:
    """Yield findings about the account's limits and sender, where its provider is a known one."""
    outgoing = category.outgoing
    if outgoing is None:
        return
    profile = providers.for_account(outgoing.host, outgoing.username)
    if profile is None:
        return
    yield from _limits(category.slug, outgoing, profile)
    yield from _sender(category, outgoing, profile)


def _limits(slug: str, outgoing: OutgoingSettings, profile: Profile) -> Iterator[Finding]:
    for key, period in _BUDGETS.items():
        allowed, ours = getattr(profile.limits, key), getattr(outgoing, key)
        if allowed is None:
            continue
        what, seen = f"outgoing {key}", f"{profile.title} allows {allowed} recipients {period}"
        if ours is not None:
            # A contract may allow more; whoever sets a number knows it.
            yield fine(slug, what, f"{seen}, {ours} are set")
            continue
        cure = f"set {key} under [outgoing], or name the provider in a mail session"
        yield wrong(slug, what, f"{seen} and may lock an account that sends more", cure)


def _sender(category: Category, outgoing: OutgoingSettings, profile: Profile) -> Iterator[Finding]:
    account = (outgoing.username or "").lower()
    if not profile.own_from_only or "@" not in account or account == category.address.lower():
        return
    yield fine(
        category.slug,
        "outgoing sender",
        f"{profile.title} sends only for the account's own addresses, so {category.address} has to "
        f"be an alias of {outgoing.username}",
    )
