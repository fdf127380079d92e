"""Understand one message: everything that is decided by, computed once from the raw bytes."""

from dataclasses import dataclass, field
from datetime import datetime

from listbridge.message import addresses, derived, messageids, parts, protection, text, tokens
from listbridge.message.errors import MessageError
from listbridge.message.headers import Head
from listbridge.message.parts import Part


@dataclass(frozen=True)
class Attachment:
    """A file that came along, or an attached message."""

    filename: str  #: as the sender wrote it, decoded: a label, never a path; "" when there is none
    type: str
    size: int  #: octets, transfer encoding undone


@dataclass(frozen=True)
class ParsedMessage:
    """What one message says about itself; nothing in it is to be believed without a reason."""

    head: Head = field(repr=False)
    root: Part = field(repr=False)  #: the structure, by offsets into the raw bytes
    size: int  #: octets of the raw message
    message_id: str | None  #: with angle brackets; None when missing or unusable
    aliases: tuple[str, ...]  #: other Message-IDs of this very message
    references: tuple[str, ...]  #: what it answers, nearest parent first, the root kept
    author: str | None  #: normalised address; None where `author_problem` says why
    author_name: str  #: display name, may be empty
    author_problem: str | None
    subject: str  #: decoded, one line, tokens blotted out; "" when there is none
    date: datetime | None  #: in UTC, as the sender's clock had it; None when unreadable
    text: str = field(repr=False)  #: the body for people, tokens blotted out
    attachments: tuple[Attachment, ...]
    received_count: int
    signed: bool  #: S/MIME or PGP, as a part or inline
    encrypted: bool
    empty: bool  #: neither words nor attachments
    defects: tuple[str, ...]  #: what mail-parser found wrong with the head
    tokens: tuple[str, ...] = field(default=(), repr=False)  #: secrets that it shows


def parse(raw: bytes) -> ParsedMessage:
    """Read a message; raise `MessageError` (`TooComplex` for the caps) when that cannot be done."""
    root = parts.tree(raw)
    view = derived.derive(root.head)
    try:
        return _parsed(raw, root, view)
    except MessageError:
        raise
    except Exception as err:  # email-validator and codecs work on hostile text here.
        raise MessageError(f"it could not be read: {type(err).__name__}") from err


def _parsed(raw: bytes, root: Part, view: derived.Derived) -> ParsedMessage:
    head = root.head
    author = addresses.author(head)
    readable = text.readable(raw, root)
    attachments = _attachments(raw, root)
    protected = protection.of_message(raw, root)
    secrets = dict.fromkeys((*tokens.quoted(raw, root), *tokens.found_in(view.subject)))
    return ParsedMessage(
        head=head,
        root=root,
        size=len(raw),
        message_id=messageids.message_id(head),
        aliases=messageids.aliases(head),
        references=messageids.references(head),
        author=author.address,
        author_name=author.name,
        author_problem=author.problem,
        subject=tokens.blotted(view.subject) if secrets else view.subject,
        date=view.date,
        text=tokens.blotted(readable) if secrets else readable,
        attachments=attachments,
        received_count=len(head.all("Received")),
        signed=protected.signed,
        encrypted=protected.encrypted,
        # What is encrypted may say anything.
        empty=not readable.strip() and not attachments and not protected.encrypted,
        defects=view.defects,
        tokens=tuple(secrets),
    )


def _attachments(raw: bytes, root: Part) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(part.content.filename, part.type, parts.decoded_size(raw, part))
        for part in root.own()
        if _is_leaf(part) and not text.is_body(part) and part.end > part.body_start
    )


def _is_leaf(part: Part) -> bool:
    return part.content.main == "message" or not part.children
