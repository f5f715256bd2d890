"""Presets: named hyper-parameter values per domain, each with the place it comes from.

A preset file reads::

    default: tuned
    presets:
      tuned:
        atari:
          n_envs: {value: 32, source: "Appendix A.1: batch 640"}
    quirks:
      released:
        - {domains: [atari], quirk: "cold start", reproduced: false, here: "no cold start"}

A quirk is a peculiarity of what the preset stands for: whether these settings reproduce it, and how or what
happens instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from algos.schedules import is_schedule

DOMAINS = ("atari", "atari-sticky", "mujoco", "mujoco-pixels", "gym")
IMAGE_DOMAINS = ("atari", "atari-sticky", "mujoco-pixels")
SAME_VALUES = {"atari-sticky": "atari"}
"""Domains for which a preset without a block of their own has the values of another."""

Values = dict[str, Any]


class UnknownPreset(ValueError):
    """No preset has this name; the message gives the names there are."""


@dataclass(frozen=True)
class Quirk:
    """A peculiarity of what a preset stands for.

    Attributes:
        domains: where it shows.
        quirk: what it is.
        reproduced: whether the preset's settings reproduce it.
        here: by which setting, or what happens instead.
    """

    domains: list[str]
    quirk: str
    reproduced: bool
    here: str


@dataclass(frozen=True)
class Presets:
    """Values and sources by preset and domain, and the presets' quirks.

    A domain for which no preset has values gives none; one for which only other presets have some is refused.
    """

    default: str
    content: Mapping[str, Mapping[str, Mapping[str, Any]]]
    quirks: Mapping[str, list[Quirk]] = field(default_factory=dict)

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
            UnknownPreset: no such preset, or not for this domain.
        """
        return _strip(self._block(domain, preset))

    def sources(self, domain: str, preset: str | None = None) -> dict[str, str]:
        """Dotted name to source, for every value that the preset sets in this domain."""
        return dict(_sources(self._block(domain, preset)))

    def names_for(self, domain: str) -> list[str]:
        """Names of the presets that can be used in a domain, the default first."""
        having = [name for name in self.names() if self._key(name, domain) is not None]
        return having or self.names()

    def _key(self, name: str, domain: str) -> str | None:
        """The domain whose block a preset uses for a domain, if any."""
        block = self.content.get(name, {})
        return next((key for key in (domain, SAME_VALUES.get(domain)) if key in block), None)

    def _block(self, domain: str, preset: str | None) -> Mapping[str, Any]:
        name = self.default if preset is None else preset
        if name not in self.content:
            nearest = difflib.get_close_matches(name, self.names(), n=3) or self.names()
            raise UnknownPreset(f"unknown preset {name!r}; expected one of: {', '.join(nearest)}")
        usable = self.names_for(domain)
        if name not in usable:
            raise UnknownPreset(
                f"preset {name!r} has no values for {domain}; expected one of: {', '.join(usable)}"
            )
        key = self._key(name, domain)
        return self.content[name][key] if key is not None else {}


def load_presets(path: Path) -> Presets:
    """Read a preset file of this package."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    quirks = {name: [Quirk(**quirk) for quirk in rows] for name, rows in content.get("quirks", {}).items()}
    return Presets(content["default"], content["presets"], quirks)


def deep_merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> Values:
    """``base`` with ``overrides`` on top; mappings that stand in both are merged key by key.

    A schedule is replaced as a whole, and so is a mapping whose ``norm`` changes: a critic of another norm
    has other options.
    """
    merged = dict(base)
    for key, value in overrides.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and not _is_another_kind(old, value):
            merged[key] = deep_merge(old, value)
        else:
            merged[key] = value
    return merged


def _is_another_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    schedules = is_schedule(old) or is_schedule(new)
    return schedules or ("norm" in old and "norm" in new and old["norm"] != new["norm"])


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
