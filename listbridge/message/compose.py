"""The copy of a post that subscribers get: header edits on the raw bytes, the body as it came."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import chain

from listbridge.message import (
    authorship,
    dkim,
    dropping,
    footer,
    headers,
    listfields,
    parts,
    placeholders,
    recode,
    subject,
    tokens,
)
from listbridge.message.authorship import FromMode
from listbridge.message.dropping import Drops
from listbridge.message.errors import MessageError
from listbridge.message.headers import Head
from listbridge.message.listfields import list_id
from listbridge.message.parse import ParsedMessage
from listbridge.message.personal import StandIns
from listbridge.message.recode import seven_bit
from listbridge.message.replies import ReplyTo
from listbridge.message.wire import BLANK_LINE, clean, clean_pieces, joined, wire

__all__ = ["CopySettings", "ListCopy", "list_copy", "list_id", "rendered", "seven_bit", "wire"]


@dataclass(frozen=True)
class CopySettings:
    """What a category wants its copies to look like."""

    name: str  #: the category's display name
    address: str  #: the list's address
    list_id: str  #: see `list_id`
    from_mode: FromMode = "list"
    reply_to: ReplyTo = "list"
    takes_posts: bool = True  #: whether readers are told where to write to
    subject_prefix: str = ""
    footer: str = ""  #: with the placeholders of `footer.NAMES`, and `PERSONAL_NAMES` if personal
    drops: Drops = field(default_factory=Drops)  #: never from signed or encrypted mail
    stand_ins: StandIns | None = None  #: of personal copies
    by_sub_address: bool = False  #: whether tokens work in the list's address, too

    @property
    def has_personal_footer(self) -> bool:
        """Whether something of the subscriber's own stands in the footer."""
        return placeholders.unknown(self.footer, footer.NAMES) is not None

    @property
    def filled_footer(self) -> str:
        """The footer as subscribers see it."""
        common = self.name, self.address, self.list_id
        values = dict(zip(footer.NAMES, common, strict=True))
        if self.stand_ins is not None:
            way_out = listfields.unsubscribe_address(self.address, self.stand_ins.code)
            own = self.stand_ins.member, way_out
            values |= zip(footer.PERSONAL_NAMES, own, strict=True)
        return placeholders.filled(self.footer, values)


@dataclass(frozen=True)
class ListCopy:
    """The copy, to be joined by `rendered`; with a refusal it must not be sent."""

    head: bytes  #: CRLF, with the blank line
    body: bytes | None  #: behind a blank line; None: the raw message's own body, untouched
    refusal: str | None = None  #: one sentence: why this message cannot go out
    #: Whether a signature in the name of the author's domain was there, and holds no more.
    lost_author_signature: bool = False
    stand_ins: StandIns | None = None  #: what each recipient's own copy is made by


def list_copy(
    raw: bytes,
    parsed: ParsedMessage,
    settings: CopySettings,
    *,
    message_id: str,
    date: datetime,
    is_member: bool = True,
) -> ListCopy:
    """Make the copy; `message_id` and `date` are taken where the message has none of its own.

    `is_member` says of the author that what goes to the list reaches him.
    """
    try:
        shown, shown_as = _without_tokens(raw, parsed) if parsed.tokens else (raw, parsed)
        if settings.drops and not parsed.signed and not parsed.encrypted:
            shown, shown_as = _without_parts(shown, shown_as, settings.drops)
        head = _complete(listfields.stripped(shown_as.head), shown_as, message_id, date)
        head, body = _content(shown, shown_as, settings, head, is_member)
        if body is None and shown is not raw:
            body = _if_other(shown[shown_as.root.body_start :], raw, parsed.root.body_start)
        copy = replace(_fitted(raw, parsed, head, body), stand_ins=settings.stand_ins)
        if settings.has_personal_footer:
            parts.tree(rendered(copy, raw))  # or what is each one's own would not be found
        return copy
    except MessageError as err:
        return ListCopy(b"", None, str(err))


def _if_other(body: bytes, raw: bytes, start: int) -> bytes | None:
    """The body as in `ListCopy`; what changed may all have stood in the head."""
    return None if body == raw[start:] else BLANK_LINE + clean(body)


def _content(
    raw: bytes, parsed: ParsedMessage, settings: CopySettings, head: Head, is_member: bool
) -> tuple[Head, bytes | None]:
    """The edited head and, where it differs from the raw message's, the body as in `ListCopy`."""
    name, address = settings.name, settings.address
    body: bytes | None = None
    if settings.from_mode == "wrap":
        head, body = _wrapped(head, raw, parsed)
    if settings.from_mode != "author":
        head = authorship.rewritten_from(head, parsed, name, address)
    head = authorship.with_reply_to(
        head,
        parsed,
        settings.reply_to,
        name,
        address,
        is_member=is_member,
        keeps_from=settings.from_mode == "author",
    )
    head = subject.prefixed(head, settings.subject_prefix)
    head = listfields.added(
        head,
        name,
        address,
        settings.list_id,
        takes_posts=settings.takes_posts,
        code=None if settings.stand_ins is None else settings.stand_ins.code,
        by_sub_address=settings.by_sub_address,
    )
    if settings.footer.strip() and not parsed.signed and not parsed.encrypted:
        if body is None:
            return footer.add(raw, parsed.root, head, settings.filled_footer)
        return footer.wrapped(head, body, len(BLANK_LINE), settings.filled_footer)
    return head, body


def _complete(head: Head, parsed: ParsedMessage, message_id: str, date: datetime) -> Head:
    """Add what RFC 5322 3.6 demands, only where it is missing."""
    if parsed.message_id is None:
        head = head.replaced("Message-ID", message_id)
    if not head.value("Date"):
        head = head.replaced("Date", format_datetime(date.astimezone(UTC)))
    return head


def _without_tokens(raw: bytes, parsed: ParsedMessage) -> tuple[bytes, ParsedMessage]:
    """Blot out what somebody has quoted of a confirmation; what is signed or encrypted stays."""
    shown = tokens.blotted_bytes(raw, parsed.root)
    head, _ = headers.split(shown[: parsed.root.body_start])
    if tokens.found_in(head.text("Subject")):  # in encoded words
        head = head.replaced("Subject", parsed.subject)
    return raw if parsed.signed or parsed.encrypted else shown, replace(parsed, head=head)


def _without_parts(raw: bytes, parsed: ParsedMessage, drops: Drops) -> tuple[bytes, ParsedMessage]:
    """Leave out what the list drops; no signature outlives it, in the attached original neither."""
    left = dropping.without(raw, parsed.head, parsed.root, drops)
    if left is None:
        return raw, parsed
    root = parts.tree(left)
    head = dkim.rename_broken(parsed.head, root.head, body_changed=True)
    return left, replace(parsed, head=head, root=root)


def _wrapped(head: Head, raw: bytes, parsed: ParsedMessage) -> tuple[Head, bytes]:
    """An outer message that keeps the thread and the way, with the original as its content."""
    inner = listfields.without_last_delivery(parsed.head).to_bytes()
    pieces = (BLANK_LINE, clean(inner)), clean_pieces(raw, parsed.root.body_start)
    body = joined(chain.from_iterable(pieces))
    outer = Head(
        tuple(
            f
            for f in head.fields
            if not f.key.startswith(("content-", "dkim-", "arc-", "mime-")) and f.key != "reply-to"
        )
    )
    outer = outer.append("MIME-Version", "1.0").append("Content-Type", "message/rfc822")
    if not body.isascii():
        outer = outer.append("Content-Transfer-Encoding", "8bit")
    return outer, body


def _fitted(raw: bytes, parsed: ParsedMessage, head: Head, body: bytes | None) -> ListCopy:
    """Mend what no server would take, then see which signatures still hold."""
    source, start = (raw, parsed.root.body_start) if body is None else (body, len(BLANK_LINE))
    head, mended = recode.deliverable(head, source, start)
    body = body if mended is None else mended
    head = dkim.rename_broken(parsed.head, head, body_changed=body is not None)
    lost = dkim.lost(parsed.head, head, parsed.author)
    return ListCopy(clean(head.to_bytes()), body, lost_author_signature=lost)


def rendered(copy: ListCopy, raw: bytes) -> bytes:
    """The bytes for the server: the copy with its own body, or with the raw message's."""
    source = raw if copy.body is None else copy.body
    return wire(copy.head, source, headers.body_start(source))
