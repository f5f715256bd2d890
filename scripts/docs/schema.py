"""A pydantic model as a table of keys: type and range, default, meaning."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from scripts.docs.docstrings import meanings, prose
from scripts.docs.markdown import code, from_docstring, link, table


class Undocumented(ValueError):
    """A key has no meaning, or one that nothing reads; the message names it."""


@dataclass(frozen=True)
class Section:
    """One model under one heading.

    Attributes:
        title: the heading.
        model: its keys.
        intro: in place of the docstring's prose.
        meaning: for keys whose docstring and description say nothing.
        type: for keys that are written otherwise than they are stored.
        default: for keys whose default is found elsewhere.
    """

    title: str
    model: type[BaseModel]
    intro: str | None = None
    meaning: Mapping[str, str] = field(default_factory=dict)
    type: Mapping[str, str] = field(default_factory=dict)
    default: Mapping[str, str] = field(default_factory=dict)


def render(section: Section, titles: Mapping[str, str], level: int = 3) -> str:
    """The section as Markdown.

    Raises:
        Undocumented: a key without a meaning, or a text for a key that does not need it.
    """
    documented = meanings(section.model)
    properties = section.model.model_json_schema()["properties"]
    _check(section, documented)
    rows = []
    for name, info in section.model.model_fields.items():
        meaning = section.meaning.get(name) or info.description or documented.get(name, "")
        rows.append(
            [
                code(name),
                section.type.get(name) or type_text(properties[name], titles),
                section.default.get(name) or _default(section, name),
                phrase(from_docstring(meaning, titles)),
            ]
        )
    intro = prose(section.model) if section.intro is None else section.intro
    parts = [f"{'#' * level} {section.title}", from_docstring(intro, titles)]
    return "\n\n".join([*filter(None, parts), table(["key", "type", "default", "meaning"], rows)])


def _check(section: Section, documented: Mapping[str, str]) -> None:
    where = section.model.__name__
    fields = section.model.model_fields
    for given in (section.meaning, section.type, section.default):
        for name in given:
            if name not in fields:
                raise Undocumented(f"{where}: {name} is no key of it any more")
    for name, info in fields.items():
        said = bool(info.description or documented.get(name))
        if said and name in section.meaning:
            raise Undocumented(f"{where}.{name}: says itself what it means; take the text for it away")
        if not said and name not in section.meaning:
            raise Undocumented(f"{where}.{name}: say in its description or docstring what it means")


def phrase(text: str) -> str:
    """``text`` without its full stop where it is a single sentence."""
    return text if re.search(r"\. [A-Z`]", text) else text.removesuffix(".")


def _default(section: Section, name: str) -> str:
    info = section.model.model_fields[name]
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ({}, []):
        return ""
    return "" if isinstance(value, BaseModel) else code(yaml_text(value))


def yaml_text(value: Any) -> str:
    """``value`` as one would write it in YAML."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)


_WORDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
_PLURALS = {
    "whole number": "whole numbers",
    "number": "numbers",
    "text": "texts",
    "any value": "values",
    "mapping": "mappings",
}
_FAR = 10**9
"""A bound above this says nothing to a reader."""


def type_text(schema: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """What may be written for a JSON schema, in words.

    Raises:
        Undocumented: the schema does not say.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name == "JsonValue":
            return "any value"
        return link(titles[name], "mapping") if name in titles else "mapping"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            kinds = [type_text(one, titles) for one in schema[union] if one.get("type") != "null"]
            return "; or ".join(dict.fromkeys(kinds))
    if "enum" in schema or "const" in schema:
        return ", ".join(code(yaml_text(value)) for value in schema.get("enum") or [schema["const"]])
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_plural(type_text(schema['items'], titles))}"
    if kind == "object":
        values = schema.get("additionalProperties")
        inner = type_text(values, titles) if isinstance(values, Mapping) else "any value"
        inner = inner.replace("; or ", " or ")
        return f"mapping of names to {_plural(inner)}"
    if kind not in _WORDS:
        raise Undocumented(f"{schema.get('title')}: say its type in the section, the schema does not")
    return _WORDS[kind] + _range(schema)


def _plural(words: str) -> str:
    head, comma, rest = words.partition(",")
    if head.startswith("[mapping]"):
        return words.replace("[mapping]", "[mappings]", 1)
    head = "lists of " + head.removeprefix("list of ") if head.startswith("list of ") else head
    return _PLURALS.get(head, head) + comma + rest


def _range(schema: Mapping[str, Any]) -> str:
    """The bounds; pydantic writes ``ge`` for ``minimum`` where a validator stands before them."""
    low, above = schema.get("minimum", schema.get("ge")), schema.get("exclusiveMinimum", schema.get("gt"))
    high, below = schema.get("maximum", schema.get("le")), schema.get("exclusiveMaximum", schema.get("lt"))
    if schema.get("type") == "integer" and above is not None:
        low, above = above + 1, None
    bounds = [
        f"{sign} {yaml_text(bound)}"
        for sign, bound in (("≥", low), (">", above), ("≤", high), ("<", below))
        if bound is not None and bound < _FAR
    ]
    return ", " + " and ".join(bounds) if bounds else ""


def titles_of(sections: list[Section]) -> dict[str, str]:
    """Name of each class that has a section to its heading."""
    return {section.model.__name__: section.title for section in sections if inspect.isclass(section.model)}
