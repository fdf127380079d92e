"""A subscriber file: one address per line, `#` comments, `Name <address>` allowed."""

import re
from collections.abc import Container
from dataclasses import dataclass

from listbridge.guard import is_safe
from listbridge.message.addresses import normalise
from listbridge.message.errors import AddressError

# A comment begins with # at the start of a line or after a blank, for # may stand in an address.
_BARE = re.compile(r"(?P<address>[^\s<>#][^\s<>]*)(?:\s+#.*)?")
_NAMED = re.compile(
    r"""
    (?: "(?P<quoted>(?:[^"\\]|\\.)*)"\s* | (?P<name>(?:[^<>"#]|(?<=\S)\#)*) )
    <(?P<address>[^<>]*)>
    (?:\s*\#.*)?
    """,
    re.VERBOSE,
)


_MOST_NAMED = 20


@dataclass(frozen=True)
class Entry:
    """One subscriber."""

    address: str  #: normalised
    name: str  #: may be empty


@dataclass(frozen=True)
class BadLine:
    """A line that names no subscriber although it should."""

    number: int  #: the first line is 1
    problem: str


def parse(text: str, known: Container[str] = ()) -> tuple[list[Entry], list[BadLine]]:
    """Return the subscribers in the file's order, and the lines that cannot be read.

    A line that is one of the `known` addresses, which are normalised, is not looked at any closer:
    to check an address takes longer than all else with it, and most of a file is known.
    """
    entries: list[Entry] = []
    bad: list[BadLine] = []
    # Not splitlines(): editors count other line separators as part of the line.
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if line in known:
            entries.append(Entry(line, ""))
            continue
        if not line or line.startswith("#"):
            continue
        try:
            entries.append(entry(line))
        except ValueError as err:
            bad.append(BadLine(number, str(err)))
    return entries, bad


def told(bad: list[BadLine]) -> str:
    """Name the lines that cannot be read: a few of many are enough to see what is wrong."""
    named = [f"line {one.number}: {one.problem}" for one in bad[:_MOST_NAMED]]
    if len(bad) > _MOST_NAMED:
        named.append(f"and {len(bad) - _MOST_NAMED} more lines like these")
    return "; ".join(named)


def line(entry: Entry) -> str:
    """Write a subscriber as `parse` reads him."""
    if not entry.name:
        # A line that begins with # would be a comment.
        return f"<{entry.address}>" if entry.address.startswith("#") else entry.address
    name = entry.name
    if any(ch in name for ch in '<>"#\\'):
        name = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{name} <{entry.address}>"


def entry(line: str) -> Entry:
    """Read the subscriber in a line without blanks around; raise `AddressError` if there is none.

    A name with a control character raises it as well.
    """
    match = _BARE.fullmatch(line) or _NAMED.fullmatch(line)
    if match is None:
        raise AddressError("write one address, or Name <address>")
    parts = match.groupdict()
    name = re.sub(r"\\(.)", r"\1", parts.get("quoted") or "") or (parts.get("name") or "").strip(
        " \t"
    )
    if not is_safe(name):
        raise AddressError("the name contains a control character; remove it")
    return Entry(normalise(parts["address"]), name)
