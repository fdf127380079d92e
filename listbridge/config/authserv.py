"""Whose Authentication-Results count for a category: what its file says, else its provider's."""

from listbridge.config.models import CategoryFile
from listbridge.config.problems import Finding
from listbridge.mailsession import providers
from listbridge.posting import Posting

_UNKNOWN = (
    "required with authenticate: the name at the beginning of the Authentication-Results field "
    'that your mailbox\'s server puts on top of each message, such as "mx.example.org"'
)


def settled(file: CategoryFile) -> tuple[Posting, list[Finding]]:
    """Return [posting] with the name in it, or what is wrong because nobody knows it."""
    posting = file.posting
    if posting.authenticate == "off" or posting.authserv_id is not None:
        return posting, []
    provider = providers.for_host(file.incoming.host) if file.incoming else None
    if provider is None or provider.authserv_id is None:
        return posting, [Finding(("posting", "authserv_id"), _UNKNOWN)]
    return posting.model_copy(update={"authserv_id": provider.authserv_id}), []
