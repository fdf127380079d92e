"""What is wrong with a configuration, in sentences that repeat no value."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from listbridge.config.known_keys import likely_meant
from listbridge.oauth2 import OAuth2Settings

_Model = TypeVar("_Model", bound=BaseModel)

# Whatever stands under these may be a secret, the names of keys included.
_SECRETIVE = {"password", "client_secret", "properties"}
# What looks like a key here may be a secret in the wrong place.
_NAMELESS = "oauth2"
_WAYS_TO_GIVE_ONE = (
    'expected "literal", { env = "NAME" }, { file = "path" }, { command = ["program"] } '
    'or { keyring = ["service", "user"] }'
)

_SENTENCES = {
    "missing": "required, and not given",
    "literal_error": "expected {expected}",
    "greater_than_equal": "expected a number of at least {ge}",
    "less_than_equal": "expected a number of at most {le}",
    "string_type": "expected a text in quotation marks",
    "string_too_short": "must not be empty",
    "path_type": "expected a path in quotation marks",
    "bool_type": "expected true or false",
    "float_type": "expected a number",
    "int_type": "expected a whole number",
    "model_type": "expected a table",
    "dict_type": "expected a table",
    "tuple_type": 'expected a list, such as ["alice@example.org"]',
    "date_type": "expected a date, such as 2026-11-20",
}


@dataclass(frozen=True)
class Finding:
    """Something wrong at one place of a file's table."""

    path: tuple[str, ...]  #: empty for the file as a whole
    text: str

    @property
    def key(self) -> str | None:
        """The place as people write it, `incoming.port`; None for the file as a whole."""
        return ".".join(map(_written, self.path)) or None


@dataclass(frozen=True)
class Problem:
    """Something wrong, and where: as a string one line for people."""

    file: Path
    line: int | None  #: None where no line of the file is to blame
    key: str | None  #: such as `incoming.port`; None for the file as a whole
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


def validate(
    model: type[_Model], table: Mapping[str, Any], at: tuple[str, ...] = ()
) -> tuple[_Model | None, list[Finding]]:
    """Return the settings that a table comes to, or everything that is wrong with it.

    `at` is where in its file the table stands.
    """
    try:
        return model.model_validate(table, by_alias=True, by_name=False), []
    except ValidationError as err:
        details = err.errors(include_url=False, include_input=False)
        return None, [_finding(model, one, at) for one in details]
    except OverflowError:
        return None, [Finding(at, "one of the numbers is too large")]


def merged(first: Iterable[Finding], more: Iterable[Finding]) -> list[Finding]:
    """Add to the findings those about other places, so that nothing is said twice."""
    merged = list(first)
    places = {one.path for one in merged}
    return merged + [one for one in more if one.path not in places]


def _finding(model: type[BaseModel], detail: Mapping[str, Any], at: tuple[str, ...]) -> Finding:
    # Positions in a list are left out; the sentence names the entry where that matters.
    path = tuple(step for step in detail["loc"] if isinstance(step, str))
    unknown = detail["type"] == "extra_forbidden"
    for length, step in enumerate(path, start=1):
        if step in _SECRETIVE and not (unknown and length == len(path)):
            text = "expected a table" if step == "properties" else _WAYS_TO_GIVE_ONE
            return Finding((*at, *path[:length]), text)
    if unknown and path[-2:-1] == (_NAMELESS,):
        known = ", ".join(OAuth2Settings.model_fields)
        return Finding((*at, *path[:-1]), f"has an unknown key; the known ones are {known}")
    if unknown:
        return Finding((*at, *path), f"unknown key; {likely_meant(model, path)}")
    return Finding((*at, *path), _sentence(detail))


def _sentence(detail: Mapping[str, Any]) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "value_error":
        return str(context["error"])
    if detail["type"] in _SENTENCES:
        return _SENTENCES[detail["type"]].format(**context)
    return str(detail["msg"])


def _written(step: str) -> str:
    return step if re.fullmatch(r"[A-Za-z0-9_-]+", step) else json.dumps(step)
