"""Several posts in one mail: as text (RFC 1153), or as messages in one (RFC 2046 5.1.5)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import fill
from uuid import uuid4

from listbridge.message.errors import MessageError
from listbridge.message.headers import Head
from listbridge.message.parse import Attachment, ParsedMessage, parse
from listbridge.message.recode import encoded
from listbridge.message.wire import is_deliverable

# RFC 1153: between the preamble and the first post, and behind each post.
_AFTER_PREAMBLE = "-" * 70
_AFTER_POST = "-" * 30
# RFC 1153: kept, in this order. From and Subject are the author's own, not those of the copy.
_BEFORE_AUTHOR, _BEHIND_AUTHOR = ("Date",), ("To", "Cc")
_BEHIND_SUBJECT = ("Message-ID", "Keywords")
_WIDTH = 78


@dataclass(frozen=True)
class Words:
    """What a digest says itself of a post, in the reader's language."""

    attachment: str = "attachment"
    encrypted: str = "encrypted"
    missing: str = "this post could not be sent"


@dataclass(frozen=True)
class Item:
    """One post of a digest."""

    number: int  #: by which people name it
    subject: str
    author: str  #: as a From field has it, decoded
    answers: bool  #: whether it goes on with the thread of the one before it
    copy: bytes | None = field(repr=False)  #: as those have got it who want each; None: nobody has

    @property
    def author_name(self) -> str:
        """The author's name, or else his address."""
        return self.author.partition("<")[0].strip(' "') or self.author.strip("<>")


def contents(items: Sequence[Item]) -> str:
    """Return the table of contents: a line for each post, those of a thread together."""
    width = max(len(str(one.number)) for one in items)
    return "\n".join(_line(one, width) for one in items)


def _line(one: Item, width: int) -> str:
    start = f"  {one.number:>{width}}  {'  ' if one.answers else ''}"
    return fill(
        (one.subject or "(no subject)") + (f" ({one.author_name})" if one.author else ""),
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * (len(start) + 2),
        break_on_hyphens=False,
    )


def as_text(one: Item, said: Words) -> str:
    """Return a post as it stands in a plain digest; whatever is wrong with it breaks nothing."""
    try:
        parsed = parse(one.copy) if one.copy is not None else None
    except MessageError:
        parsed = None
    shown = _fields(one, parsed)
    if parsed is None:
        return f"{shown}\n\n[{said.missing}]"
    text = "\n".join(map(_unlike_separator, parsed.text.splitlines())).strip("\n")
    notes = [f"[{said.encrypted}]"] if parsed.encrypted else []
    notes += [_attachment(each, said) for each in parsed.attachments]
    return "\n\n".join(filter(None, (shown, text, "\n".join(notes))))


def _fields(one: Item, parsed: ParsedMessage | None) -> str:
    def kept(names: Iterable[str]) -> Iterator[tuple[str, str]]:
        for name in names:
            if parsed is not None and (value := parsed.head.text(name)):
                yield name, value

    fields = [
        *kept(_BEFORE_AUTHOR),
        *([("From", one.author)] if one.author else []),
        *kept(_BEHIND_AUTHOR),
        ("Subject", one.subject),
        *kept(_BEHIND_SUBJECT),
    ]
    return "\n".join(
        fill(
            f"{name}: {value}",
            _WIDTH,
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name, value in fields
    )


def _unlike_separator(line: str) -> str:
    return f" {line[1:]}" if line.rstrip() == _AFTER_POST else line


def _attachment(one: Attachment, said: Words) -> str:
    named = f"{one.filename}, " if one.filename else ""
    return f"[{said.attachment}: {named}{one.type}, {_size(one.size)}]"


def _size(octets: int) -> str:
    for unit, many in (("MB", 1_000_000), ("KB", 1_000)):
        if octets >= many:
            return f"{octets / many:.1f} {unit}"
    return f"{octets} B"


def plain(head: Head, title: str, preamble: str, posts: Sequence[str]) -> tuple[Head, bytes]:
    """Return head and body of a plain digest (RFC 1153) of posts made by `as_text`."""
    end = f"End of {title}"
    pieces = [preamble.strip("\n"), "", _AFTER_PREAMBLE, ""]
    for post in posts:
        pieces += [post, "", _AFTER_POST, ""]
    text = "\n".join([*pieces, end, "*" * len(end), ""])
    kind, encoding, body = _written(text)
    head = head.append("MIME-Version", "1.0").append("Content-Type", kind)
    return head.append("Content-Transfer-Encoding", encoding), body


def _written(text: str) -> tuple[str, str, bytes]:
    """Return type, encoding and octets; what needs none has none, for programs older than MIME."""
    octets = text.encode("utf-8", "replace")
    crlf = octets.replace(b"\n", b"\r\n")
    if octets.isascii() and is_deliverable(crlf):
        return "text/plain; charset=us-ascii", "7bit", crlf
    return "text/plain; charset=utf-8", "quoted-printable", encoded(octets, "quoted-printable")


def mime(head: Head, preamble: str, items: Sequence[Item], said: Words) -> tuple[Head, bytes]:
    """Return head and body of a MIME digest: the contents, and each post as it was sent, intact."""
    eight_bit = any(not one.copy.isascii() for one in items if one.copy is not None)
    posts = _Multipart("digest")
    for one in items:
        posts.add(*_message(one, said))
    whole = _Multipart("mixed")
    whole.add(*_text(preamble))
    whole.add(posts.head(eight_bit), posts.body())
    inner = whole.head(eight_bit)
    outer = head.append("MIME-Version", "1.0")
    return Head((*outer.fields, *inner.fields)), whole.body()


def _text(text: str) -> tuple[Head, bytes]:
    kind, encoding, body = _written(text.strip("\n") + "\n")
    head = Head().append("Content-Type", kind).append("Content-Disposition", "inline")
    return head.append("Content-Transfer-Encoding", encoding), body


def _message(one: Item, said: Words) -> tuple[Head, bytes]:
    if one.copy is None:
        return _text(as_text(one, said))
    head = Head().append("Content-Type", "message/rfc822")
    if not one.copy.isascii():
        head = head.append("Content-Transfer-Encoding", "8bit")
    return head, one.copy


class _Multipart:
    """A multipart in the making; nobody can know its boundary before (RFC 2046 5.1.1)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.boundary = f"=_listbridge_{uuid4().hex}"
        self._pieces: list[bytes] = []

    def add(self, head: Head, body: bytes) -> None:
        """Put in one more part."""
        self._pieces += [b"--", self.boundary.encode(), b"\r\n", head.to_bytes(), body, b"\r\n"]

    def head(self, eight_bit: bool) -> Head:
        """Return its Content fields."""
        head = Head().append("Content-Type", f'multipart/{self.kind}; boundary="{self.boundary}"')
        return head.append("Content-Transfer-Encoding", "8bit") if eight_bit else head

    def body(self) -> bytes:
        """Return its parts."""
        return b"".join((*self._pieces, b"--", self.boundary.encode(), b"--\r\n"))
