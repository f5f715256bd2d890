"""Pydantic's validation errors in the words of this project: what was expected and what was found."""

from __future__ import annotations

import difflib
import json
import types
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from harness.yaml_source import KeyPath

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_BOUNDS = {
    "greater_than": ("gt", "a number > {}"),
    "greater_than_equal": ("ge", "a number >= {}"),
    "less_than": ("lt", "a number < {}"),
    "less_than_equal": ("le", "a number <= {}"),
}


def first_problem(error: ValidationError, schema: type[BaseModel]) -> tuple[KeyPath, str]:
    """The first problem of a validation: where it is, and ``expected …, got …``.

    Union tags, which pydantic puts into its locations and which are written ``<so>`` here, are left out.

    Args:
        error: what pydantic raised.
        schema: the model that was validated; its fields are the names suggested for an unknown key.
    """
    details = error.errors(include_url=False)[0]
    path = tuple(part for part in details["loc"] if not str(part).startswith("<"))
    return path, _message(details, schema)


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or nothing where no candidate is near."""
    folded = {candidate.lower(): candidate for candidate in candidates}
    nearest = difflib.get_close_matches(name.lower(), list(folded), n=1)
    return f"; did you mean {folded[nearest[0]]!r}?" if nearest else ""


def shown(value: Any) -> str:
    """``value`` as it would stand in YAML, cut to 60 characters."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _message(details: ErrorDetails, schema: type[BaseModel]) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "missing":
        return "required key is missing; expected a value for it"
    if kind == "extra_forbidden":
        return unknown_key(str(details["loc"][-1]), _fields_at(schema, details["loc"][:-1]))
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {shown(value)}"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"expected {words.format(context[key])}, got {shown(value)}"
    if kind == "literal_error":
        return (
            f"expected {context['expected']}, got {shown(value)}{_near_literal(value, context['expected'])}"
        )
    if kind in ("too_short", "string_too_short"):
        return f"expected at least {context['min_length']} entry, got {shown(value)}"
    if kind == "string_pattern_mismatch":
        return (
            f"expected letters, digits, '.', '_' and '-' only, not beginning with a dot, got {shown(value)}"
        )
    if kind in ("value_error", "wrong_kind"):
        message = details["msg"].removeprefix("Value error, ")
        return message if "got" in message else f"{message}, got {shown(value)}"
    return f"{details['msg']}, got {shown(value)}"


def unknown_key(name: str, candidates: Iterable[str]) -> str:
    """The message for a key that is none of ``candidates``: the nearest of them, or all if none is near."""
    names = list(candidates)
    return "unknown key" + (did_you_mean(name, names) or f"; expected one of {', '.join(names)}")


def _near_literal(value: Any, expected: str) -> str:
    words = expected.replace("'", "").replace(" or ", ", ").split(", ")
    return did_you_mean(str(value), words)


def _fields_at(schema: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Field names of the model that stands at ``path`` below ``schema``."""
    annotation: Any = schema
    for part in path:
        annotation = _tagged(annotation, str(part)) or annotation
        model = _model_in(annotation)
        if model is not None and part in model.model_fields:
            annotation = model.model_fields[str(part)].annotation
        # otherwise a union's tag, a list's index or a mapping's key: the model is deeper in the annotation
    model = _model_in(annotation)
    return list(model.model_fields) if model is not None else []


def _tagged(annotation: Any, tag: str) -> Any:
    """The member of a union that carries ``tag``; ``None`` where there is none."""
    if any(isinstance(note, Tag) and note.tag == tag for note in getattr(annotation, "__metadata__", ())):
        return annotation
    found = (_tagged(argument, tag) for argument in typing.get_args(annotation))
    return next((member for member in found if member is not None), None)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first pydantic model in an annotation: itself, or in a mapping, list, union or ``Annotated``."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    for argument in typing.get_args(annotation):
        model = _model_in(argument)
        if model is not None:
            return model
    return None
