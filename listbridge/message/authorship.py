"""From, Sender and Reply-To of the copy for subscribers, by the category's two settings."""

from typing import Literal

from listbridge.guard import is_safe
from listbridge.message import addresses, replies, words
from listbridge.message.errors import AddressError
from listbridge.message.headers import Head, field, renamed
from listbridge.message.parse import ParsedMessage
from listbridge.message.replies import ReplyTo

FromMode = Literal["author", "list", "wrap"]
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
    head: Head,
    parsed: ParsedMessage,
    mode: ReplyTo,
    name: str,
    address: str,
    *,
    is_member: bool,
    keeps_from: bool,
) -> Head:
    """Set where answers go, as the table of `replies` has it.

    Where author and Reply-To are both in doubt, only the list is left. A field that would say
    again what stands there already keeps its bytes, which may be signed.
    """
    own = _ascii_mailboxes(parsed.head.value("Reply-To"))
    author = None if parsed.author is None else _ascii(parsed.head.value("From"))
    row = replies.row(mode, is_member=is_member, has_own=bool(own), keeps_from=keeps_from)
    by_place = {"own": own, "author": author, "list": mailbox(name, address)}
    places = [value for place in row.places if (value := by_place[place]) is not None]
    if len(places) > 1 and _names(places[0], address):
        del places[1:]  # He wants answers on the list anyway.
    if not places:
        return head.without("Reply-To")
    value = b", ".join(places)
    if value == _with_blanks(head.value("Reply-To")):
        return head
    return head.replaced("Reply-To", value)


def _ascii_mailboxes(value: bytes) -> bytes | None:
    """The value as `_ascii` gives it; None where it names no usable address."""
    return _ascii(value) if _plain_mailboxes(value) else None


def _ascii(value: bytes) -> bytes:
    """The value as written; what is no plain text is not copied into a field of our own."""
    value = _with_blanks(value)
    if value.isascii() and is_safe(value.decode("ascii")):
        return value
    return b", ".join(mailbox(m.name, m.address) for m in _plain_mailboxes(value))


def _with_blanks(value: bytes) -> bytes:
    """The value without the tabs that many fold their fields with."""
    return value.replace(b"\t", b" ")


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
