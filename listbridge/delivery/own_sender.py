"""Whether each personal copy may have an envelope sender that names whom it is for (VERP).

What comes back to one says whose it was, even where it holds nothing of our mail. But it has to be
taken by the server that sends, and to arrive in the mailbox that we read.
"""

from listbridge.category import Category
from listbridge.mailsession import providers
from listbridge.mailsession.providers import Profile


def arrives(category: Category) -> bool:
    """Say whether mail to general+anything@ reaches the category, as far as is known."""
    profile = _incoming(category)
    stated = None if profile is None else profile.sub_addressing
    return category.incoming is not None and stated in (None, "plus")


def surely_arrives(category: Category) -> bool:
    """Say whether it is known that it does."""
    profile = _incoming(category)
    return profile is not None and profile.sub_addressing == "plus"


def may_be_used(category: Category) -> bool:
    """Say whether copies have such senders, unless the account turns out to refuse them."""
    outgoing = category.outgoing
    if outgoing is None or not arrives(category):
        return False
    if outgoing.foreign_from is not None:
        return outgoing.foreign_from
    profile = providers.for_account(outgoing.host, outgoing.username)
    return profile is None or not profile.own_from_only


def _incoming(category: Category) -> Profile | None:
    incoming = category.incoming
    return None if incoming is None else providers.for_account(incoming.host, incoming.username)
