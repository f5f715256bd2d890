"""What a class's docstring says: its prose, and a meaning for each name of its ``Attributes``."""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(r"^(Attributes|Args|Raises|Returns):$", flags=re.MULTILINE)
_ENTRY = re.compile(r"^    (?P<names>[\w, ]+): (?P<text>.*(?:\n {8}.*)*)", flags=re.MULTILINE)


def prose(target: object) -> str:
    """Everything before the first section."""
    return _SECTION.split(inspect.getdoc(target) or "")[0].strip()


def meanings(target: object, section: str = "Attributes") -> dict[str, str]:
    """Name to text for every entry of a section; ``a, b: text`` gives both the same."""
    parts = _SECTION.split(inspect.getdoc(target) or "")
    body = dict(zip(parts[1::2], parts[2::2], strict=True)).get(section, "")
    return {
        name.strip(): " ".join(entry["text"].split())
        for entry in _ENTRY.finditer(body)
        for name in entry["names"].split(",")
    }
