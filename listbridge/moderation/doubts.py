"""Whether the author of a post may be somebody else, where the category asks for it."""

from listbridge.message import ParsedMessage, authenticity
from listbridge.posting import Posting


def doubt(posting: Posting, parsed: ParsedMessage) -> str | None:
    """Say why the author may be somebody else; None also where nobody asks."""
    if posting.authenticate == "off" or parsed.author is None:
        return None
    if posting.authserv_id is None:
        return "no server is named that could tell"
    return authenticity.doubt(parsed.head, parsed.author, posting.authserv_id)
