"""Which key was probably meant by one that is not known."""

from collections.abc import Collection
from difflib import SequenceMatcher
from typing import Any, get_args, get_origin

from pydantic import BaseModel

# Below this likeness the nearest key is named, but not as what was meant.
_ALIKE = 0.6


def likely_meant(model: type[BaseModel], path: tuple[str, ...]) -> str:
    """Name the known key nearest to the unknown one at `path` of a file that follows `model`."""
    *tables, unknown = path
    # The commonest slip in TOML is a right key under the wrong heading.
    if places := _places_of(model, unknown):
        return f"{unknown!r} belongs {' or '.join(places)}"
    return nearest(unknown, _keys(_model_at(model, tables)))


def nearest(unknown: str, known: Collection[str]) -> str:
    """Name the one of `known` that is most like `unknown`."""
    # A word cut short is nearer to the whole of it than to another one of the same letters.
    longer = [word for word in known if word.startswith(unknown)]
    rated = [(SequenceMatcher(None, unknown, word).ratio(), word) for word in longer or known]
    likeness, best = max(rated)
    if longer or likeness >= _ALIKE:
        return f"did you mean {best!r}?"
    return f"the nearest known one is {best!r}"


def _places_of(model: type[BaseModel], key: str) -> list[str]:
    keys = _keys(model)
    places = ["at the top of the file, before the first [table]"] if key in keys else []
    for name, annotation in keys.items():
        inner = _inner_model(annotation)
        if inner is not None and get_origin(annotation) is not dict and key in _keys(inner):
            places.append(f"in [{name}]")
    return places


def _model_at(model: type[BaseModel], tables: list[str]) -> type[BaseModel]:
    steps = iter(tables)
    for step in steps:
        annotation = _keys(model)[step]
        model = _inner_model(annotation) or model
        if get_origin(annotation) is dict:
            next(steps)  # a name of the user's own
    return model


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    """Return the keys of a table with the types of their values."""
    return {
        str(field.validation_alias or name): field.annotation
        for name, field in model.model_fields.items()
    }


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model in `Model`, `Model | None` or `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_inner_model, get_args(annotation))), None)
