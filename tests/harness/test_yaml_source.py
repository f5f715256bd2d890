"""YAML with positions: what is read, and that every mistake is one line with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.spec import SpecError
from harness.yaml_source import Document, parse_yaml, read_document, split_assignment


def read(text: str) -> Any:
    return parse_yaml(text, "x.yaml")[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7e-2", 0.07),
        ("1e6", 1e6),
        ("-1.5E+3", -1500.0),
        ("'1e6'", "1e6"),
        ("1_000", 1000),
        ("0x10", 16),
        ("~", None),
        ("[1, a, true]", [1, "a", True]),
        ("PongNoFrameskip-v4", "PongNoFrameskip-v4"),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    read_value = read(text)
    assert read_value == value
    assert type(read_value) is type(value)


def test_lines_of_keys_and_items() -> None:
    _, lines = parse_yaml("a: 1\nb:\n  c: 2\n  d:\n    - x\n    - y\n", "x.yaml")
    assert lines[("a",)] == 1
    assert lines[("b", "c")] == 3
    assert lines[("b", "d", 1)] == 6


def test_merge_keys_and_aliases() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {<<: *a, x: 5}\nc: *b\nd: {<<: [*a, {z: 3}]}"
    assert read(text) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 5, "y": 2},
        "c": {"x": 5, "y": 2},
        "d": {"x": 1, "y": 2, "z": 3},
    }


def doubling_aliases(depth: int) -> str:
    lines = ["a0: &a0 [1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, depth)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line", "fragment"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a: duplicate key (first in line 1)"),
        ("a:\n  b: 1\n  b: 2", 3, "a.b: duplicate key (first in line 2)"),
        ("a: 1\n\tb: 2", 2, r"found character '\t'"),
        ("a: [1\nb: 2", 2, "malformed YAML"),
        ("a: {b: 1", 1, "malformed YAML"),
        ("a: b: c", 1, "mapping values are not allowed here"),
        ("a: 'b", 1, "malformed YAML"),
        ("a: 1\nb: *nowhere", 2, "undefined alias"),
        ("a: 1\n---\nb: 2", 2, "another document"),
        ("a: \x01", 1, "special characters are not allowed"),
        ("a: &a [*a]", 1, "a.0: an alias contains itself"),
        ("a: &a {b: *a}", 1, "a.b: an alias contains itself"),
        (doubling_aliases(9), 1, "values; expected a smaller document"),
        ("[" * 3000, 1, "nested too deeply"),
        ("a:\n  1: 2", 2, "a: key '1' is not text"),
        ("on: 1", 1, "key 'on' is not text"),
        ("[1, 2]: 3", 1, "is not text"),
        ("a: 2020-01-01", 1, "a: '2020-01-01' reads as a date; put it in quotes"),
        ("a: .nan", 1, "a: expected a finite number, got .nan"),
        ("a:\n  - -.inf", 2, "a.0: expected a finite number"),
        ("a: !!int many", 1, "a: 'many' is not a valid int"),
        ("a: !!python/object:os.system x", 1, "could not determine a constructor"),
        ("a: !!python/object/apply:os.getcwd []", 1, "a: unknown tag"),
        ("a: !odd {b: 1}", 1, "a: unknown tag '!odd'"),
        ("a: {<<: 3}", 1, "expected a mapping or list of mappings for merging"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_line(text: str, line: int, fragment: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(text)
    message = str(caught.value)
    assert message.startswith(f"x.yaml:{line}: ")
    assert fragment in message
    assert "\n" not in message


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    message = "x.yaml: read"
    try:
        parse_yaml(text, "x.yaml")
    except SpecError as error:
        message = str(error)
    assert message.startswith("x.yaml:")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (b"", ":1: the file is empty"),
        (b"# nothing\n", ":1: the file is empty"),
        (b"- a\n- b\n", ":1: top level is a list; expected a mapping"),
        (b"\nword\n", ":2: top level is text; expected a mapping"),
        (b"a: 1\nb: \xff\n", ":2: byte 0xff is not UTF-8"),
    ],
)
def test_files_that_hold_no_mapping(tmp_path: Path, content: bytes, fragment: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        read_document(path)
    assert str(caught.value).startswith(f"{path}{fragment}")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(path).data == {"a": 1}


def document() -> Document:
    data, lines = parse_yaml("a: 1\nb:\n  c: 2\n  d: [1, 2]\ngrid:\n  x.y: [1]\n", "x.yaml")
    return Document("x.yaml", data, lines)


def test_overrides_replace_add_and_nest() -> None:
    source = document()
    for assignment in ("a=7e-2", "b.c=[1, {x: y}]", "b.new.deep=text", "grid.x.y=[2, 3]", "e="):
        source.override(assignment)
    assert source.data == {
        "a": 0.07,
        "b": {"c": [1, {"x": "y"}], "d": [1, 2], "new": {"deep": "text"}},
        "grid": {"x.y": [2, 3]},
        "e": None,
    }


def test_places_are_lines_or_the_override_that_wrote_them() -> None:
    source = document()
    source.override("b.c=5")
    assert source.where(("a",)) == "x.yaml:1"
    assert source.where(("b", "c")) == "--set b.c"
    assert source.where(("b", "d", 1)) == "x.yaml:4"
    assert source.where(("b", "missing")) == "x.yaml:2"
    assert str(source.error(("b", "c"), "wrong")) == "--set b.c: wrong"
    source.override("b={d: 3}")
    assert source.where(("b", "d")) == "--set b"


def test_what_is_put_somewhere_is_told_where_it_stands() -> None:
    source = document()
    source.put(("b", "d"), source.data["grid"], ("grid",))
    assert source.data["b"] == {"c": 2, "d": {"x.y": [1]}}
    assert source.where(("b", "d", "x.y")) == "x.yaml:6"
    assert str(source.error(("b", "d", "x.y"), "wrong")) == "x.yaml:6: grid.x.y: wrong"
    assert source.where(("b", "c")) == "x.yaml:3"
    source.override("b.d.x.y=5")
    assert source.where(("b", "d", "x", "y")) == "--set b.d.x.y"
    assert source.where(("b", "d", "x.y")) == "x.yaml:6"
    source.put(("b",), {"c": 4}, ("a",))
    assert source.where(("b", "d", "x", "y")) == "x.yaml:1"


@pytest.mark.parametrize(
    ("assignment", "fragment"),
    [
        ("a", "expected key=value"),
        ("=1", "expected key=value"),
        ("a..b=1", "expected key=value"),
        ("a=[1", "--set a: malformed YAML"),
        ("a=.nan", "--set a: "),
        ("a.b=1", "--set a.b: a is a number in x.yaml; expected a mapping"),
        ("b.d.x=1", "--set b.d.x: b.d is a list in x.yaml; expected a mapping"),
    ],
)
def test_bad_overrides(assignment: str, fragment: str) -> None:
    with pytest.raises(SpecError) as caught:
        document().override(assignment)
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_assignment_may_hold_further_equals_signs() -> None:
    assert split_assignment("a=b=c") == ("a", "b=c")
