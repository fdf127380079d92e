"""Subscribers, written for us or for others to read."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC

from listbridge.membership import subscriber_file
from listbridge.membership.people.person import Format
from listbridge.membership.subscriber_file import Entry
from storage.states import Receives, SubscriptionState
from storage.subscriptions import Subscription

# What a spreadsheet takes for a formula. Those that look marked already are marked once more, so
# that `rows.own` knows what was there.
_FORMULA = re.compile(r"'*[=+\-@]")
# RFC 5322 3.2.3; and a line that begins with # is a comment.
_NEEDS_QUOTES = re.compile(r'[()<>@,;:".\[\]\\#]')
_OWN_POSTS = {None: "", True: "yes", False: "no"}

#: The columns of our own table that are always there; the others if they say something of anybody.
_ALWAYS = 3
_OWN: dict[str, Callable[[Subscription], str]] = {
    "address": lambda one: one.address,
    "name": lambda one: f"'{one.name}" if _FORMULA.match(one.name) else one.name,
    "receives": lambda one: one.receives,
    "state": lambda one: one.state if one.state is SubscriptionState.SUSPENDED else "",
    "suspended_by": lambda one: one.suspended_by or "",
    "holiday_until": lambda one: (
        one.holiday_until.astimezone(UTC).isoformat() if one.holiday_until else ""
    ),
    "own_posts": lambda one: _OWN_POSTS[one.own_posts],
    "language": lambda one: one.language or "",
    "acknowledge": lambda one: "yes" if one.acknowledge else "",
}
_GOOGLE = ("Email address", "Nickname", "Group status", "Email status", "Email preference")
_GOOGLE_FORMS = {
    Receives.EACH: "email",
    Receives.DIGEST: "digest",
    Receives.MIME_DIGEST: "digest",
    Receives.NONE: "no email",
}
_GROUPSIO = ("Email", "Display Name", "Email Delivery", "Status")
_GROUPSIO_FORMS = {
    Receives.EACH: "Individual Messages",
    Receives.DIGEST: "Plain Digest",
    Receives.MIME_DIGEST: "Full Featured Digest",
    Receives.NONE: "No Email",
}


def write(
    people: Sequence[Subscription],
    wanted: Format,
    title: str,
    also: Mapping[int, Sequence[str]] | None = None,
) -> Iterator[str]:
    """Write people line by line; what has no room for suspension leaves the suspended out.

    `also` are the further addresses of each, by the id of his subscription.
    """
    if wanted is Format.CSV:
        yield from _own(people, also or {})
    elif wanted is Format.GOOGLE:
        yield _line([f"Members for group {title}", *[""] * (len(_GOOGLE) - 1)])
        yield _line(_GOOGLE)
        yield from (_line(_google(one)) for one in people)
    elif wanted is Format.GROUPSIO:
        yield _line(_GROUPSIO)
        yield from (_line(_groupsio(one)) for one in people)
    else:
        write_line = subscriber_file.line if wanted is Format.PLAIN else _header_line
        yield from (f"{write_line(Entry(x.address, x.name))}\n" for x in sendable(people))


def sendable(people: Iterable[Subscription]) -> list[Subscription]:
    """Return those who are not suspended."""
    return [one for one in people if one.state is not SubscriptionState.SUSPENDED]


def has_room_for_suspension(wanted: Format) -> bool:
    """Say whether a format can tell who is suspended."""
    return wanted in (Format.CSV, Format.GOOGLE, Format.GROUPSIO)


def _own(people: Sequence[Subscription], also: Mapping[int, Sequence[str]]) -> Iterator[str]:
    columns = [*_OWN, "also"]
    cells = [
        [*(column(one) for column in _OWN.values()), " ".join(also.get(one.id, ()))]
        for one in people
    ]
    used = [n < _ALWAYS or any(row[n] for row in cells) for n in range(len(columns))]
    for row in (columns, *cells):
        yield _line([cell for cell, is_used in zip(row, used, strict=True) if is_used])


def _google(one: Subscription) -> Sequence[str]:
    bouncing = "bouncing" if one.state is SubscriptionState.SUSPENDED else ""
    return one.address, _OWN["name"](one), "member", bouncing, _GOOGLE_FORMS[one.receives]


def _groupsio(one: Subscription) -> Sequence[str]:
    status = "Bouncing" if one.state is SubscriptionState.SUSPENDED else "Normal"
    return one.address, _OWN["name"](one), _GROUPSIO_FORMS[one.receives], status


def _header_line(entry: Entry) -> str:
    """Write somebody as in a header field, which is how both versions of Mailman read him."""
    if not entry.name:
        return subscriber_file.line(entry)
    name = entry.name
    if _NEEDS_QUOTES.search(name):
        name = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{name} <{entry.address}>"


def _line(cells: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()
