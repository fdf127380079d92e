"""Tables: CSV as spreadsheets, address books, Google Groups and groups.io write it, and our own.

The first row with a known name names the columns; what separates them is found out by it. A table
without such a row is known by the address in its first one.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

from listbridge.membership.people import rows
from listbridge.membership.people.person import Bad, Format, Found
from listbridge.membership.people.rows import Row
from storage.states import Receives, SubscriptionState

_SEPARATORS = (",", ";", "\t")
# The rows above the columns' names: Google's, and what Excel writes of the separator.
_TITLES = ("members for group", "sep=")
_BARE = re.compile(r"[^\s<>@]+@[^\s<>@]+")
# What may stand beside an address and is no name.
_NO_NAMES = {"", *Receives, *SubscriptionState}
_MOST = 3  #: rows in which the columns may be named

_GOOGLE = {"email address", "group status"}
_GROUPSIO = ({"email delivery"}, {"message selection"}, {"email", "joined", "status"})
_MAILMAN3 = ({"delivery_mode"}, {"delivery_status"})


def kind(text: str) -> Format | None:
    """Say which table it is by the names of its columns; None if it has no such names."""
    _, _, names = _head(text)
    found = set(names)
    if found >= _GOOGLE:
        return Format.GOOGLE
    if any(found >= some for some in _GROUPSIO):
        return Format.GROUPSIO
    if any(found >= some for some in _MAILMAN3):
        return Format.MAILMAN3
    return Format.CSV if found else None


def own(text: str) -> Iterator[tuple[int, Iterator[Found]]]:
    """Read our own table, or any with a column of addresses."""
    return _each(text, rows.own)


def google(text: str) -> Iterator[tuple[int, Iterator[Found]]]:
    """Read the members of a Google group."""
    return _each(text, rows.google)


def groupsio(text: str) -> Iterator[tuple[int, Iterator[Found]]]:
    """Read the members of a group of groups.io."""
    return _each(text, rows.groupsio)


def mailman3(text: str) -> Iterator[tuple[int, Iterator[Found]]]:
    """Read a table whose columns are called as in Mailman's REST interface."""
    return _each(text, rows.mailman3)


def _each(
    text: str, read: Callable[[Row], Iterator[Found]]
) -> Iterator[tuple[int, Iterator[Found]]]:
    separator, skipped, names = _head(text)
    if not names:
        problem = "no column is called address or email; name the columns in the first line"
        yield 1, iter([Bad(problem)])
        return
    table = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    number = 0
    while True:
        try:
            cells = next(table)
        except StopIteration:
            return
        except csv.Error as err:  # nothing behind it can be relied upon
            problem = f"the table is broken from here on ({err}); save it again as CSV"
            yield table.line_num, iter([Bad(problem)])
            return
        number += 1
        if number > skipped and any(cell.strip() for cell in cells):
            yield table.line_num, read(dict(zip(names, cells, strict=False)))


def _head(text: str) -> tuple[str, int, list[str]]:
    """Return what separates the cells, in how many rows the columns are named, and the names."""
    begin = text[:10_000]
    for separator in _SEPARATORS:
        table = csv.reader(io.StringIO(begin, newline=""), delimiter=separator)
        try:
            first = [cells for cells, _ in zip(table, range(_MOST), strict=False)]
        except csv.Error:
            continue
        for number, cells in enumerate(first, start=1):
            names = [cell.strip().lower() for cell in cells]
            if rows.names_addresses(names):
                return separator, number, names
            if not _is_title(names):
                if columns := _unnamed(cells):
                    return separator, number - 1, columns
                break
    return ",", 0, []


def _unnamed(cells: Sequence[str]) -> list[str]:
    """Return the columns of a table that names none: an address and a name, in either order.

    Empty where the first row is anything else: a further column may say who wants no mail.
    """
    columns = ["address" if _BARE.fullmatch(cell.strip()) else "name" for cell in cells]
    words = {cell.strip().lower() for cell in cells}
    is_certain = sorted(columns) == ["address", "name"] and not words & _NO_NAMES
    return columns if is_certain else []


def _is_title(names: Sequence[str]) -> bool:
    """Say whether a row may stand above that with the columns' names."""
    return not any(names) or names[0].startswith(_TITLES)
