"""Matplotlib figures as inline SVG that follows the page's theme."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from analysis.html.redaction import redact_text

_COLOUR = re.compile(r"\b(fill|stroke): (#([0-9a-f]{6}))\b")
_FONT = re.compile(r"(font: [^;]*?\d(?:px)?) [^;]*|font-family: [^;]*")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_DIGITS = re.compile(r"(\.\d\d)\d+")
PIXELS_PER_POINT = 96 / 72


def inline_svg(figure: Figure, name: str, label: str) -> Markup:
    """The figure as an ``<svg>`` element for the body of an HTML page.

    Text stays text. Colours become CSS variables (``--c-0072b2``, with the colour itself as the fallback), so
    that a dark theme can replace them; a figure with a picture in it, whose texts fit that picture's colours
    alone, keeps its own on a white ground and has the class ``paper``.

    Args:
        figure: what to draw; it is not changed.
        name: begins every id, so that several figures fit into one page.
        label: what a screen reader says instead.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(_NOT_XML.sub("", buffer.getvalue()))
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    paper = any(_local(element.tag) == "image" for element in root.iter())
    _drop_unused_ids(root)
    for element in root.iter():
        element.tag = _local(element.tag)
        _adapt(element, name, themed=not paper)
    width = float(root.attrib.pop("width").removesuffix("pt")) * PIXELS_PER_POINT
    del root.attrib["height"]
    root.attrib.pop("version", None)
    root.set("class", "paper" if paper else "themed")
    root.set("style", f"width: {width:.0f}px; min-width: {min(width, max(0.7 * width, 360)):.0f}px")
    root.set("role", "img")
    root.set("aria-label", label)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _drop_unused_ids(root: ElementTree.Element) -> None:
    """Matplotlib names every group, and gives equal pictures the same id."""
    values = [(_local(key), value) for element in root.iter() for key, value in element.attrib.items()]
    used = {value[1:] for key, value in values if key == "href"}
    used |= {match for _, value in values for match in _REFERENCE.findall(value)}
    for element in root.iter():
        if element.get("id") in used:
            used.discard(element.attrib["id"])
        else:
            element.attrib.pop("id", None)


def _adapt(element: ElementTree.Element, name: str, *, themed: bool) -> None:
    """Attributes without namespaces, with ids of this figure and with the theme's colours and font."""
    attributes = {}
    for key, value in element.attrib.items():
        key = _local(key)
        if key == "id":
            value = f"{name}-{value}"
        elif key == "href" and value.startswith("#"):
            value = f"#{name}-{value[1:]}"
        elif key == "style":
            value = _FONT.sub(lambda match: f"{match[1] or 'font-family:'} var(--font)", value)
            value = _COLOUR.sub(r"\1: var(--c-\3, \2)", value) if themed else value
        elif key == "d":
            value = _DIGITS.sub(r"\1", value)  # hundredths of a point are enough, and half the size
        attributes[key] = _REFERENCE.sub(rf"url(#{name}-\1)", value)
    if element.text:
        element.text = redact_text(element.text)
    element.attrib.clear()
    element.attrib.update(attributes)
