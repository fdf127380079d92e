"""What a category says about kinds of attachments, by their types and by the ends of their names.

Both are what the sender says they are. What lies in an archive is not looked at; what is attached
to an attached message is.
"""

from listbridge.message import ParsedMessage, files
from listbridge.posting import Posting


def objection(message: ParsedMessage, posting: Posting) -> str | None:
    """Return which attachment is not wanted, or None."""
    if not posting.block_attachments and not posting.allow_attachments:
        return None
    for one in files.every(message.root):
        if kind := _kind(one, posting.block_attachments):
            return f"an attachment of a kind that is blocked ({kind})"
        if posting.allow_attachments and not _is_allowed(one, posting.allow_attachments):
            return f"an attachment of a kind that is not allowed ({one.type})"
    return None


def _kind(one: files.File, kinds: tuple[str, ...]) -> str | None:
    """Return which of the kinds it is by its type or by any of its names."""
    return next((kind for kind in kinds if one.is_of(kind)), None)


def _is_allowed(one: files.File, kinds: tuple[str, ...]) -> bool:
    # Readers may go by either of two names, so each has to be of a kind that is allowed.
    return all(any(one.is_of_by(name, kind) for kind in kinds) for name in one.names or ("",))
