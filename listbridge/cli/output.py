"""How results look: JSON lines for programs, tables for people."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

Row = Mapping[str, object]


def show(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool, nothing: str) -> None:
    """Print rows: all their keys as JSON, or these columns as a table, or that there are none."""
    if as_json:
        for row in rows:
            show_json(row)
        return
    found = list(rows)
    if not found:
        click.echo(nothing, err=True)
        return
    shown_on = console()
    header_style = "" if shown_on.no_color else "bold"
    table = Table(*columns, box=None, pad_edge=False, header_style=header_style)
    for row in found:
        table.add_row(*(_cell(row[column]) for column in columns))
    shown_on.print(table)


def show_one(row: Row, *, as_json: bool) -> None:
    """Print one thing: as a JSON object, or a line per key."""
    if as_json:
        show_json(row)
        return
    width = max(len(name) for name in row)
    for name, value in row.items():
        for line in _cell(value).splitlines() or [""]:
            click.echo(f"{name:<{width}}  {line}")
            name = ""


def show_json(row: Row) -> None:
    """Print one JSON object on a line of its own."""
    click.echo(json.dumps(_plain(row)))


def no_categories(folder: Path) -> str:
    """Return the sentence that there are none, and where they would be."""
    return f"There are no categories. Each would be a file NAME.toml in {folder}."


def time(moment: datetime) -> str:
    """Write a time as RFC 3339, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def console(*, stderr: bool = False) -> Console:
    """Return where tables go; as wide as needed where nobody is looking."""
    width = None if (sys.stderr if stderr else sys.stdout).isatty() else 1000
    return Console(stderr=stderr, width=width, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress(doing: str, total: int) -> Iterator[Callable[..., None]]:
    """Show on a terminal how many of so many are finished; elsewhere nothing.

    What is yielded is called for each that is, with what it has to say, if anything.
    """
    bar = Progress(
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not Console(stderr=True).is_terminal,
    )
    with bar:
        task = bar.add_task(doing, total=total)

        def advance(say: Callable[[], None] | None = None) -> None:
            if say is not None:
                # It would be written across the bar.
                bar.stop()
                say()
                bar.start()
            bar.advance(task)

        yield advance


def printable(text: str) -> str:
    """Take out what could steer the terminal: people and servers write what they like."""
    return "".join(ch if ch.isprintable() or ch == "\n" else "\ufffd" for ch in text)


def _plain(value: Any) -> Any:
    """Make a value fit for JSON: times in RFC 3339 and UTC, states by name."""
    if isinstance(value, datetime):
        return time(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {x.name: _plain(getattr(value, x.name)) for x in fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _cell(value: object) -> str:
    plain = _plain(value)
    if plain is None or plain == []:
        return "-"
    if isinstance(plain, list):
        return "\n".join(_cell(one) for one in plain)
    if isinstance(plain, dict):
        return "  ".join(_cell(one) for one in plain.values() if one != "")
    return printable(plain if isinstance(plain, str) else json.dumps(plain))
