"""Presets: named hyper-parameter values per domain, each with the place it comes from.

A preset file reads::

    default: tuned
    presets:
      tuned:
        atari:
          n_envs: {value: 32, source: "Appendix A.1: batch 640"}
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from algos.schedules import is_schedule

DOMAINS = ("atari", "mujoco", "gym")
Values = dict[str, Any]


class UnknownPreset(ValueError):
    """No preset has this name; the message gives the names there are."""


@dataclass(frozen=True)
class Presets:
    """Values and sources by preset and domain; a domain without values gives none."""

    default: str
    content: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @classmethod
    def plain(cls, values: Mapping[str, Mapping[str, Any]], source: str) -> Presets:
        """One preset called ``default`` from ``{domain: {name: value}}``, every value from ``source``."""
        content = {
            domain: {name: {"value": value, "source": source} for name, value in block.items()}
            for domain, block in values.items()
        }
        return cls("default", {"default": content})

    def names(self) -> list[str]:
        """Preset names, the default first."""
        return [self.default, *(name for name in self.content if name != self.default)]

    def values(self, domain: str, preset: str | None = None) -> Values:
        """The values of a preset in a domain.

        Raises:
            UnknownPreset: no such preset.
        """
        return _strip(self._block(domain, preset))

    def sources(self, domain: str, preset: str | None = None) -> dict[str, str]:
        """Dotted name to source, for every value that the preset sets in this domain."""
        return dict(_sources(self._block(domain, preset)))

    def _block(self, domain: str, preset: str | None) -> Mapping[str, Any]:
        name = self.default if preset is None else preset
        if name not in self.content:
            nearest = difflib.get_close_matches(name, self.names(), n=3) or self.names()
            raise UnknownPreset(f"unknown preset {name!r}; expected one of: {', '.join(nearest)}")
        return self.content[name].get(domain, {})


def load_presets(path: Path) -> Presets:
    """Read a preset file of this package."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Presets(content["default"], content["presets"])


def deep_merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> Values:
    """``base`` with ``overrides`` on top; mappings that stand in both are merged key by key."""
    merged = dict(base)
    for key, value in overrides.items():
        old = merged.get(key)
        schedules = is_schedule(old) or is_schedule(value)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and not schedules:
            merged[key] = deep_merge(old, value)
        else:
            merged[key] = value
    return merged


def _is_leaf(node: Any) -> bool:
    return isinstance(node, Mapping) and set(node) == {"value", "source"}


def _strip(block: Mapping[str, Any]) -> Values:
    return {name: node["value"] if _is_leaf(node) else _strip(node) for name, node in block.items()}


def _sources(block: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, node in block.items():
        if _is_leaf(node):
            rows.append((prefix + name, str(node["source"])))
        else:
            rows.extend(_sources(node, f"{prefix}{name}."))
    return rows
