"""Addresses, strictly: one plain address is an address, everything else is a stated problem.

`email.utils.parseaddr` can be talked into reading another address than people see
(CVE-2023-27043), so the From field is read by a small scanner of our own and nothing is guessed.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from listbridge.message import words
from listbridge.message.errors import AddressError
from listbridge.message.headers import Head

_LONGEST = 254  # RFC 5321 4.5.3.1.3, without the angle brackets
_MOST = 100  #: addresses in one field that are worth the time of checking them
_ATOM = re.compile(r'[^\s()<>@,;:\\".\[\]]+')
# What IDNA takes for a dot although it is none; the other ones fall under `_is_disguised`.
_IDEOGRAPHIC_STOP = "\u3002"
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Mailbox:
    """One entry of an address field."""

    address: str  #: normalised
    name: str = ""  #: display name, decoded


@dataclass(frozen=True)
class Author:
    """Who wrote a message by its From field, or the reason why that cannot be said."""

    address: str | None  #: normalised; None where `problem` says why
    name: str = ""  #: display name, decoded; may be empty
    problem: str | None = None


@dataclass(frozen=True)
class _Token:
    kind: str  # "atom", "quoted", "comment", or the special character itself
    text: str
    glued: bool  # no blank in front of it


@dataclass(frozen=True)
class Entry:
    """One entry of a field that may name many; nothing about it is checked yet."""

    tokens: tuple[_Token, ...]

    @property
    def text(self) -> str:
        """What stands there, without blanks and quotation marks."""
        return "".join(token.text for token in self.tokens)

    def mailbox(self) -> Mailbox:
        """Read it strictly; raise `AddressError` for what two readers could read in two ways."""
        return _mailbox(list(self.tokens))


# The same few people write to a list, and each is asked about several times for each message.
@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Return the address with its domain in lower-case ASCII (IDNA) and its local part kept.

    Raise `AddressError` for anything but one plain address.
    """
    text = text.strip()
    shown = text[:80].encode("unicode_escape").decode("ascii")
    if len(text) > _LONGEST:
        raise AddressError(f"the address {shown}… is longer than {_LONGEST} characters")
    if not text.isascii() and any(map(_is_disguised, text)):
        raise AddressError(f"“{shown}” holds signs that only look like plain letters")
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except (EmailNotValidError, ValueError) as err:
        reason = str(err).rstrip(".")
        raise AddressError(f"“{shown}” is not a mail address: {reason}") from None
    return f"{found.local_part}@{found.ascii_domain.lower()}"


def _is_disguised(ch: str) -> bool:
    """Say whether Unicode's own rules would make a plain sign of one that is none.

    The Kelvin sign becomes a K, a full-width letter a plain one: the address would be another's.
    """
    if ch.isascii():
        return False
    return ch == _IDEOGRAPHIC_STOP or unicodedata.normalize("NFKC", ch).isascii()


def key(address: str) -> str:
    """The form in which two addresses are compared: lower-case, although RFC 5321 leaves the
    local part to its owner. No provider tells Alice@ from alice@.
    """
    return address.lower()


def author(head: Head) -> Author:
    """Read the From fields: exactly one field with exactly one plain address names the author."""
    fields = head.all("From")
    if not fields:
        return Author(None, problem="there is no From field")
    if len(fields) > 1:
        return Author(
            None, problem=f"there are {len(fields)} From fields, so the author is in doubt"
        )
    shown = fields[0].text
    try:
        found = mailboxes(fields[0].value)
    except AddressError as err:
        return Author(None, shown, f"the From field is in doubt: {err}")
    if not found:
        return Author(None, shown, "the From field holds no address")
    if len(found) > 1:
        return Author(None, shown, "the From field names more than one author")
    return Author(found[0].address, found[0].name)


def mailboxes(value: bytes) -> tuple[Mailbox, ...]:
    """Read a plain mailbox list (RFC 5322 3.4, without groups and obsolete forms).

    Raise `AddressError` for what two readers could read in two ways.
    """
    # Other charsets than UTF-8 occur in display names only; within an address nobody could say
    # which letters their bytes are, so they stay what is no letter of any address.
    tokens = _tokens(value.decode("utf-8", "surrogateescape"))
    # A group without members, such as `undisclosed-recipients:;`, plainly holds no address.
    if not [t for t in tokens if t.kind in ("@", "<")]:
        return ()
    if sum(t.kind == "@" for t in tokens) > _MOST:
        raise AddressError(f"it holds more than {_MOST} addresses")
    entries: list[list[_Token]] = [[]]
    for token in tokens:
        if token.kind == ",":
            entries.append([])
        elif token.kind in (":", ";", "\\", ")"):
            raise AddressError(f"“{token.kind}” stands where only addresses may be")
        else:
            entries[-1].append(token)
    return tuple(_mailbox(entry) for entry in entries)


def entries(value: bytes) -> list[Entry]:
    """Cut a recipient field into its entries, groups (RFC 5322 3.4) and all.

    Raise `AddressError` where nobody could say where one ends.
    """
    found: list[list[_Token]] = [[]]
    inside = False
    for token in _tokens(value.decode("utf-8", "surrogateescape")):
        if token.kind in ("<", ">"):
            inside = token.kind == "<"
        if token.kind in (",", ";"):
            found.append([])
        elif token.kind == ":" and not inside:
            found[-1] = []  # what stood there was the name of a group
        else:
            found[-1].append(token)
    return [Entry(tuple(one)) for one in found if one]


def _mailbox(tokens: list[_Token]) -> Mailbox:
    kinds = [t.kind for t in tokens]
    if "<" not in kinds:
        return _bare(tokens)
    opening = kinds.index("<")
    closing = kinds.index(">") if ">" in kinds else -1
    if closing < opening or kinds.count("<") > 1 or kinds.count(">") > 1:
        raise AddressError("its angle brackets do not match")
    before, inside, after = tokens[:opening], tokens[opening + 1 : closing], tokens[closing + 1 :]
    if any(t.kind != "comment" for t in after):
        raise AddressError("something follows the address")
    address = _addr_spec(inside)
    # Outlook writes `alice@example.org <alice@example.org>`; with any other address it is a trick.
    if any(t.kind == "@" for t in before):
        if key(_addr_spec([t for t in before if t.kind != "comment"])) != key(address):
            raise AddressError("it shows two different addresses")
        return Mailbox(address)
    return Mailbox(address, _name(before))


def _bare(tokens: list[_Token]) -> Mailbox:
    """`alice@example.org`, or the older `alice@example.org (Alice)`."""
    comments = [t.text for t in tokens if t.kind == "comment"]
    places = [at for at, t in enumerate(tokens) if t.kind != "comment"]
    inner = tokens[places[0] : places[-1] + 1] if places else []
    return Mailbox(_addr_spec(inner), _decoded(comments[-1]) if comments else "")


def _addr_spec(tokens: list[_Token]) -> str:
    if not tokens:
        raise AddressError("an address is missing")
    if any(t.kind == "comment" or not t.glued for t in tokens[1:]) or tokens[0].kind == "comment":
        raise AddressError("there is a blank or comment inside the address")
    if [t.kind for t in tokens].count("@") != 1:
        raise AddressError("it is not one address")
    spelt = "".join(f'"{t.text}"' if t.kind == "quoted" else t.text for t in tokens)
    # RFC 2047 5 forbids them there; a reader that decodes them all the same sees another address.
    if "=?" in spelt:
        raise AddressError("there is an encoded word inside the address")
    return normalise(spelt)


def _name(tokens: list[_Token]) -> str:
    pieces: list[str] = []
    for token in tokens:
        if token.kind == "comment":
            continue
        if pieces and not token.glued:
            pieces.append(" ")
        pieces.append(token.text)
    return _decoded("".join(pieces))


def _decoded(text: str) -> str:
    return words.decode(text.encode("utf-8", "surrogateescape"))


def _tokens(text: str) -> list[_Token]:
    """Cut the field into tokens; one pass, each character looked at once."""
    tokens: list[_Token] = []
    position, glued = 0, True
    while position < len(text):
        ch = text[position]
        if ch.isspace():
            position, glued = position + 1, False
            continue
        if ch == '"':
            end = _closing_quote(text, position)
            token = _Token("quoted", _unescaped(text[position + 1 : end - 1]), glued)
        elif ch == "(":
            end = _closing_parenthesis(text, position)
            token = _Token("comment", _unescaped(text[position + 1 : end - 1]), glued)
        elif match := _ATOM.match(text, position):
            end, token = match.end(), _Token("atom", match[0], glued)
        else:
            end, token = position + 1, _Token(ch, ch, glued)
        tokens.append(token)
        position, glued = end, True
    return tokens


def _unescaped(text: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", text)


def _closing_quote(text: str, position: int) -> int:
    position += 1
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == '"':
            return position + 1
        position += 1
    raise AddressError("a quotation mark is not closed")


def _closing_parenthesis(text: str, position: int) -> int:
    depth = 0
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        position += 1
        if depth == 0:
            return position
    raise AddressError("a parenthesis is not closed")
