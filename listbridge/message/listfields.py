"""The header fields by which a list says that it is one (RFC 2369, 2919), and those it drops."""

from urllib.parse import quote

from listbridge.message import words
from listbridge.message.headers import Head
from listbridge.message.robots import LOOP_HEADER

# Receipts would go to whoever asked, from every subscriber.
_RECEIPTS = (
    "Errors-To",
    "Return-Receipt-To",
    "Disposition-Notification-To",
    "X-Confirm-Reading-To",
    "X-PMRQC",
)
# What the last delivery wrote: it belongs to our mailbox, and Bcc to nobody else.
_LAST_DELIVERY = ("Return-Path", "Delivered-To", "X-Original-To", "Envelope-To", "Bcc")
# RFC 5322 3.6 allows each once; receivers refuse or misread mail with two of them.
_SINGLE = frozenset(
    (
        *("date", "from", "sender", "reply-to", "to", "cc", "message-id", "in-reply-to"),
        *("references", "subject", "mime-version", "content-type", "content-transfer-encoding"),
        *("content-disposition", "content-id"),
    )
)


def list_id(address: str) -> str:
    """The List-Id of the list with this address: `general.example.org` for general@example.org."""
    return address.lower().replace("@", ".", 1)


def without_last_delivery(head: Head) -> Head:
    """Leave out what was written for our mailbox alone."""
    return head.without(*_LAST_DELIVERY)


def stripped(head: Head) -> Head:
    """Leave out receipts, traces of the last delivery, another list's fields, and doubles.

    Another list's List-Id stays under another name, because loops are found by it.
    """
    head = without_last_delivery(head).without(*_RECEIPTS, "Precedence")
    head = head.renamed("List-Id", "X-Original-List-Id")
    seen: set[str] = set()
    kept = []
    for field in head.fields:
        if field.key.startswith("list-") or (field.key in _SINGLE and field.key in seen):
            continue
        seen.add(field.key)
        kept.append(field)
    return Head(tuple(kept))


def unsubscribe_address(address: str, code: str | None = None) -> str:
    """Return the web address under which one unsubscribes; with the token of a subscriber, at once.

    By the subject, which works wherever mail to the list arrives.
    """
    return f"{_mailto(address)}?subject={code or 'unsubscribe'}"


def _unsubscribe(address: str, code: str | None, *, by_sub_address: bool) -> str:
    """The ways to unsubscribe, the best one first (RFC 2369 2)."""
    ways = [unsubscribe_address(address, code)]
    if code is not None and by_sub_address:
        local, _, domain = address.rpartition("@")
        ways.append(_mailto(f"{local}+{code}@{domain}"))
    return ", ".join(f"<{one}>" for one in ways)


def _mailto(address: str) -> str:
    return f"mailto:{quote(address, safe='@+')}"


def added(
    head: Head,
    name: str,
    address: str,
    identifier: str,
    *,
    takes_posts: bool,
    code: str | None = None,
    by_sub_address: bool = False,
) -> Head:
    """Add this list's own fields; the loop field joins those that are there.

    Where readers are not to write, List-Post says so (RFC 2369 3.4). `code` is the subscriber's own
    token, `by_sub_address` whether it also works in the list's address.
    """
    mailto = _mailto(address)
    return (
        head.replaced("Sender", address)
        .append("List-Id", _phrase(words.tidy(name)) + f" <{identifier}>".encode())
        .append("List-Post", f"<{mailto}>" if takes_posts else "NO")
        .append("List-Unsubscribe", _unsubscribe(address, code, by_sub_address=by_sub_address))
        .append("List-Help", f"<{mailto}?subject=help>")
        .append("Precedence", "list")
        .append(LOOP_HEADER, address)
    )


def _phrase(name: str) -> bytes:
    """The name, without quotation marks where it needs none: some filters compare the field."""
    plain = name.isascii() and all(word.isalnum() for word in name.split())
    return name.encode("ascii") if plain else words.phrase(name, "the list's name")
