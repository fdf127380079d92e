"""Tables: CSV as spreadsheets, Google Groups and groups.io write it, and our own.

The first row with a known name names the columns; what separates them is found out by it.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence

from listbridge.membership.people import rows
from listbridge.membership.people.person import Bad, Format, Found
from listbridge.membership.people.rows import Row

_SEPARATORS = (",", ";", "\t")
_GOOGLE_TITLE = "members for group"  # the row above the columns' names
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
                break
    return ",", 0, []


def _is_title(names: Sequence[str]) -> bool:
    """Say whether a row may stand above that with the columns' names."""
    return not any(names) or names[0].startswith(_GOOGLE_TITLE)
