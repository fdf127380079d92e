"""Which envelope sender personal copies have."""

from collections.abc import Iterator

from listbridge.bounces import verp
from listbridge.category import Category
from listbridge.delivery import own_sender
from listbridge.service.checking.finding import Finding, fine

_EXAMPLE, _SECRET = "ann@example.net", "example"


def check_own_sender(category: Category) -> Iterator[Finding]:
    """Say it of a category that has such copies."""
    if not category.message.personalise:
        return
    what, address = "outgoing personal copies", category.address
    if own_sender.may_be_used(category):
        sender = verp.sender(address, _EXAMPLE, _SECRET)
        yield fine(category.slug, what, f"have senders of their own, such as {sender}")
    elif own_sender.arrives(category):
        seen = f"come from {address}, since the account may only write in its own name"
        yield fine(category.slug, what, seen)
    else:
        local, _, domain = address.rpartition("@")
        tagged = f"{local}+…@{domain}"
        seen = f"come from {address}, since mail to {tagged} does not reach the list"
        yield fine(category.slug, what, seen)
