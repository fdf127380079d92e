"""Control characters and line breaks in a configuration file, wherever they stand."""

from collections.abc import Iterator
from typing import Any

from listbridge.config.problems import Finding
from listbridge.guard import is_safe

_TEXT = "contains a control character or line break; remove it"

# Only a footer is body text; everything else may end up in a command, a header or a log.
_MULTILINE = {("message", "footer")}


def findings(value: Any, path: tuple[str, ...] = ()) -> Iterator[Finding]:
    """Yield the places in a parsed TOML value where such characters stand."""
    if isinstance(value, str):
        if not _is_safe(_without_layout(value, path)):
            yield Finding(path, _TEXT)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if _is_safe(key):
                yield from findings(inner, (*path, key))
            else:
                yield Finding(path, "has a key with a control character or line break; remove it")
    elif isinstance(value, list):
        for inner in value:
            yield from findings(inner, path)


def _is_safe(text: str) -> bool:
    # Nearly all texts are printable, and that is known much sooner; it matters with many files.
    return text.isprintable() or is_safe(text)


def _without_layout(text: str, path: tuple[str, ...]) -> str:
    return text.replace("\n", "").replace("\t", "") if path in _MULTILINE else text
