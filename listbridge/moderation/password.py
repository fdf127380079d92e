"""The posting password: who sends to `general+secret@example.org` may post.

It is cut out before anything of a message is looked at; only the raw bytes keep it.
"""

from dataclasses import dataclass, replace

from listbridge import message
from listbridge.category import Category
from listbridge.errors import SecretError
from listbridge.message import ParsedMessage, subaddress
from listbridge.message.subaddress import Cut
from listbridge.posting import check_password
from listbridge.secret import Secret

_SIGNATURE, _ORIGINAL = "DKIM-Signature", "X-Original-DKIM-Signature"


@dataclass(frozen=True)
class Opened:
    """A message to be read and sent, without the password."""

    raw: bytes
    parsed: ParsedMessage
    given: bool = False  #: it was sent to the address with the password
    body_changed: bool = False
    remains: bool = False  #: the password stands in the text in a form that cannot be cut out


def opened(category: Category, raw: bytes) -> Opened:
    """Read a message; raise `MessageError` as `message.parse` does, and `SecretError`.

    The password is looked up only for messages that name a sub-address of the category at all.
    """
    secret = category.posting.password
    if secret is None:
        return Opened(raw, message.parse(raw))
    parsed = message.parse(raw)
    named = subaddress.mentions(raw, category.address)
    hidden = subaddress.mentions(parsed.text.encode(), category.address)
    if not named and not hidden:
        return Opened(raw, parsed)
    password = _password(secret)
    return _without(password, category, subaddress.cut(raw, category.address, password))


def without_password(category: Category | None, raw: bytes) -> bytes:
    """Return a message to be shown that may be unreadable; None stands for a broken file's."""
    secret = category.posting.password if category else None
    if category is None or secret is None or not subaddress.mentions(raw, category.address):
        return raw
    return subaddress.cut(raw, category.address, _password(secret)).raw


def _password(secret: Secret) -> str:
    try:
        return check_password(secret.reveal())
    except ValueError as err:
        raise SecretError(str(err)) from None


def _without(password: str, category: Category, done: Cut) -> Opened:
    parsed = message.parse(done.raw)
    if done.head_changed:
        # They sign the head as it was.
        parsed = replace(parsed, head=parsed.head.renamed(_SIGNATURE, _ORIGINAL))
    text = subaddress.cut(parsed.text.encode(), category.address, password)
    remains = text.head_changed or text.body_changed
    if remains:
        parsed = replace(parsed, text=text.raw.decode())
    return Opened(done.raw, parsed, done.given, done.body_changed, remains)
