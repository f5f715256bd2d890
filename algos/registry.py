"""Agents by name: the built-in ones, those of SB3 and sb3-contrib, and those that other packages offer.

A package offers an agent through the entry-point group ``harness.algos``::

    [project.entry-points."harness.algos"]
    reinforce = "my_package:Reinforce"

The target is a class with SB3's ``BaseAlgorithm`` contract. Its hyper-parameters are read off the
constructor's signature; a class attribute ``presets`` (``{domain: {name: value}}``) may give values for the
domains of :data:`algos.presets.DOMAINS`. Nothing here imports torch until a class is loaded.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from algos import hyperparameters
from algos.presets import DOMAINS, IMAGE_DOMAINS, Presets, deep_merge, load_presets
from algos.schedules import is_schedule
from algos.signature import schema_of, takes_action_masks

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

ENTRY_POINT_GROUP = "harness.algos"
PRESETS_DIRECTORY = Path(__file__).parent / "presets"


class UnknownAgent(ValueError):
    """No agent has this name; the message gives the nearest names."""


class UnusableAgent(UnknownAgent):
    """Another package's agent cannot be used; the message names its entry point and what is wrong."""


@dataclass(frozen=True)
class Agent:
    """An agent class with the schema of its hyper-parameters and its presets.

    Attributes:
        name: what a user types.
        target: ``module:Class``.
        presets: preset name to domain to values, each with its source.
        make_schema: gives :attr:`hyperparameters`; may import torch.
        find_sources: gives :attr:`sources`; may import torch.
    """

    name: str
    target: str
    presets: Presets
    make_schema: Callable[[], type[BaseModel]]
    find_sources: Callable[[], tuple[Path, ...]]

    @cached_property
    def hyperparameters(self) -> type[BaseModel]:
        """Pydantic model whose fields are the names that a user may set."""
        return self.make_schema()

    @cached_property
    def sources(self) -> tuple[Path, ...]:
        """Files whose digest identifies the agent's code."""
        return self.find_sources()

    @cached_property
    def takes_action_masks(self) -> bool:
        """Whether it needs an environment that says which actions are valid (algos.signature)."""
        return self.name not in BUILT_IN and takes_action_masks(self.load())

    @property
    def default_preset(self) -> str:
        """The preset used when none is named."""
        return self.presets.default

    def preset_names(self) -> list[str]:
        """All preset names, the default first."""
        return self.presets.names()

    def load(self) -> type[BaseAlgorithm]:
        """Import and return the agent's class."""
        return _load(self.target)

    def resolve(
        self, domain: str, preset: str | None = None, overrides: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Complete hyper-parameters as plain JSON data: preset, then overrides, then defaults for the rest.

        Args:
            domain: one of :data:`algos.presets.DOMAINS`.
            preset: a preset's name; ``None`` is the default preset.
            overrides: values that win over the preset's; mappings are merged key by key.

        Raises:
            UnknownPreset: no such preset, or not for this domain.
            pydantic.ValidationError: an unknown key, or a value of the wrong type or range.
        """
        values = deep_merge(self.presets.values(domain, preset), overrides or {})
        return self.hyperparameters.model_validate(values).model_dump(mode="json")

    def explain(self, domain: str, preset: str | None = None) -> list[tuple[str, Any, str]]:
        """Every hyper-parameter as (dotted name, value, source) for a domain."""
        sources = self.presets.sources(domain, preset)
        rows = _flatten(self.resolve(domain, preset))
        return [(name, value, _source_of(name, sources)) for name, value in rows]

    def differences(self, domain: str) -> dict[str, dict[str, dict[str, Any]]]:
        """The hyper-parameters whose values differ between the presets that can be used in a domain.

        Returns:
            Dotted name to preset name to ``{"value": ..., "source": ...}``.
        """
        table: dict[str, dict[str, dict[str, Any]]] = {}
        for preset in self.presets.names_for(domain):
            for name, value, source in self.explain(domain, preset):
                table.setdefault(name, {})[preset] = {"value": value, "source": source}
        unset = {"value": None, "source": "not among this preset's settings"}
        rows = {
            name: {preset: row.get(preset, unset) for preset in self.presets.names_for(domain)}
            for name, row in table.items()
        }
        return {name: row for name, row in rows.items() if _differ([cell["value"] for cell in row.values()])}


def agent_names() -> list[str]:
    """Names of all agents: built-in, of SB3 and sb3-contrib, then other packages' alphabetically."""
    known = [*BUILT_IN, *LIBRARY]
    return [*known, *sorted(set(_entry_points()) - set(known))]


@cache
def get_agent(name: str) -> Agent:
    """Return the agent called ``name``.

    Raises:
        UnknownAgent: no such agent.
        UnusableAgent: another package's, which cannot be imported or has presets that are none.
    """
    if name in BUILT_IN:
        return _built_in(name)
    if name in LIBRARY:
        return _of_library(name)
    entry_points = _entry_points()
    if name not in entry_points:
        nearest = difflib.get_close_matches(name, agent_names(), n=3, cutoff=0.4) or agent_names()
        raise UnknownAgent(f"unknown agent {name!r}; nearest: {', '.join(nearest)}")
    target = entry_points[name].value
    where = f"agent {name!r} of the entry point {target!r}"
    try:
        agent_class = _load(target)
    except Exception as error:  # whatever another package's import raises
        raise UnusableAgent(f"{where}: cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(agent_class, type):
        raise UnusableAgent(f"{where}: expected a class, got {agent_class!r}")
    values = getattr(agent_class, "presets", {})
    _check_presets(where, values, schema_of(agent_class))
    return _of_class(name, target, Presets.plain(values, source=target))


def _check_presets(where: str, values: Any, schema: type[BaseModel]) -> None:
    """Refuse a class attribute ``presets`` that is not ``{domain: {name: value}}`` of what `schema` knows."""
    if not isinstance(values, Mapping):
        raise UnusableAgent(f"{where}: presets: expected {{domain: {{name: value}}}}, got {values!r}")
    for domain, block in values.items():
        if domain not in DOMAINS:
            raise UnusableAgent(f"{where}: presets.{domain}: expected a domain of {', '.join(DOMAINS)}")
        if not isinstance(block, Mapping):
            raise UnusableAgent(f"{where}: presets.{domain}: expected {{name: value}}, got {block!r}")
        try:
            schema.model_validate(dict(block))
        except ValidationError as error:
            for wrong in error.errors(include_url=False):
                if wrong["type"] != "missing":  # left to the user
                    key = ".".join(map(str, (domain, *wrong["loc"])))
                    raise UnusableAgent(f"{where}: presets.{key}: {wrong['msg']}") from None


def _built_in(name: str) -> Agent:
    target, schema, patterns = BUILT_IN[name]
    root = Path(__file__).parent
    return Agent(
        name=name,
        target=target,
        presets=load_presets(PRESETS_DIRECTORY / f"{name}.yaml"),
        make_schema=lambda: schema,
        find_sources=lambda: tuple(path for pattern in patterns for path in sorted(root.glob(pattern))),
    )


def _of_library(name: str) -> Agent:
    target = LIBRARY[name]
    file = PRESETS_DIRECTORY / f"{name}.yaml"
    on_images = {"recurrent_ppo": "CnnLstmPolicy", "crossq": "MlpPolicy", "ars": "MlpPolicy"}.get(
        name, "CnnPolicy"
    )
    images = Presets.plain({domain: {"policy": on_images} for domain in IMAGE_DOMAINS}, source="images")
    presets = load_presets(file) if file.exists() else images
    return _of_class(name, target, presets)


def _of_class(name: str, target: str, presets: Presets) -> Agent:
    """An agent whose schema is its constructor's signature."""
    return Agent(
        name=name,
        target=target,
        presets=presets,
        make_schema=lambda: schema_of(_load(target)),
        find_sources=lambda: _files_of(_load(target)),
    )


def _files_of(agent_class: type) -> tuple[Path, ...]:
    """Where the class is defined, what it inherits from its own package, and what rollouts of ours use."""
    package, root = agent_class.__module__.partition(".")[0], Path(__file__).parent
    own = [base for base in agent_class.__mro__ if base.__module__.partition(".")[0] == package]
    files = dict.fromkeys(Path(inspect.getfile(base)) for base in own)
    if root / "rollouts.py" in files:
        files |= dict.fromkeys(root / name for name in _SHARED_FILES)
    return tuple(files)


def _source_of(name: str, sources: Mapping[str, str]) -> str:
    """Of a dotted name, or of the mapping that a preset set as a whole; else ``default``."""
    while name not in sources:
        name, dot, _ = name.rpartition(".")
        if not dot:
            return "default"
    return sources[name]


def _differ(values: list[Any]) -> bool:
    return any(value != values[0] for value in values)


def _load(target: str) -> type[BaseAlgorithm]:
    module, _, attribute = target.partition(":")
    agent_class: type[BaseAlgorithm] = operator.attrgetter(attribute)(importlib.import_module(module))
    return agent_class


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


LIBRARY: dict[str, str] = {
    "ppo": "algos.ppo:PPO",
    "dqn": "stable_baselines3:DQN",
    "sac": "stable_baselines3:SAC",
    "td3": "stable_baselines3:TD3",
    "ddpg": "stable_baselines3:DDPG",
    "ars": "algos.ars:ARS",
    "crossq": "sb3_contrib:CrossQ",
    "maskable_ppo": "sb3_contrib:MaskablePPO",
    "qrdqn": "sb3_contrib:QRDQN",
    "recurrent_ppo": "sb3_contrib:RecurrentPPO",
    "tqc": "sb3_contrib:TQC",
}
"""Agents of SB3 and sb3-contrib under their own hyper-parameters; a file in ``presets/`` may add to them."""

_SHARED_FILES = (
    "networks.py",
    "acting.py",
    "rollouts.py",
    "device_rollouts.py",
    "validation.py",
    "kfac/host.py",
    "schedules.py",
    "options.py",
    "hyperparameters.py",
)
_TRAINED_HERE = ("kept_graphs.py", "explained_variance.py")
BUILT_IN: dict[str, tuple[str, type[BaseModel], tuple[str, ...]]] = {
    "acktr": (
        "algos.acktr:ACKTR",
        hyperparameters.ACKTR,
        ("acktr/*.py", "errors.py", "kfac/*.py", *_TRAINED_HERE, *_SHARED_FILES),
    ),
    "a2c": ("algos.a2c:A2C", hyperparameters.A2C, ("a2c.py", *_TRAINED_HERE, *_SHARED_FILES)),
    "trpo": ("algos.trpo:TRPO", hyperparameters.TRPO, ("trpo.py", *_SHARED_FILES)),
}
