"""From, Sender and Reply-To of the copy for subscribers, by the category's two settings."""

from typing import Literal

from listbridge.guard import is_safe
from listbridge.message import addresses, words
from listbridge.message.errors import AddressError
from listbridge.message.headers import Head, field, renamed
from listbridge.message.parse import ParsedMessage

FromMode = Literal["auto", "author", "list", "wrap"]
ReplyTo = Literal["list", "author", "both"]
_LONGEST_NAME = 120


def rewritten_from(head: Head, parsed: ParsedMessage, name: str, address: str) -> Head:
    """Write from the list in the author's name; the author's own From stays as X-Original-From.

    A hosted mailbox may send as itself only, and the author's domain may forbid all others (DMARC).
    """
    # Where the author is in doubt, the name is no better than the address.
    author = parsed.author and (parsed.author_name or parsed.author.partition("@")[0])
    shown = f"{author[:_LONGEST_NAME]} via {name}" if author else name
    kept = tuple(renamed(f, "X-Original-From") for f in head.all("From"))
    new = field("From", mailbox(shown, address))
    return Head((*head.without("X-Original-From").put(new).fields, *kept))


def with_reply_to(
    head: Head, parsed: ParsedMessage, mode: ReplyTo, name: str, address: str
) -> Head:
    """Set where answers go. An author's own Reply-To speaks for the author, else From does.

    | mode   | own Reply-To | no Reply-To, From untouched | no Reply-To, From rewritten |
    | list   | list         | list                        | list                        |
    | author | own          | none needed                 | author                      |
    | both   | own and list | author and list             | author and list             |
    """
    wish = _wish(parsed)
    if mode == "list" or (wish is None and mode == "both"):
        return head.replaced("Reply-To", mailbox(name, address))
    if wish is None or (mode == "author" and wish == _ascii(head.value("From"))):
        return head.without("Reply-To")
    if mode == "author" or _names(wish, address):
        return head.replaced("Reply-To", wish)
    return head.replaced("Reply-To", wish + b", " + mailbox(name, address))


def _wish(parsed: ParsedMessage) -> bytes | None:
    """Where the author wants answers, as written; None where that cannot be told."""
    own = parsed.head.value("Reply-To")
    if _plain_mailboxes(own):
        return _ascii(own)
    return None if parsed.author is None else _ascii(parsed.head.value("From"))


def _ascii(value: bytes) -> bytes:
    """The value as written; what is no plain text is not copied into a field of our own."""
    if value.isascii() and is_safe(value.decode("ascii")):
        return value
    return b", ".join(mailbox(m.name, m.address) for m in _plain_mailboxes(value))


def _names(value: bytes, address: str) -> bool:
    wanted = addresses.key(address)
    return any(addresses.key(m.address) == wanted for m in _plain_mailboxes(value))


def _plain_mailboxes(value: bytes) -> tuple[addresses.Mailbox, ...]:
    try:
        return addresses.mailboxes(value)
    except AddressError:
        return ()


def mailbox(name: str, address: str) -> bytes:
    """A display name and an address for a header field."""
    shown = words.tidy(name)
    if not shown:
        return address.encode()
    return words.phrase(shown, "a display name") + b" <" + address.encode() + b">"
