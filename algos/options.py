"""Checking what a constructor was given against its schema; one line per mistake."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Schema = TypeVar("Schema", bound=BaseModel)


def validated(schema: type[Schema], values: Mapping[str, Any]) -> Schema:
    """``values`` as an instance of ``schema``.

    Raises:
        ValueError: one line with the dotted key, what was expected and what was found.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
    path = [str(part) for part in details["loc"]]
    if details["type"] == "extra_forbidden":
        names = _fields_at(schema, path[:-1])
        near = difflib.get_close_matches(path[-1], names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(names)}"
        raise ValueError(f"{'.'.join(path)}: unknown option; {hint}")
    message = details["msg"].removeprefix("Value error, ").replace("Input should be ", "expected ")
    if details["type"] == "model_type":
        message = "expected a mapping"
    found = "" if isinstance(details["input"], Mapping) or "got" in message else f", got {details['input']!r}"
    raise ValueError(f"{'.'.join(path)}: {message}{found}")


def changed(options: BaseModel, names: Collection[str]) -> dict[str, Any]:
    """Those of the named fields that do not hold their default, with their values."""
    fields = type(options).model_fields
    values = {name: getattr(options, name) for name in fields if name in names}
    return {
        name: value
        for name, value in values.items()
        if value != fields[name].get_default(call_default_factory=True, validated_data={})
    }


def _fields_at(schema: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        inner = schema.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        schema = inner
    return list(schema.model_fields)
