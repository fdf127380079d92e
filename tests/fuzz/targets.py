"""Every parser of ours with what must be true of it for any bytes at all.

The same targets are given to hypothesis in `make test` and, for hours if you like, to atheris.
"""

import tomllib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from listbridge import bounces, message
from listbridge.config import database_url, lines
from listbridge.guard import is_safe
from listbridge.mailbox import pop_dates
from listbridge.mailsession import SourceError, overlay
from listbridge.mailsession.sources import java_properties, liferay_lists, octets, safe_xml
from listbridge.mailsession.sources.java_properties import BadLine
from listbridge.membership import subscriber_file
from listbridge.message import addresses, content, headers, messageids, parts, recode, text, words
from listbridge.message.errors import AddressError, MessageError
from listbridge.message.wire import clean, is_deliverable
from listbridge.quantities import parse_duration, parse_size
from listbridge.submission.transaction import _stuffed
from storage.states import BounceClass

_NOW = datetime(2026, 11, 21, tzinfo=UTC)
_SETTINGS = [
    message.CopySettings("General", "general@example.org", "general.example.org", **more)
    for more in (
        {"subject_prefix": "[general]"},
        {"from_mode": "wrap", "footer": "-- \nGrüße"},
        {"from_mode": "author", "reply_to": "both", "footer": "bye"},
    )
]


def whole_message(raw: bytes) -> None:
    """It is read or refused; what goes out is fit for SMTP, and the copy says the same."""
    try:
        parsed = message.parse(raw)
        before = message.fingerprint(raw, parsed.root)
    except MessageError:
        message.glance(raw)
        message.glance_id(raw)
        return
    for ask in (message.bounce_reason, message.robot_reason, message.unanswerable_reason):
        ask(parsed)
    message.command(parsed, "general@example.org")
    message.loop_reason(parsed, "general@example.org", "general.example.org")
    assert before == message.fingerprint(raw)
    for settings in _SETTINGS:
        copy = message.list_copy(raw, parsed, settings, message_id="<made@example.org>", date=_NOW)
        if copy.refusal is None:
            _check_sendable(message.rendered(copy, raw))


def _check_sendable(sent: bytes) -> None:
    assert not {0, 10, 13} & set(sent.replace(b"\r\n", b""))
    assert is_deliverable(sent)
    assert sent.endswith(b"\r\n")
    head, body = headers.split(sent)
    assert head.to_bytes() + body == sent
    seven_bit = message.seven_bit(sent)
    assert seven_bit is None or seven_bit.isascii()
    dotted = b"".join(piece for piece, _ in _stuffed(sent))
    assert _undotted(dotted) == sent


def _undotted(dotted: bytes) -> bytes:
    rows = dotted.split(b"\r\n")
    assert rows[-2:] == [b".", b""]
    assert b"." not in rows[:-2]
    return b"".join(row[row.startswith(b".") :] + b"\r\n" for row in rows[:-2])


def head(raw: bytes) -> None:
    """No byte of the body is lost, and a head that was written is read as it was."""
    found, body = headers.split(raw)
    assert raw.endswith(body)
    assert len(raw) - len(body) == message.body_start(raw)
    again, nothing = headers.split(found.to_bytes())
    assert again.to_bytes() == found.to_bytes()
    assert nothing == b""


def mime_tree(raw: bytes) -> None:
    """Parts lie within each other in their order; chunks of a body are its payload."""
    try:
        root = parts.tree(raw)
    except MessageError:
        return
    for part in root.own():
        assert 0 <= part.start <= part.body_start <= part.end <= len(raw)
        starts = [child.start for child in part.children]
        assert starts == sorted(starts)
        if part.content.encoding != "base64":
            assert b"".join(parts.chunks(raw, part)) == parts.payload(raw, part)
    text.readable(raw, root)


def header_text(raw: bytes) -> None:
    """What people see holds no control character and can be stored."""
    shown = words.decode(raw)
    assert shown == words.tidy(shown)
    shown.encode()


def charset(raw: bytes) -> None:
    """The label stands before a blank, the text behind it."""
    label, _, octets = raw.partition(b" ")
    words.text(octets, label.decode("latin-1")).encode()


def address(raw: bytes) -> None:
    """What is an address stays the same one."""
    try:
        found = addresses.normalise(raw.decode("utf-8", "replace"))
    except AddressError:
        return
    assert addresses.normalise(found) == found


def address_field(raw: bytes) -> None:
    """Each address in a field is one by itself."""
    try:
        found = addresses.mailboxes(raw)
    except AddressError:
        return
    for one in found:
        assert addresses.normalise(one.address) == one.address


def content_fields(raw: bytes) -> None:
    """A type has one slash; nothing of a file name can end a line."""
    for name in (b"Content-Type: ", b"Content-Disposition: ", b"Content-Transfer-Encoding: "):
        read = content.read(headers.split(name + raw)[0])
        assert read.type.count("/") == 1
        assert not set(read.filename) & set("\0\r\n")
        words.known_charset(read.charset)


def message_ids(raw: bytes) -> None:
    """Ids have brackets around them, none within, and no blank."""
    for one in messageids.ids(raw.decode("latin-1")):
        assert messageids.ids(one) == [one]


def html(raw: bytes) -> None:
    """Only text is left."""
    text.from_html(raw.decode("utf-8", "replace")).encode()


def line_ends(raw: bytes) -> None:
    """CRLF only, and nothing else is changed."""
    cleaned = clean(raw)
    assert clean(cleaned) is cleaned
    assert cleaned.replace(b"\r\n", b"") == raw.translate(None, b"\0\r\n")


def seven_bit(raw: bytes) -> None:
    """A part's octets survive either encoding."""
    for encoding in ("base64", "quoted-printable"):
        written = recode.encoded(raw, encoding)
        assert written.isascii()
        assert is_deliverable(written)
        if encoding == "base64":
            assert parts.decoded(written, encoding) == raw


def arrival_date(raw: bytes) -> None:
    """A day or none."""
    pop_dates.arrival_date(raw)
    pop_dates.arrival_date(b"Received: x; " + raw)


def quantity(raw: bytes) -> None:
    """A number with a unit, or a ValueError."""
    for parse in (parse_duration, parse_size):
        with suppress(ValueError):
            parse(raw.decode("utf-8", "replace"))


def subscribers(raw: bytes) -> None:
    """Who is read is written so that he is read again."""
    entries, bad = subscriber_file.parse(raw.decode("utf-8", "replace"))
    written = "\n".join(map(subscriber_file.line, entries))
    assert subscriber_file.parse(written) == (entries, [])
    assert all(one.problem for one in bad)


def toml_lines(raw: bytes) -> None:
    """Only valid files are asked about."""
    source = raw.decode("utf-8", "replace")
    try:
        keys = tomllib.loads(source)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    found = lines.key_lines(source)
    assert all((key,) in found for key in keys)


def url(raw: bytes) -> None:
    """A URL, or a sentence that repeats nothing of it."""
    try:
        found = database_url.absolute(raw.decode("utf-8", "replace"), Path("/var/lib/x"))
    except ValueError:
        return
    assert database_url.absolute(found, Path("/elsewhere")) == found


def properties(raw: bytes) -> None:
    """Java's names and values as text that can be written, or the line that is broken."""
    try:
        entries = java_properties.parse(octets.text(raw))
    except BadLine:
        return
    reading = overlay(dict(entries))
    for name, value in entries:
        (name + value).encode()
    assert len(reading.warnings) <= len(entries)


def xml(raw: bytes) -> None:
    """A root element, or a sentence."""
    with suppress(SourceError):
        safe_xml.root(raw, Path("x.xml"))


def exported_lists(raw: bytes) -> None:
    """A category for each row, or a sentence."""
    head = b"emailAddress,inProtocol,inServerName,inServerPort,inUseSSL,inReadInterval,active_\n"
    for source in (octets.text(raw), octets.text(head + raw)):
        if liferay_lists.is_one(source):
            with suppress(SourceError):
                for one in liferay_lists.categories(source, Path("x.csv")):
                    assert one.problems or one.table["address"]


_DAEMON = b"Return-Path: <>\r\nFrom: MAILER-DAEMON@example.net\r\n"
_STATUS = b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;a@x.net\r\n"
_FEEDBACK = b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n"


def bounce(raw: bytes) -> None:
    """It reports nothing, or a few failures of people who can be named, in one line each."""
    for before in (b"", _DAEMON, _DAEMON + b"\r\n", _STATUS, _FEEDBACK):
        report = bounces.read(before + raw)
        if report is None:
            continue
        assert 0 < len(report.failures) <= 100
        assert len({one.recipient for one in report.failures}) == len(report.failures)
        for one in report.failures:
            assert one.recipient or one.class_ is BounceClass.COMPLAINT
            assert is_safe(one.reason)
            assert len(one.reason) <= 300


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (
        *(whole_message, head, mime_tree, header_text, charset, address, address_field),
        *(content_fields, message_ids, html, line_ends, seven_bit, arrival_date, quantity),
        *(subscribers, toml_lines, url, properties, xml, exported_lists, bounce),
    )
}
