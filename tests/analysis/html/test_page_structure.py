"""The page as a parser sees it: nested, every id once, every link to a place, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser

import pytest

VOID = {"meta", "link", "br", "img", "input", "hr", "col", "base", "source", "wbr"}
FETCHING = {"src", "href", "xlink:href", "srcset", "data", "poster", "action", "formaction", "background"}
NO_BLOCKS_INSIDE = {"p": {"p", "div", "ul", "table", "pre", "details", "section", "h2", "h3", "h4"}}


class Checked(HTMLParser):
    """Collects elements, and every place where the nesting is not what was written."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.problems: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if self._open and tag in NO_BLOCKS_INSIDE.get(self._open[-1], ()):
            self.problems.append(f"<{tag}> in <{self._open[-1]}>, line {self.getpos()[0]}")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        twice = [name for name, count in Counter(name for name, _ in attrs).items() if count > 1]
        self.problems += [f"<{tag}> has {name} twice" for name in twice]
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self._open[-1:]}, line {self.getpos()[0]}")
        else:
            self._open.pop()


@pytest.fixture(scope="module")
def parsed(page: str) -> Checked:
    return Checked(page)


def test_elements_are_nested(parsed: Checked) -> None:
    assert parsed.problems == []


def test_ids_are_unique_and_links_resolve(parsed: Checked) -> None:
    ids = Counter(attrs["id"] for _, attrs in parsed.elements if "id" in attrs)
    assert {name: count for name, count in ids.items() if count > 1} == {}
    links = [str(attrs["href"]) for tag, attrs in parsed.elements if tag == "a"]
    assert len(links) > 20
    assert [link for link in links if not link.startswith("#") or link[1:] not in ids] == []
    used = [str(attrs["href"]) for tag, attrs in parsed.elements if tag == "use"]
    assert used
    assert [link for link in used if link[1:] not in ids] == []


def test_every_section_is_in_the_contents(parsed: Checked) -> None:
    links = {attrs["href"] for tag, attrs in parsed.elements if tag == "a"}
    named = [
        attrs["id"]
        for tag, attrs in parsed.elements
        if tag in ("section", "figure", "details") and "id" in attrs
    ]
    assert [name for name in named if f"#{name}" not in links] == []
    assert "extra-1" in named


def test_nothing_is_fetched(page: str, parsed: Checked) -> None:
    for tag, attrs in parsed.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name, value in attrs.items():
            if name in FETCHING:
                assert str(value).startswith(("#", "data:image/png;base64,")), (tag, name, value)
            assert not re.search(r"url\((?!#)", value or ""), (tag, name, value)
            assert not name.startswith("on"), (tag, name)
    styles = re.findall(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]


def test_only_the_pages_own_script_may_run(page: str, parsed: Checked) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = (
        a["content"] for tag, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert f"script-src 'sha256-{digest}'" in str(policy)
    assert "default-src 'none'" in str(policy)


def test_a_picture_is_said_in_words(parsed: Checked) -> None:
    figures = [attrs for tag, attrs in parsed.elements if tag == "svg" and attrs.get("role") == "img"]
    assert len(figures) >= 4
    assert all(attrs["aria-label"] for attrs in figures)
    assert [
        a for tag, a in parsed.elements if tag == "svg" and "role" not in a and "aria-hidden" not in a
    ] == []
