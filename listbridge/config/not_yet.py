"""Keys that are accepted, so that files stay valid, but have no effect in this version."""

from collections.abc import Iterator
from typing import Any

from listbridge.config.problems import Finding, Problem
from listbridge.config.source import Source

# THE list. Whoever makes a key take effect removes it here. `*` stands for any one key.
SERVICE = ("base_url",)
CATEGORY = ("description",)


def warnings(source: Source, keys: tuple[str, ...]) -> tuple[Problem, ...]:
    """Return one warning that names all of `keys` which the file sets, or none."""
    used = [key for pattern in keys for key in _set_keys(source.table, pattern.split("."))]
    if not used:
        return ()
    text = f"accepted, but not yet in effect in this version: {', '.join(used)}"
    return source.problems([Finding((), text)])


def _set_keys(table: Any, pattern: list[str], path: tuple[str, ...] = ()) -> Iterator[str]:
    if not pattern:
        yield Finding(path, "").key or ""
        return
    if not isinstance(table, dict):
        return
    step, *rest = pattern
    for key in table if step == "*" else {step} & table.keys():
        yield from _set_keys(table[key], rest, (*path, key))
