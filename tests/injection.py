"""The injection matrix: what somebody might write where text becomes a command, header or address.

Keys come from the settings' models and parameters from the commands, so a new one is tried too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import click
from pydantic import BaseModel

from listbridge.secret import Secret

#: What must begin no line that we send: neither a command nor a header of ours.
MARK = "Injected"

#: Each with a second line, in one way or another.
PAYLOADS = {
    "CR LF": f"x\r\n{MARK}: yes",
    "LF": f"x\n{MARK}: yes",
    "CR": f"x\r{MARK}: yes",
    "NUL": f"x\0{MARK}: yes",
    "percent": f"x%0d%0a{MARK}:%20yes",
    "encoded word": f"=?utf-8?q?x=0d=0a{MARK}:_yes?=",
    "line separator": f"x\u2028{MARK}: yes",
    "next line": f"x\x85{MARK}: yes",
    "literal": "x{5+}\r\n" + f"{MARK}: yes",
    "bare literal": "x{5+}",
    "long": "x" * 10_000,
}
#: Those that no setting and no argument may hold.
UNSAFE = {"CR LF", "LF", "CR", "NUL", "line separator", "next line", "literal"}

Path = tuple[str, ...]


def keys(model: type[BaseModel], at: Path = ()) -> Iterator[Path]:
    """Yield every key that a file of this model may hold, with the tables around it."""
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        path = (*at, alias if isinstance(alias, str) else name)
        inner = _model_in(field.annotation)
        if inner is None:
            yield path
        else:
            yield from keys(inner, path)


def is_list(model: type[BaseModel], path: Path) -> bool:
    """Say whether the key holds a list of texts."""
    for name, field in model.model_fields.items():
        if path[0] == (field.validation_alias or name):
            inner = _model_in(field.annotation)
            if inner is not None and path[1:]:
                return is_list(inner, path[1:])
            return "tuple" in str(field.annotation)
    return False


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the table that a key holds; a secret is written as a text, so it is none."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel) and one is not Secret:
            return one
    return None


def with_value(table: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Return the table with one key set."""
    name, *rest = path
    inner = with_value(table.get(name, {}), tuple(rest), value) if rest else value
    return {**table, name: inner}


def toml(table: Mapping[str, Any], at: Path = ()) -> str:
    """Write a table as TOML; texts are written alike in JSON."""
    plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
    lines = [f"{_key(name)} = {json.dumps(value)}\n" for name, value in plain.items()]
    for name, value in table.items():
        if isinstance(value, dict):
            path = (*at, name)
            lines.append(f"[{'.'.join(map(_key, path))}]\n{toml(value, path)}")
    return "".join(lines)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def parameters(group: click.Group, at: Path = ()) -> Iterator[tuple[Path, click.Parameter]]:
    """Yield every parameter that takes a value, with the names of its command."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from parameters(command, (*at, name))
            continue
        for one in command.params:
            if not (isinstance(one, click.Option) and (one.is_flag or one.count)):
                yield (*at, name), one


def is_text(parameter: click.Parameter) -> bool:
    """Say whether any text at all is taken by the parameter's type."""
    return isinstance(parameter.type, click.types.StringParamType)


def foreign_lines(lines: list[bytes]) -> list[bytes]:
    """Return the lines of a wire log that are not ours: that hold more than one, or begin so."""
    return [
        line
        for line in lines
        if re.search(rb"[\x00-\x1f\x7f]", line.rstrip(b"\r\n"))
        or re.match(rb"(?:\S+ )?" + MARK.encode(), line)
        or not line.endswith(b"\r\n")
    ]


def field_names(message: bytes) -> list[str]:
    """Return the names of a message's header fields, in lower case and in order."""
    head = message.partition(b"\r\n\r\n")[0]
    return [name.decode().lower() for name in re.findall(rb"(?m)^([!-9;-~]+):", head)]
