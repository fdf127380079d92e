"""Files of people named on the command line."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from listbridge.cli import output
from listbridge.errors import ListbridgeError
from listbridge.membership import people, subscriber_file
from listbridge.membership.people import Format, People, Person
from listbridge.membership.subscriptions import IS_OWN
from listbridge.notices.catalogue import Texts

_MOST_NAMED = 20


def read(file: Path, wanted: Format | None = None, texts: Texts | None = None) -> People:
    """Return everybody in the file, `-` for standard input, with the lines that are bad.

    `texts` as in `people.read`.
    """
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return people.read(content, wanted, texts)
    except OSError as err:
        raise ListbridgeError(f"{file} cannot be read: {err.strerror}") from None
    except ListbridgeError as err:
        raise ListbridgeError(f"{file}: {err}; nobody was subscribed") from None


def refuse_bad(file: Path, found: People) -> None:
    """Raise `ListbridgeError` if a line names nobody."""
    if found.bad:
        told = subscriber_file.told(found.bad)
        if not found.people and found.format is Format.PLAIN:
            told += "; if it is a table, call the column of addresses `email` in its first line"
        raise ListbridgeError(f"{file}: {told}; nobody was subscribed")


def read_or_take(text: str) -> list[Person]:
    """Return everybody in the file of this name or, if there is none, the addresses named here.

    Says on stderr who of the file is left out.
    """
    file = Path(text).expanduser()
    if "@" not in text or file.exists():
        found = read(file)
        refuse_bad(file, found)
        tell(file, found)
        return found.people
    found = people.read_text(text.replace(",", "\n"), Format.PLAIN)
    if found.bad:
        raise ListbridgeError(
            f"there is no file {text!r}, and it names no addresses with commas between them"
        )
    return found.people


def tell(file: Path, found: People) -> None:
    """Say on stderr what of the file leads to no subscription, and what was guessed."""
    for one in found.left_out[:_MOST_NAMED]:
        _warn(file, f"{one.address} is left out: {one.why}")
    _warn_of_more(file, len(found.left_out), "are left out")
    if found.repeated:
        _warn(file, f"{found.repeated} named once more; what stands first counts")
    if found.guessed:
        what = "is not UTF-8, and the file was read as Windows-1252; look at the names"
        _warn(file, f"line {found.guessed} {what}")


def tell_staff(file: Path, found: People, category: str) -> None:
    """Say on stderr who looks after the list there."""
    for role in ("owner", "moderator"):
        if some := [one.address for one in found.staff if one.role == role]:
            names = ", ".join(f'"{one}"' for one in dict.fromkeys(some))
            _warn(file, f"to have the same {role}s, write {role}s = [{names}] into {category}.toml")


def tell_left_out(file: Path, left_out: Iterable[tuple[str, str]]) -> None:
    """Say on stderr who is not subscribed again, and why."""
    every = list(left_out)
    for address, why in every[:_MOST_NAMED]:
        cure = "" if why == IS_OWN else "; `subscribers add` has him all the same"
        _warn(file, f"{address} is left out: {why}{cure}")
    _warn_of_more(file, len(every), "are left out")


def _warn_of_more(file: Path, number: int, what: str) -> None:
    if number > _MOST_NAMED:
        _warn(file, f"and {number - _MOST_NAMED} more {what}")


def _warn(file: Path, sentence: str) -> None:
    click.echo(output.printable(f"listbridge: {file}: {sentence}"), err=True)
