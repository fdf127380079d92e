"""What `subscribers import` reads: CSV as `export` writes it, or one address per line."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from listbridge.errors import ListbridgeError
from listbridge.guard import safe
from listbridge.membership import subscriber_file
from listbridge.membership.subscriber_file import BadLine
from listbridge.message import normalise
from storage.states import Receives


@dataclass(frozen=True)
class Person:
    """One to be subscribed; None leaves the form in which he gets the posts as it is."""

    address: str  #: normalised
    name: str
    receives: Receives | None = None


def read(file: Path) -> list[Person]:
    """Return everybody in the file; an error names each line that cannot be read."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as err:
        raise ListbridgeError(f"{file} cannot be read: {err.strerror}") from None
    except UnicodeDecodeError as err:
        line = err.object.count(b"\n", 0, err.start) + 1
        raise ListbridgeError(
            f"{file}: line {line} is not UTF-8 text; save the file as UTF-8; nobody was subscribed"
        ) from None
    people, bad = _rows(text) if _is_csv(text) else _lines(text)
    if bad:
        raise ListbridgeError(f"{file}: {subscriber_file.told(bad)}; nobody was subscribed")
    return people


def read_or_take(text: str) -> list[Person]:
    """Return everybody in the file of this name or, if there is none, the addresses named here."""
    file = Path(text).expanduser()
    if "@" not in text or file.exists():
        return read(file)
    people, bad = _lines(text.replace(",", "\n"))
    if bad:
        raise ListbridgeError(f"there is no file {text!r}, and it names no addresses")
    return people


def _lines(text: str) -> tuple[list[Person], list[BadLine]]:
    entries, bad = subscriber_file.parse(text)
    return [Person(one.address, one.name) for one in entries], bad


def _is_csv(text: str) -> bool:
    return "address" in _columns(next(csv.reader([text.partition("\n")[0]]), []))


def _columns(head: list[str]) -> list[str]:
    return [name.strip().lower() for name in head]


def _rows(text: str) -> tuple[list[Person], list[BadLine]]:
    rows = csv.reader(io.StringIO(text, newline=""))
    columns = _columns(next(rows))
    people: list[Person] = []
    bad: list[BadLine] = []
    for row in rows:
        if not any(row):
            continue
        try:
            people.append(_person(dict(zip(columns, row, strict=False))))
        except ValueError as err:
            bad.append(BadLine(rows.line_num, str(err)))
    return people, bad


def _person(row: dict[str, str]) -> Person:
    receives = row.get("receives", "").strip()
    if receives not in ("", *Receives):
        raise ValueError(f"receives is {receives!r}; it can be {', '.join(Receives)}")
    name = safe(row.get("name", "").strip(), "the name")
    return Person(normalise(row["address"].strip()), name, Receives(receives) if receives else None)
