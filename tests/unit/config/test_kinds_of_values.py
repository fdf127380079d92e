"""A value is of the kind that is asked for: no number in quotation marks, no 1 for true."""

from collections.abc import Iterator
from datetime import date
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from listbridge.config.models import CategoryFile, ServiceFile
from listbridge.config.problems import validate

#: What is taken for such a value elsewhere, and must not be here.
WRONG: dict[type, tuple[Any, ...]] = {
    int: ("4", True, 4.0),
    float: ("4", True),
    bool: ("true", 1),
    date: ("2026-11-20", 86400),
}


def _types(annotation: Any) -> set[Any]:
    """Return the types that an annotation is made of."""
    inner = get_args(annotation)
    return {annotation}.union(*map(_types, inner)) if inner else {annotation}


def _keys(
    model: type[BaseModel], at: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], type]]:
    for name, field in model.model_fields.items():
        key = (*at, field.validation_alias if isinstance(field.validation_alias, str) else name)
        for one in _types(field.annotation):
            if one in WRONG:
                yield key, one
            elif isinstance(one, type) and issubclass(one, BaseModel):
                yield from _keys(one, key)


KEYS = [(model, *one) for model in (CategoryFile, ServiceFile) for one in _keys(model)]


def test_every_table_is_gone_through() -> None:
    names = {".".join(key) for _, key, _ in KEYS}

    assert {"incoming.port", "incoming.since", "outgoing.max_per_day", "active"} <= names


@pytest.mark.parametrize(("model", "key", "kind"), KEYS, ids=[".".join(key) for _, key, _ in KEYS])
def test_a_value_of_another_kind_is_refused(
    model: type[BaseModel], key: tuple[str, ...], kind: type
) -> None:
    for value in WRONG[kind]:
        table: Any = value
        for name in reversed(key):
            table = {name: [table] if name == "headers" else table}

        _, found = validate(model, table)

        assert key in {one.path for one in found}, value
