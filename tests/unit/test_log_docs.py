"""Every event of the log stands in docs/log.md with its level and keys, and no other does."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "log.md").read_text(encoding="utf-8")
LEVELS = ("debug", "info", "warning", "error")
#: What libraries say is told by the log itself.
OWN = {"library.message"}


@dataclass(frozen=True)
class Told:
    """What the code tells in one place: one of these events, with these keys."""

    events: tuple[str, ...]
    level: str
    keys: frozenset[str]
    more: bool  #: whether there are keys that only show when it runs
    place: str


def _told() -> Iterator[Told]:
    for file in sorted((ROOT / "listbridge").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "maillog." not in text:
            continue
        module = ast.parse(text)
        tables = _tables(module)
        for node in ast.walk(module):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if not isinstance(node.func.value, ast.Name) or node.func.value.id != "maillog":
                continue
            if node.func.attr in LEVELS:
                keys = frozenset(one.arg for one in node.keywords if one.arg)
                place = f"{file.relative_to(ROOT)}:{node.lineno}"
                more = any(one.arg is None for one in node.keywords)
                names = _names(node.args[0], tables, place)
                yield Told(tuple(names), node.func.attr, keys, more, place)


def _tables(module: ast.Module) -> dict[str, list[str]]:
    """The module's dictionaries of event names, by their own names."""
    found = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            names = [one.value for one in node.value.values if isinstance(one, ast.Constant)]
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = names
    return found


def _names(argument: ast.expr, tables: dict[str, list[str]], place: str) -> list[str]:
    if isinstance(argument, ast.Constant):
        return [str(argument.value)]
    if isinstance(argument, ast.Subscript) and isinstance(argument.value, ast.Name):
        return tables[argument.value.id]
    raise AssertionError(f"{place}: write the event's name out, or in a table of the module")


TOLD = tuple(_told())
EVENTS = {event for one in TOLD for event in one.events}
ROWS = {
    event: (level, set(re.findall(r"`([\w-]+)`", keys)))
    for event, level, keys in re.findall(
        r"^\| `([\w.-]+)` \| (\w+) \| .* \| ([^|]*) \|$", DOCUMENT, re.MULTILINE
    )
}


def test_the_events_were_found() -> None:
    assert {"post.accepted", "message.robot", "delivery.sent"} <= EVENTS
    assert ROWS.keys() >= {"post.accepted", "library.message"}


def test_every_event_is_described_and_no_other() -> None:
    assert ROWS.keys() == EVENTS | OWN
    assert all(re.fullmatch(r"[a-z]+\.[a-z-]+", event) for event in EVENTS)


@pytest.mark.parametrize("one", TOLD, ids=lambda one: one.place)
def test_every_key_is_described(one: Told) -> None:
    assert one.keys <= set().union(*(ROWS[event][1] for event in one.events))


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_no_key_is_described_that_is_told_nowhere(event: str) -> None:
    places = [one for one in TOLD if event in one.events]
    if not any(one.more for one in places):
        assert ROWS[event][1] <= set().union(*(one.keys for one in places))


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_the_level_that_is_described_is_the_highest_one(event: str) -> None:
    told = {one.level for one in TOLD if event in one.events}
    assert ROWS[event][0] == max(told, key=LEVELS.index)
