"""Agents by name: the built-in ones and those that other packages offer.

A package offers an agent through the entry-point group ``harness.algos``::

    [project.entry-points."harness.algos"]
    reinforce = "my_package:Reinforce"

The target is a class with SB3's ``BaseAlgorithm`` contract. Its hyper-parameters are read off the
constructor's signature; a class attribute ``presets`` (``{domain: {name: value}}``) may give values for the
domains ``atari``, ``mujoco`` and ``gym``. Nothing here imports torch until a class is loaded.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from algos import hyperparameters
from algos.presets import Presets, deep_merge, load_presets
from algos.schedules import is_schedule
from algos.signature import schema_of

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

ENTRY_POINT_GROUP = "harness.algos"
PRESETS_DIRECTORY = Path(__file__).parent / "presets"


class UnknownAgent(ValueError):
    """No agent has this name; the message gives the nearest names."""


@dataclass(frozen=True)
class Agent:
    """An agent class with the schema of its hyper-parameters and its presets.

    Attributes:
        name: what a user types.
        target: ``module:Class``.
        hyperparameters: pydantic model; its fields are the names that a user may set.
        presets: preset name to domain to values, each with its source.
        sources: files whose digest identifies the agent's code.
    """

    name: str
    target: str
    hyperparameters: type[BaseModel]
    presets: Presets
    sources: tuple[Path, ...]

    @property
    def default_preset(self) -> str:
        """The preset used when none is named."""
        return self.presets.default

    def preset_names(self) -> list[str]:
        """All preset names, the default first."""
        return self.presets.names()

    def load(self) -> type[BaseAlgorithm]:
        """Import and return the agent's class."""
        module, _, attribute = self.target.partition(":")
        agent_class: type[BaseAlgorithm] = getattr(importlib.import_module(module), attribute)
        return agent_class

    def resolve(
        self, domain: str, preset: str | None = None, overrides: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Complete hyper-parameters as plain JSON data: preset, then overrides, then defaults for the rest.

        Args:
            domain: ``atari``, ``mujoco`` or ``gym``.
            preset: a preset's name; ``None`` is the default preset.
            overrides: values that win over the preset's; mappings are merged key by key.

        Raises:
            UnknownPreset: no such preset.
            pydantic.ValidationError: an unknown key, or a value of the wrong type or range.
        """
        values = deep_merge(self.presets.values(domain, preset), overrides or {})
        return self.hyperparameters.model_validate(values).model_dump(mode="json")

    def explain(self, domain: str, preset: str | None = None) -> list[tuple[str, Any, str]]:
        """Every hyper-parameter as (dotted name, value, source) for a domain."""
        sources = self.presets.sources(domain, preset)
        rows = _flatten(self.resolve(domain, preset))
        return [(name, value, sources.get(name, "default")) for name, value in rows]


def agent_names() -> list[str]:
    """Names of all agents, built-in first, then alphabetically."""
    return [*BUILT_IN, *sorted(set(_entry_points()) - set(BUILT_IN))]


@cache
def get_agent(name: str) -> Agent:
    """Return the agent called ``name``.

    Raises:
        UnknownAgent: no such agent.
    """
    if name in BUILT_IN:
        target, schema, files = BUILT_IN[name]
        root = Path(__file__).parent
        return Agent(
            name=name,
            target=target,
            hyperparameters=schema,
            presets=load_presets(PRESETS_DIRECTORY / f"{name}.yaml"),
            sources=tuple(path for pattern in files for path in sorted(root.glob(pattern))),
        )
    entry_points = _entry_points()
    if name not in entry_points:
        nearest = difflib.get_close_matches(name, agent_names(), n=3, cutoff=0.4) or agent_names()
        raise UnknownAgent(f"unknown agent {name!r}; nearest: {', '.join(nearest)}")
    return _from_entry_point(entry_points[name])


def _from_entry_point(entry_point: importlib.metadata.EntryPoint) -> Agent:
    agent_class = entry_point.load()
    return Agent(
        name=entry_point.name,
        target=entry_point.value,
        hyperparameters=schema_of(agent_class),
        presets=Presets.plain(getattr(agent_class, "presets", {}), source=entry_point.value),
        sources=(Path(inspect.getfile(agent_class)),),
    )


def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)}


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value and not is_schedule(value):
            rows.extend(_flatten(value, f"{prefix}{key}."))
        else:
            rows.append((prefix + key, value))
    return rows


_SHARED_FILES = ("networks.py", "schedules.py", "hyperparameters.py")
BUILT_IN: dict[str, tuple[str, type[BaseModel], tuple[str, ...]]] = {
    "acktr": (
        "algos.acktr:ACKTR",
        hyperparameters.ACKTR,
        ("acktr.py", "acktr_*.py", "kfac/*.py", *_SHARED_FILES),
    ),
    "a2c": ("algos.a2c:A2C", hyperparameters.A2C, ("a2c.py", *_SHARED_FILES)),
    "trpo": ("algos.trpo:TRPO", hyperparameters.TRPO, ("trpo.py", *_SHARED_FILES)),
}
