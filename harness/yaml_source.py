"""YAML with positions, so that every mistake can be reported with its file, line and key.

PyYAML's safe loader reads the text; on top of it duplicate keys, keys that are no text, aliases that contain
themselves, and values that JSON does not know (dates, nan, infinity) are errors, and ``7e-2`` and ``1e6`` are
numbers, as in YAML 1.2 and JSON (YAML 1.1 reads them as text).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from harness.spec import SpecError

KeyPath = tuple[str | int, ...]
MAX_NODES = 200_000


class _Loader(yaml.SafeLoader):
    """The safe loader, with exponents written as in JSON."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


class Document:
    """A mapping read from YAML, and where each of its keys stands.

    Attributes:
        name: the file's path as the user gave it; begins every message.
        data: the content: dicts with string keys, lists, and JSON scalars.
    """

    def __init__(self, name: str, data: dict[str, Any], lines: dict[KeyPath, int] | None = None) -> None:
        self.name = name
        self.data = data
        self._lines = lines or {}
        self._overrides: dict[KeyPath, str] = {}
        self._origins: dict[KeyPath, KeyPath] = {}

    def where(self, path: KeyPath) -> str:
        """``file.yaml:LINE`` of the key at ``path`` or of the nearest one around it, or ``--set KEY``."""
        source, key = self._source(path)
        if key is not None:
            return f"--set {key}"
        for length in range(len(source), -1, -1):
            if source[:length] in self._lines:
                return f"{self.name}:{self._lines[source[:length]]}"
        return self.name

    def error(self, path: KeyPath, message: str) -> SpecError:
        """The error ``file.yaml:LINE: key.path: message`` (to be raised)."""
        where, key = self.where(path), ".".join(str(part) for part in self._source(path)[0])
        said_already = not key or where == f"--set {key}"
        return SpecError(f"{where}: {message}" if said_already else f"{where}: {key}: {message}")

    def put(self, path: KeyPath, value: Any, origin: KeyPath) -> None:
        """Set ``path`` to ``value``, which the file has at ``origin``; mistakes in it are reported there.

        Every mapping around ``path`` must exist.
        """
        node: Any = self.data
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = value
        self._forget(path)
        self._origins[path] = origin

    def _source(self, path: KeyPath) -> tuple[KeyPath, str | None]:
        """Where the file has what is at ``path``, or the ``--set`` that wrote it."""
        for length in range(len(path), 0, -1):
            prefix = path[:length]
            if prefix in self._overrides:
                return path, self._overrides[prefix]
            if prefix in self._origins:
                return (*self._origins[prefix], *path[length:]), None
        return path, None

    def _forget(self, path: KeyPath) -> None:
        """Drop what was said of the sources of ``path`` and the keys below it."""
        for sources in (self._overrides, self._origins):
            for old in [old for old in sources if old[: len(path)] == path]:
                del sources[old]

    def override(self, assignment: str) -> None:
        """Apply one ``--set key.path=value``; the value is YAML.

        Below ``grid`` and ``zip`` the rest of the key is one name, since hyper-parameters are dotted there.

        Raises:
            SpecError: no ``=``, an empty key, a malformed value, or a path through a list or scalar.
        """
        key, value = split_assignment(assignment)
        parts = _split_key(key)
        node = self.data
        for depth, part in enumerate(parts[:-1], start=1):
            if node.get(part) is None:
                node[part] = {}
            if not isinstance(node[part], dict):
                through = ".".join(parts[:depth])
                found = describe(node[part])
                raise SpecError(f"--set {key}: {through} is {found} in {self.name}; expected a mapping")
            node = node[part]
        node[parts[-1]] = value
        path: KeyPath = tuple(parts)
        self._forget(path)
        self._overrides[path] = key


def split_assignment(assignment: str) -> tuple[str, Any]:
    """``key.path=value`` of a ``--set`` option as key and value; the value is YAML.

    Raises:
        SpecError: no ``=``, an empty part in the key, or a malformed value.
    """
    key, equals, text = assignment.partition("=")
    key = key.strip()
    if not equals or not all(key.split(".")):
        raise SpecError(f"--set {assignment}: expected key=value, as in --set n_timesteps=1e6")
    return key, parse_yaml(text, f"--set {key}", with_lines=False)[0]


def read_document(path: Path) -> Document:
    """Read the YAML file at ``path``.

    Raises:
        SpecError: in one line, the file, the line and what is wrong.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file; expected a sweep's YAML file") from None
    except IsADirectoryError:
        raise SpecError(f"{path}: is a directory; expected a sweep's YAML file") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror}); expected a sweep's YAML file") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SpecError(f"{path}:{line}: byte 0x{raw[error.start]:02x} is not UTF-8; expected text") from None
    data, lines = parse_yaml(text, str(path))
    if data is None:
        raise SpecError(f"{path}:1: the file is empty; expected a mapping with envs, algos, …")
    if not isinstance(data, dict):
        raise SpecError(f"{path}:{lines[()]}: top level is {describe(data)}; expected a mapping")
    return Document(str(path), data, lines)


def parse_yaml(text: str, name: str, *, with_lines: bool = True) -> tuple[Any, dict[KeyPath, int]]:
    """Parse one YAML document; return its data and the line (from 1) of every key path.

    Args:
        name: begins every message.
        with_lines: whether messages carry ``:LINE`` after the name.

    Raises:
        SpecError: in one line, the name, the line and what is wrong.
    """
    builder = _Builder(name, with_lines)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, {(): 1}
        return builder.build(loader, node, ()), builder.lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "unreadable"
        if r"'\t'" in problem:
            problem += "; expected spaces"
        raise builder.error(mark.line if mark else 0, f"malformed YAML: {_one_line(problem)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        raise builder.error(line, f"malformed YAML: {error.reason} (character {error.character!r})") from None
    except RecursionError:
        raise builder.error(0, "malformed YAML: nested too deeply") from None


def describe(value: Any) -> str:
    """What kind of YAML value this is, in the words of a message."""
    if value is None:
        return "empty"
    kinds = ((dict, "a mapping"), (list, "a list"), (str, "text"), (bool, "true or false"))
    return next((words for kind, words in kinds if isinstance(value, kind)), "a number")


_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Builder:
    """Turns YAML nodes into data, noting the line of each key path."""

    def __init__(self, name: str, with_lines: bool) -> None:
        self.name = name
        self.with_lines = with_lines
        self.lines: dict[KeyPath, int] = {}
        self._open: set[int] = set()
        self._checked: set[int] = set()

    def error(self, line: int, message: str) -> SpecError:
        where = f"{self.name}:{line + 1}" if self.with_lines else self.name
        return SpecError(f"{where}: {message}")

    def build(self, loader: _Loader, node: yaml.Node, path: KeyPath) -> Any:
        line = node.start_mark.line
        self.lines.setdefault(path, line + 1)
        if len(self.lines) > MAX_NODES:
            raise self.error(line, f"more than {MAX_NODES} values; expected a smaller document")
        if id(node) in self._open:
            raise self.error(line, f"{_dotted(path)}: an alias contains itself")
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
            raise self.error(line, f"{_dotted(path)}: unknown tag {node.tag!r}; expected none")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(loader, node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.build(loader, item, (*path, i)) for i, item in enumerate(node.value)]
            return self._scalar(loader, node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, loader: _Loader, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        if id(node) not in self._checked:  # merging rewrites the node, so keys are compared before it, once
            self._checked.add(id(node))
            self._refuse_duplicates(loader, node, path)
            try:
                loader.flatten_mapping(node)
            except yaml.MarkedYAMLError as error:
                raise self.error(node.start_mark.line, f"malformed YAML: {error.problem}") from None
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(loader, key_node, path)
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            content[key] = self.build(loader, value_node, (*path, key))
        return content

    def _refuse_duplicates(self, loader: _Loader, node: yaml.MappingNode, path: KeyPath) -> None:
        first: dict[str, int] = {}
        for key_node in _own_keys(node):
            key = self._key(loader, key_node, path)
            line = key_node.start_mark.line
            if key in first:
                where = f" (first in line {first[key] + 1})" if self.with_lines else ""
                raise self.error(line, f"{_dotted((*path, key))}: duplicate key{where}; expected it once")
            first[key] = line

    def _key(self, loader: _Loader, node: yaml.Node, path: KeyPath) -> str:
        key = self._scalar(loader, node, path) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            shown = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            place = f"{_dotted(path)}: " if path else ""
            raise self.error(
                node.start_mark.line, f"{place}key {shown} is not text; expected a name (or put it in quotes)"
            )
        return key

    def _scalar(self, loader: _Loader, node: yaml.Node, path: KeyPath) -> Any:
        line, place = node.start_mark.line, f"{_dotted(path)}: " if path else ""
        try:
            value = loader.construct_object(node)
        except yaml.MarkedYAMLError as error:
            raise self.error(line, f"{place}{_one_line(error.problem or 'unknown tag')}") from None
        except ValueError:
            kind = node.tag.rpartition(":")[2]
            raise self.error(line, f"{place}{node.value!r} is not a valid {kind}") from None
        if not (value is None or isinstance(value, (str, int, float))):
            raise self.error(
                line, f"{place}{node.value!r} reads as a {type(value).__name__}; put it in quotes"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error(line, f"{place}expected a finite number, got {node.value}")
        return value


def _own_keys(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    return (key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge")


def _split_key(key: str) -> list[str]:
    parts = key.split(".")
    for index, part in enumerate(parts[:-1]):
        if part in ("grid", "zip"):
            return [*parts[: index + 1], ".".join(parts[index + 1 :])]
    return parts


def _dotted(path: KeyPath) -> str:
    return ".".join(str(part) for part in path) or "top level"


def _one_line(text: str) -> str:
    return " ".join(str(text).split())
