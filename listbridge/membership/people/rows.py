"""What a row of a table says of a person, by whom the table is.

Where the words come from says docs/guides/moving-from-another-list.md. A word that is not known
is an error: whoever wants no mail must not get any because somebody guessed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from listbridge.guard import safe
from listbridge.membership.people import person
from listbridge.membership.people.person import Found, LeftOut, Person, Staff
from storage.states import Origin, Receives, SubscriptionState

_Kind = TypeVar("_Kind", Receives, SubscriptionState)

#: A row: the cells by the names of their columns, in lower case.
Row = Mapping[str, str]

# As address books and spreadsheets call them, in English, German and French. "address" stands last,
# since beside any of the others it is where somebody lives.
_ADDRESS = (
    *("email", "e-mail", "email address", "e-mail address", "primary email", "e-mail 1 - value"),
    *("emailaddress", "mail address"),
    *("e-mail-adresse", "e-mailadresse", "emailadresse", "email-adresse", "primäre e-mail-adresse"),
    *("adresse e-mail", "adresse email", "adresse mail", "adresse de messagerie", "courriel"),
    *("adresse électronique", "première adresse électronique", "mail", "mailadresse", "address"),
)
_NAME = (
    *("display name", "display_name", "full name", "real name", "name"),
    *("anzeigename", "vollständiger name", "nom complet", "nom à afficher"),
)
_GIVEN = ("first name", "given name", "vorname", "prénom")
_FAMILY = (
    *("last name", "family name", "surname", "nachname", "familienname"),
    *("nom de famille", "nom"),
)
_NOT_SUBSCRIBED = ("pending", "invited", "not confirmed", "unconfirmed", "banned", "nonmember")
_STAFF = {"owner": "owner", "manager": "moderator", "moderator": "moderator"}
_YES_NO = {"yes": True, "no": False, "": None}
# A quotation mark keeps a spreadsheet from taking a name for a formula; `writing` puts it there.
_MARKED = re.compile(r"'+[=+\-@]")


def names_addresses(columns: Sequence[str]) -> bool:
    """Say whether one of the columns is for addresses."""
    return any(name in columns for name in _ADDRESS)


def own(row: Row) -> Iterator[Found]:
    """Read a row of our own table, or of any with a column of addresses."""
    yield Person(
        person.address(_cell(row, *_ADDRESS)),
        _name(row),
        _one_of(row, "receives", Receives),
        _state(row),
        Origin.BOUNCES if _cell(row, "suspended_by") == Origin.BOUNCES else None,
        _moment(row, "holiday_until"),
        _yes_or_no(row, "own_posts"),
        safe(_cell(row, "language"), "the language") or None,
        _yes_or_no(row, "acknowledge"),
        tuple(person.address(one) for one in _cell(row, "also").split()),
    )


def google(row: Row) -> Iterator[Found]:
    """Read a row of what Google Groups exports."""
    status = _cell(row, "group status").lower()
    receives = _delivery(_cell(row, "email preference"), "Email preference")
    bounces = "bounc" in _cell(row, "email status").lower()
    yield from _member(row, status, receives, bounces=bounces)


def groupsio(row: Row) -> Iterator[Found]:
    """Read a row of what groups.io exports."""
    status = _cell(row, "status").lower()
    role = _cell(row, "role", "moderator status", "mod status").lower()
    receives = _delivery(_cell(row, "email delivery"), "Email Delivery")
    if "special" in _cell(row, "message selection").lower():
        receives = Receives.NONE
    yield from _member(row, f"{status} {role}".strip(), receives, bounces="bounc" in status)


def mailman3(row: Row) -> Iterator[Found]:
    """Read what Mailman 3 says of a member."""
    address = person.address(_cell(row, "email", *_ADDRESS))
    role = _cell(row, "role").lower() or "member"
    if role in _STAFF:
        yield Staff(role, address)
        return
    if role != "member":
        yield LeftOut(address, f"a {role} there")
        return
    receives = _mailman_mode(_cell(row, "delivery_mode"))
    state = suspended_by = None
    status = _cell(row, "delivery_status")
    if status in ("by_user", "unknown"):
        receives = Receives.NONE
    elif status in ("by_bounces", "by_moderator"):
        state = SubscriptionState.SUSPENDED
        suspended_by = Origin.BOUNCES if status == "by_bounces" else None
    elif status not in ("", "enabled"):
        raise ValueError(f"delivery_status is {status!r}, which is not known here")
    yield Person(address, _name(row), receives, state, suspended_by)


def _member(row: Row, status: str, receives: Receives | None, *, bounces: bool) -> Iterator[Found]:
    address = person.address(_cell(row, *_ADDRESS))
    for word in _NOT_SUBSCRIBED:
        if word in status:
            yield LeftOut(address, f"{word} there")
            return
    for word, role in _STAFF.items():
        if word in status:
            yield Staff(role, address)
            break
    state = SubscriptionState.SUSPENDED if bounces else None
    suspended_by = Origin.BOUNCES if bounces else None
    yield Person(address, _name(row), receives, state, suspended_by)


def _delivery(said: str, column: str) -> Receives | None:
    """Understand how Google Groups and groups.io call the forms of delivery."""
    words = set(re.split(r"[^a-z]+", said.lower()))
    if not said:
        return None
    if words & {"none", "no", "web", "special"}:
        return Receives.NONE
    if words & {"digest", "digests", "summary", "abridged"}:
        return Receives.DIGEST
    if words & {"all", "each", "every", "individual", "single", "email"}:
        return Receives.EACH
    raise ValueError(f"{column} is {said!r}, which is not known here; write each, digest or none")


def _mailman_mode(mode: str) -> Receives | None:
    modes = {
        "": None,
        "regular": Receives.EACH,
        "plaintext_digests": Receives.DIGEST,
        "summary_digests": Receives.DIGEST,
        "mime_digests": Receives.MIME_DIGEST,
    }
    if mode not in modes:
        raise ValueError(f"delivery_mode is {mode!r}, which is not known here")
    return modes[mode]


def _name(row: Row) -> str:
    name, given = _cell(row, *_NAME), _cell(row, *_GIVEN)
    if any(column in row for column in _FAMILY):
        name = name or f"{given} {_cell(row, *_FAMILY)}".strip()
    else:  # beside the column of given names, "name" is for the others
        name = f"{given} {name}".strip()
    name = name or _cell(row, "nickname")
    return person.name(name[1:] if _MARKED.match(name) else name)


def _state(row: Row) -> SubscriptionState | None:
    state = _one_of(row, "state", SubscriptionState)
    if state not in (None, SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED):
        raise ValueError(f"state is {state.value!r}; it can be active or suspended")
    return state


def _yes_or_no(row: Row, column: str) -> bool | None:
    said = _cell(row, column).lower()
    if said not in _YES_NO:
        raise ValueError(f"{column} is {said!r}; it can be yes or no")
    return _YES_NO[said]


def _moment(row: Row, column: str) -> datetime | None:
    said = _cell(row, column)
    if not said:
        return None
    try:
        read = datetime.fromisoformat(said)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{column} is {said!r}; write a day such as 2026-12-24") from None


def _one_of(row: Row, column: str, kinds: type[_Kind]) -> _Kind | None:
    said = _cell(row, column)
    if not said:
        return None
    try:
        return kinds(said)
    except ValueError:
        raise ValueError(
            f"{column} is {said!r}; it can be {', '.join(one.value for one in kinds)}"
        ) from None


def _cell(row: Row, *columns: str) -> str:
    """Return what stands in the first of these columns that there is."""
    for column in columns:
        if column in row:
            return row[column].strip()
    return ""
