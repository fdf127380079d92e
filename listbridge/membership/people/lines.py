"""Lists with one person in each line."""

import re
from collections.abc import Iterator

from listbridge.membership import subscriber_file
from listbridge.membership.people import person
from listbridge.membership.people.person import Found, Person

# `anna@example.org (Anna)`, as older mail programs write it. An address may end in no bracket.
_NAME_BEHIND = re.compile(r"(?P<address>[^\s<>()]+)\s+\((?P<name>.*)\)")


def plain(text: str) -> Iterator[tuple[int, Iterator[Found]]]:
    """Read a line for each: an address, `Name <address>` or `address (Name)`; `#` comments."""
    # Not splitlines(): editors count other line separators as part of the line.
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield number, one(line)


def one(line: str) -> Iterator[Person]:
    """Read the person in a line."""
    if behind := _NAME_BEHIND.fullmatch(line):
        yield Person(person.address(behind["address"]), person.name(behind["name"]))
        return
    entry = subscriber_file.entry(line)
    yield Person(entry.address, person.name(entry.name))
