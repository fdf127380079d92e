"""One notice: a text of the catalogue, filled in, as a mail in plain text and HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from string import Template
from uuid import uuid4

from listbridge import message
from listbridge.category import Category
from listbridge.guard import safe
from listbridge.message import words
from listbridge.message.headers import Head
from listbridge.message.recode import encoded
from listbridge.notices import catalogue, html
from listbridge.notices.catalogue import Notice
from storage.service_mail import Letter

# A notice is no place for a long text of somebody else's.
_LONGEST_VALUE = 20_000
_ATTACHED = (
    Head().append("Content-Type", "message/rfc822").append("Content-Disposition", "attachment")
)


@dataclass(frozen=True)
class Writing:
    """To whom a notice goes, and what is to be put into it."""

    to: str  #: an address
    language: str | None = None  #: None: the category's
    values: Mapping[str, str] = field(default_factory=dict)  #: by the names of the catalogue
    answers: str | None = None  #: Message-ID of the mail that it is an answer to
    references: tuple[str, ...] = ()  #: what that mail refers to, the nearest first
    reply_to: str | None = None  #: an address; None: the list's
    about: str | None = None  #: the address that $member stands for; None: whom it goes to
    mark: str = ""  #: what its Message-ID begins with, so that an answer to it is known
    attached: bytes | None = None  #: a message in ASCII, with lawful lines


def notice(category: Category, what: Notice, writing: Writing, now: datetime) -> Letter:
    """Compose a notice of a category.

    It says that no person wrote it, and asks robots for no answer (RFC 3834 5, and Microsoft's way
    to say so); its List-Id keeps one that is sent on from being posted.
    """
    language = writing.language or category.language
    texts = catalogue.of(what, language, category.texts)
    values = _values(category, writing)
    subject = words.tidy(Template(texts["subject"]).substitute(values))
    text = Template(texts["text"]).substitute(values).strip("\n") + "\n"
    message_id = f"<{writing.mark}{uuid4().hex}@{category.address.rpartition('@')[2]}>"
    address = safe(category.address, "the list's address").encode()
    head = (
        Head()
        .append("From", words.phrase(words.tidy(category.name), "the name") + b" <%b>" % address)
        .append("To", safe(writing.to, "an address").encode())
        .append("Subject", subject)
        .append("Date", format_datetime(now.astimezone(UTC)))
        .append("Message-ID", message_id)
        .append("List-Id", f"<{message.list_id(category.address)}>")
        .append("Auto-Submitted", "auto-replied" if writing.answers else "auto-generated")
        .append("X-Auto-Response-Suppress", "All")
        .append("Precedence", "bulk")
    )
    if writing.reply_to is not None:
        head = head.append("Reply-To", safe(writing.reply_to, "an address").encode())
    if writing.answers is not None:
        line = (*reversed(writing.references), writing.answers)  # RFC 5322 3.6.4
        head = head.append("In-Reply-To", writing.answers).append("References", " ".join(line))
    page = html.page(_html(texts, values) or html.from_text(text), title=subject, language=language)
    parts = [_part("text/plain", text), _part("text/html", page)]
    head = head.append("MIME-Version", "1.0")
    if writing.attached is None:
        outer, body = _multipart("alternative", head, parts)
        return Letter(message_id, outer.to_bytes(), body)
    inner, alternative = _multipart("alternative", Head(), parts)
    attached = _ATTACHED.to_bytes() + writing.attached
    outer, body = _multipart("mixed", head, [inner.to_bytes() + alternative, attached])
    return Letter(message_id, outer.to_bytes(), body)


def _values(category: Category, writing: Writing) -> dict[str, str]:
    """Everything that may be put in; a value has no line ends, but for what somebody wrote."""
    local, _, domain = category.address.rpartition("@")
    given = {
        "list": category.name,
        "address": category.address,
        "owner": f"{local}+owner@{domain}",
        "member": writing.about or writing.to,
        **writing.values,
    }
    return {
        name: value[:_LONGEST_VALUE] if name == "text" else words.tidy(value)[:_LONGEST_VALUE]
        for name, value in given.items()
    }


def _html(texts: Mapping[str, str], values: Mapping[str, str]) -> str | None:
    if "html" not in texts:
        return None
    return Template(texts["html"]).substitute({name: escape(x) for name, x in values.items()})


def _multipart(kind: str, head: Head, parts: Sequence[bytes]) -> tuple[Head, bytes]:
    boundary = f"=_listbridge_{uuid4().hex}"
    outer = head.append("Content-Type", f'multipart/{kind}; boundary="{boundary}"')
    mark = f"--{boundary}".encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    return outer, body


def _part(kind: str, text: str) -> bytes:
    head = (
        Head()
        .append("Content-Type", f"{kind}; charset=utf-8")
        .append("Content-Transfer-Encoding", "quoted-printable")
    )
    return head.to_bytes() + encoded(text.encode("utf-8", "replace"), "quoted-printable")
