"""Markdown: tables, anchors, and docstrings' markup turned into it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_ROLE = re.compile(r":(?:class|attr|mod|meth|func|data):`~?([\w.]+)`")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells lose their line breaks, and their bars are escaped."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"expected {len(columns)} cells, got {row}")
        lines.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |")
    return "\n".join(line.replace("|  |", "| |") for line in lines)


def code(text: object) -> str:
    """``text`` as inline code."""
    return f"`{text}`"


def anchor(title: str) -> str:
    """The address of a heading within its page, as GitHub makes it."""
    return "#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def link(title: str, text: str | None = None) -> str:
    """A link to the heading ``title`` of the same page."""
    return f"[{text or title}]({anchor(title)})"


def _lowered(title: str) -> str:
    return title if title[1:2].isupper() or "&" in title else title[:1].lower() + title[1:]


def from_docstring(text: str, titles: Mapping[str, str]) -> str:
    """Prose of a docstring as Markdown.

    Args:
        text: reStructuredText with inline code and roles.
        titles: name of a class to the heading that describes it, which roles become links to.
    """

    def role(found: re.Match[str]) -> str:
        name = found[1].rpartition(".")[2]
        return link(titles[name], _lowered(titles[name])) if name in titles else code(found[1])

    return re.sub(r"``([^`]+)``", r"`\1`", _ROLE.sub(role, text))
