"""Mailman: the roster of version 2, and the members of version 3 as JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from listbridge.membership.people import lines, rows, tables
from listbridge.membership.people.person import Bad, Found, Person
from storage.states import Receives

# The answer to the command `who`, and the pages of the administrator, begin each part with one.
_HEADINGS = {
    "non-digest (regular) members:": Receives.EACH,
    "digest members:": Receives.DIGEST,
}


def is_roster(text: str) -> bool:
    """Say whether it is a roster of Mailman 2, by its headings."""
    return any(line.strip().lower() in _HEADINGS for line in text.split("\n"))


def roster(text: str) -> Iterator[tuple[int, Iterator[Found]]]:
    """Read a roster, or what `list_members` writes: a line for each."""
    receives: Receives | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if line.lower() in _HEADINGS:
            receives = _HEADINGS[line.lower()]
        elif line and not line.startswith("#"):
            yield number, _receiving(line, receives)


def _receiving(line: str, receives: Receives | None) -> Iterator[Person]:
    for one in lines.one(line):
        yield replace(one, receives=receives)


def mailman3(text: str) -> Iterator[tuple[int, Iterator[Found]]]:
    """Read members as the REST interface has them, a table of such, or `mailman members`."""
    if text.lstrip()[:1] in ("{", "["):
        return _json(text)
    return tables.mailman3(text) if tables.kind(text) else lines.plain(text)


def _json(text: str) -> Iterator[tuple[int, Iterator[Found]]]:
    """Read one or several answers of the interface, one after the other, as its pages come."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        line = text.count("\n", 0, at) + 1
        try:
            answer, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as err:
            problem = f"the JSON is broken ({err}); fetch it again"
            yield getattr(err, "lineno", line), iter([Bad(problem)])
            return
        for entry in _entries(answer):
            yield line, _member(entry)


def _entries(answer: Any) -> list[Any]:
    if isinstance(answer, dict):
        answer = answer.get("entries", [answer] if "email" in answer else [])
    return answer if isinstance(answer, list) else [answer]


def _member(entry: Any) -> Iterator[Found]:
    if not isinstance(entry, Mapping):
        raise ValueError("this is no member as Mailman's REST interface has it")
    # There `address` is where the address is found in the interface.
    row = {name: str(value or "") for name, value in entry.items() if name != "address"}
    yield from rows.mailman3(row)
