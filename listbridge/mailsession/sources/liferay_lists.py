"""The list settings of Liferay's categories (MBMailingList), exported as CSV with a head line.

A column may be called as in the database or as in Java: `active_` and `active`, in any case.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from listbridge import guard
from listbridge.mailsession import slips
from listbridge.mailsession.foreign import ForeignCategory, SourceError
from listbridge.mailsession.javamail.names import STORES
from listbridge.mailsession.remarks import Notes

# What a file must have to be one of these.
_NEEDED = {"emailaddress", "inservername"}

_LONGEST_HEAD = 10_000
_TRUE = {"true", "t", "1", "yes"}
_FALSE = {"false", "f", "0", "no"}
# What databases write where a column has no value.
_NULLS = {"NULL", "\\N"}


def is_one(text: str) -> bool:
    """Say whether a text has the columns of such an export."""
    return set(_columns(text)) >= _NEEDED


def categories(text: str, path: Path) -> tuple[ForeignCategory, ...]:
    """Return the categories in the file's order; raise `SourceError` if it is no CSV."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        _, *lines = [(rows.line_num, row) for row in rows if any(row)]
    except csv.Error as err:
        raise SourceError(f"{path}: line {rows.line_num}: is no CSV: {err}") from None
    head = _columns(text)
    return tuple(
        _Row(number, dict(zip(head, row, strict=False))).category() for number, row in lines
    )


def _columns(text: str) -> list[str]:
    """Return the names in the head line, in lower case and without the underscores at their end."""
    row = next(csv.reader([_head(text)], delimiter=_delimiter(text)), [])
    return [name.strip().lower().rstrip("_") for name in row]


def _head(text: str) -> str:
    return re.split(r"[\r\n]", text[:_LONGEST_HEAD], maxsplit=1)[0]


def _delimiter(text: str) -> str:
    """Return what stands between the columns: not every program takes commas for CSV."""
    return max(",;\t", key=_head(text).count)


class _Row:
    """One category's settings, by column."""

    def __init__(self, line: int, cells: Mapping[str, str]) -> None:
        self._cells = {x: "" if value in _NULLS else value for x, value in cells.items()}
        self._where = f"line {line}"
        self._notes = Notes()

    def category(self) -> ForeignCategory:
        """Return what the row comes to."""
        table: dict[str, Any] = {}
        self._take(table, ("address",), "emailAddress", _text, required=True)
        self._take(table, ("active",), "active", _truth)
        self._take(table, ("poll_every",), "inReadInterval", _minutes)
        table["incoming"] = self._server("in", self._protocol())
        has_server = self._read(("outgoing",), "outCustom", _truth)
        if has_server:
            table["outgoing"] = self._server("out", "smtp")
        anybody = self._read(("posting",), "allowAnonymous", _truth)
        if anybody is not None:
            table["posting"] = {"non_members": "accept" if anybody else "hold"}
        address = table.get("address", "")
        if self._cell("outEmailAddress").lower() not in ("", address.lower()):
            text = "is not taken: copies come from the list's own address"
            self._notes.warn(self._name("outEmailAddress"), text)
        problems, warnings = tuple(self._notes.problems), tuple(self._notes.warnings)
        return ForeignCategory(address, table, not has_server, problems, warnings)

    def _server(self, side: str, protocol: str) -> dict[str, Any]:
        half = "incoming" if side == "in" else "outgoing"
        plain = protocol.removesuffix("s")
        table: dict[str, Any] = {"protocol": plain} if side == "in" else {}
        self._take(table, (half, "security"), f"{side}UseSSL", _security)
        if protocol != plain:
            table["security"] = "tls"
        self._take(table, (half, "host"), f"{side}ServerName", _text, required=True)
        self._take(table, (half, "port"), f"{side}ServerPort", partial(_port, plain))
        self._take(table, (half, "username"), f"{side}UserName", _text)
        self._take(table, (half, "password"), f"{side}Password", _password)
        self._judge(table, side)
        return table

    def _protocol(self) -> str:
        return self._read(("incoming", "protocol"), "inProtocol", _store) or "pop3"

    def _judge(self, table: Mapping[str, Any], side: str) -> None:
        security = table.get("security", "tls")
        sentence = slips.wrong_security(table.get("port", 0), security)
        if sentence is not None:
            self._notes.warn(self._name(f"{side}ServerPort"), sentence)
        if security == "none" and not slips.stays_here(table.get("host", "localhost")):
            text = f'{slips.readable(table["host"])}; write `security = "tls"`, or "starttls"'
            self._notes.warn(self._name(f"{side}UseSSL"), text)

    def _take(
        self,
        table: dict[str, Any],
        key: tuple[str, ...],
        column: str,
        read: Callable[[str], Any],
        *,
        required: bool = False,
    ) -> None:
        """Put what a column says under the last of `key`."""
        value = self._read(key, column, read, required=required)
        if value is not None:
            table[key[-1]] = value

    def _read(
        self,
        key: tuple[str, ...],
        column: str,
        read: Callable[[str], Any],
        *,
        required: bool = False,
    ) -> Any:
        """Return what a column says; None if it says nothing, or what cannot be used."""
        value = self._cell(column)
        try:
            if not guard.is_safe(value):
                raise ValueError("contains a control character or line break; remove it")
            if value:
                return read(value)
            if required:
                raise ValueError("is empty; fill it in")
        except ValueError as err:
            self._notes.problem(self._name(column), str(err), *key)
        return None

    def _cell(self, column: str) -> str:
        value = self._cells.get(column.lower(), "")
        return value if column.endswith("Password") else value.strip()

    def _name(self, column: str) -> str:
        return f"{self._where}, {column}"


def _text(value: str) -> str:
    return value


def _truth(value: str) -> bool:
    if value.lower() not in _TRUE | _FALSE:
        raise ValueError("expected true or false")
    return value.lower() in _TRUE


def _security(value: str) -> str:
    return "tls" if _truth(value) else "none"


def _minutes(value: str) -> str:
    if not (value.isascii() and value.isdigit() and len(value) <= 6 and int(value)):
        raise ValueError("expected a number of minutes above zero")
    return f"{int(value)}m"


def _store(value: str) -> str:
    if value not in STORES:
        raise ValueError(slips.one_of(value, STORES))
    return value


def _port(protocol: str, value: str) -> int:
    port = int(value) if value.isascii() and value.isdigit() and len(value) <= 5 else 0
    if not 1 <= port <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    if (sentence := slips.wrong_protocol(port, protocol)) is not None:
        raise ValueError(sentence)
    return port


def _password(value: str) -> str:
    if (sentence := slips.unusable_password(value)) is not None:
        raise ValueError(sentence)
    return value
