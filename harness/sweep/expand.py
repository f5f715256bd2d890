"""From a sweep as written to its runs.

Order of the runs: environment, then algo, then grid point (the sweep's ``grid``, the algo's ``grid``, the
sweep's ``zip``, the algo's ``zip``; keys in the order written, the last varying fastest), then seed.
Hyper-parameters are resolved once per (environment, algo, grid point); the seeds share the result.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from algos.presets import UnknownPreset, deep_merge
from algos.registry import Agent, UnknownAgent, get_agent
from harness.envs.names import UnknownEnvironment, canonical_env_id
from harness.envs.protocol import Protocol, WrongProtocol, protocol_class
from harness.looks import Rule
from harness.spec import MAX_NAME, NAME_PATTERN, RunSpec, SpecError
from harness.sweep.document import FULL, AlgoBlock, EnvBlock, SweepSpec
from harness.sweep.masks import NoActionMasks, check_masks
from harness.sweep.problems import did_you_mean, first_problem, shown
from harness.sweep.sequential import rule_of
from harness.sweep.tiers import apply_tier, refuse_tier_key
from harness.tracking.settings import TrackingBlock
from harness.yaml_source import Document, KeyPath, read_document


@dataclass(frozen=True)
class Sweep:
    """A sweep's name, its runs in order, and where and how to train them.

    With a ``sequential`` rule the runs are all that may be needed; :mod:`harness.sweep.sequential` has those
    that are.
    """

    name: str
    runs: tuple[RunSpec, ...]
    device: str
    description: str | None = None
    checkpoint_seconds: float | None = None
    tracking: TrackingBlock = field(default_factory=TrackingBlock)
    sequential: Rule | None = None


def load_sweep(path: Path, overrides: tuple[str, ...] | list[str] = (), tier: str | None = None) -> Sweep:
    """Read, check and expand a sweep's YAML file.

    Args:
        path: the file; its stem is the sweep's name unless it gives one.
        overrides: ``key.path=value`` assignments, applied to the tier before anything is checked.
        tier: one of the file's tiers (:mod:`harness.sweep.tiers`); ``None`` or ``paper`` is the file as it
            stands.

    Raises:
        SpecError: the first mistake, in one line with file, line and key.
    """
    document = read_document(path)
    apply_tier(document, tier or FULL, path.stem)
    for assignment in overrides:
        refuse_tier_key(assignment)
        document.override(assignment)
    try:
        spec = SweepSpec.model_validate({"name": path.stem, **document.data})
    except ValidationError as error:
        where, message = first_problem(error, SweepSpec)
        raise document.error(where, message) from None
    runs = tuple(expand(spec, document))
    return Sweep(
        name=spec.name,
        runs=runs,
        device=spec.device,
        description=spec.description,
        checkpoint_seconds=spec.checkpoint_seconds,
        tracking=spec.tracking,
        sequential=rule_of(spec, runs, document),
    )


def expand(spec: SweepSpec, document: Document) -> list[RunSpec]:
    """All runs of a sweep, in order.

    Raises:
        SpecError: an unknown name, a value that an agent or a protocol refuses, an agent that takes action
            masks in an environment without, or two equal runs.
    """
    return _Expansion(spec, document).runs()


@dataclass(frozen=True)
class _Env:
    name: str
    path: KeyPath
    block: EnvBlock
    env_id: str
    protocol: Protocol


@dataclass(frozen=True)
class _Algo:
    label: str
    path: KeyPath
    block: AlgoBlock
    agent: Agent


_Choice = tuple[KeyPath, tuple[str, ...], Any]
"""One value of a grid or zip list: where it stands, the hyper-parameter's key path, the value."""


class _Expansion:
    def __init__(self, spec: SweepSpec, document: Document) -> None:
        self.spec = spec
        self.document = document
        self.envs = self._envs()
        self.algos = [self._algo(label, block) for label, block in spec.algo_blocks().items()]
        self._sources: dict[str, tuple[RunSpec, str]] = {}

    def runs(self) -> list[RunSpec]:
        seeds = self.spec.seed_list()
        points = {algo.label: self._points(algo) for algo in self.algos}
        overrides = {algo.label: self._algo_envs(algo) for algo in self.algos}
        runs: list[RunSpec] = []
        for env in self.envs:
            for algo in self.algos:
                self._check_masks(env, algo)
                for point in points[algo.label]:
                    first = self._resolve(env, algo, point, overrides[algo.label].get(env.env_id), seeds[0])
                    runs.append(first)
                    runs.extend(first.with_seed(seed) for seed in seeds[1:])
        return runs

    def _check_masks(self, env: _Env, algo: _Algo) -> None:
        try:
            check_masks(algo.agent, env.env_id)
        except NoActionMasks as error:
            raise self.document.error(env.path, str(error)) from None

    def _item(self, section: str, name: str) -> KeyPath:
        """Path of an entry of ``envs`` or ``algos``, which is a mapping or a list of names."""
        content = self.document.data.get(section)
        return (section, content.index(name)) if isinstance(content, list) else (section, name)

    def _envs(self) -> list[_Env]:
        envs: dict[str, _Env] = {}
        for name, block in self.spec.env_blocks().items():
            path = self._item("envs", name)
            try:
                env_id = canonical_env_id(name)
            except UnknownEnvironment as error:
                raise self.document.error(path, str(error)) from None
            if env_id in envs:
                first = envs[env_id].name
                raise self.document.error(
                    path, f"{name!r} is the same environment as {first!r}; expected it once"
                )
            envs[env_id] = _Env(name, path, block, env_id, self._protocol(env_id, path, block))
        return list(envs.values())

    def _protocol(self, env_id: str, path: KeyPath, block: EnvBlock) -> Protocol:
        own = block.protocol.get("name")
        name, source = (self.spec.protocol, ("protocol",)) if own is None else (str(own), (*path, "protocol"))
        try:
            chosen = protocol_class(env_id, name)
        except WrongProtocol as error:
            raise self.document.error(source, str(error)) from None
        name = str(chosen.model_fields["name"].default)
        shared = self.spec.protocols.get(name, {})
        layers: list[tuple[KeyPath, Mapping[str, Any]]] = [
            (("protocols", name), shared),
            ((*path, "protocol"), block.protocol),
        ]
        try:
            return chosen.model_validate({**shared, **block.protocol})
        except ValidationError as error:
            where, message = first_problem(error, chosen)
            raise self.document.error(_origin(where, layers, []) or path, message) from None

    def _algo(self, label: str, block: AlgoBlock) -> _Algo:
        path = self._item("algos", label)
        try:
            agent = get_agent(block.algo or label)
        except UnknownAgent as error:
            raise self.document.error((*path, "algo") if block.algo else path, str(error)) from None
        if not NAME_PATTERN.match(label):
            expected = "letters, digits, '.', '_' and '-' only, not beginning with a dot"
            raise self.document.error(path, f"expected {expected}, got {label!r}")
        if len(label) > MAX_NAME:
            raise self.document.error(path, f"expected at most {MAX_NAME} characters, got {len(label)}")
        return _Algo(label, path, block, agent)

    def _points(self, algo: _Algo) -> list[list[_Choice]]:
        """The grid points of one algo, each a list of choices."""
        tables = (
            (("grid",), self.spec.grid),
            ((*algo.path, "grid"), algo.block.grid),
            (("zip",), self.spec.zip),
            ((*algo.path, "zip"), algo.block.zip),
        )
        seen: dict[str, KeyPath] = {}
        axes: list[list[list[_Choice]]] = []
        for path, table in tables:
            columns: list[list[_Choice]] = []
            for key, values in (table or {}).items():
                if key in seen:
                    first = self.document.where(seen[key])
                    raise self.document.error((*path, key), f"varied twice (first at {first}); expected once")
                seen[key] = (*path, key)
                parts = tuple(key.split("."))
                columns.append([((*path, key, i), parts, value) for i, value in enumerate(values)])
            if path[-1] == "zip" and columns:
                axes.append([list(row) for row in zip(*columns, strict=True)])
            else:
                axes.extend([[choice] for choice in column] for column in columns)
        return [list(itertools.chain.from_iterable(point)) for point in itertools.product(*axes)]

    def _algo_envs(self, algo: _Algo) -> dict[str, str]:
        """Canonical id to the name under which an algo's ``envs`` block speaks of it."""
        names: dict[str, str] = {}
        known = {env.env_id for env in self.envs}
        for name in algo.block.envs:
            path = (*algo.path, "envs", name)
            try:
                env_id = canonical_env_id(name)
            except UnknownEnvironment as error:
                raise self.document.error(path, str(error)) from None
            if env_id not in known:
                written = [env.name for env in self.envs]
                hint = did_you_mean(name, written)
                message = f"is none of this sweep's envs; expected one of {', '.join(written)}{hint}"
                raise self.document.error(path, message)
            if env_id in names:
                raise self.document.error(
                    path, f"the same environment as {names[env_id]!r}; expected it once"
                )
            names[env_id] = name
        return names

    def _resolve(
        self, env: _Env, algo: _Algo, point: list[_Choice], env_name: str | None, seed: int
    ) -> RunSpec:
        block = algo.block.envs[env_name] if env_name is not None else None
        layers: list[tuple[KeyPath, Mapping[str, Any]]] = [
            ((*env.path, "hyperparameters"), env.block.hyperparameters),
            ((*algo.path, "hyperparameters"), algo.block.hyperparameters),
        ]
        if block is not None:
            layers.append(((*algo.path, "envs", str(env_name), "hyperparameters"), block.hyperparameters))
        values: dict[str, Any] = {}
        for _, layer in layers:
            values = deep_merge(values, layer)
        for _, parts, value in point:
            values = deep_merge(values, nested(parts, value))
        timesteps = [block and block.n_timesteps, algo.block.n_timesteps, env.block.n_timesteps]
        try:
            hyperparameters = algo.agent.resolve(env.protocol.name, algo.block.preset, values)
        except UnknownPreset as error:
            raise self.document.error((*algo.path, "preset"), str(error)) from None
        except ValidationError as error:
            where, message = first_problem(error, algo.agent.hyperparameters)
            origin = _origin(where, layers, point)
            if origin is None:
                message = f"{'.'.join(map(str, where))}: {message}"
            raise self.document.error(origin or algo.path, f"{message} (agent {algo.agent.name})") from None
        run = RunSpec(
            algo=algo.agent.name,
            label=algo.label,
            env_id=env.env_id,
            protocol=env.protocol,
            n_timesteps=next((n for n in timesteps if n), self.spec.n_timesteps),
            hyperparameters=hyperparameters,
            seed=seed,
        )
        self._refuse_duplicate(run, env, algo, point)
        return run

    def _refuse_duplicate(self, run: RunSpec, env: _Env, algo: _Algo, point: list[_Choice]) -> None:
        settings = "".join(f", {'.'.join(parts)}={shown(value)}" for _, parts, value in point)
        path = point[-1][0] if point else algo.path
        source = f"{self.document.where(path)} (algo {algo.label}, env {env.name}{settings})"
        identity = run.identity
        if identity in self._sources:
            other, first = self._sources[identity]
            same = other.model_copy(update={"label": run.label}) == run
            message = (
                "are the same run" if same else "have the same identity by chance; change either a little"
            )
            raise SpecError(f"{source} and {first} {message}; expected every run once")
        self._sources[identity] = (run, source)


def nested(parts: tuple[str, ...], value: Any) -> dict[str, Any]:
    """``("kfac_kwargs", "damping"), 0.1`` as ``{"kfac_kwargs": {"damping": 0.1}}``."""
    for part in reversed(parts):
        value = {part: value}
    result: dict[str, Any] = value
    return result


def _origin(
    where: KeyPath, layers: list[tuple[KeyPath, Mapping[str, Any]]], point: list[_Choice]
) -> KeyPath | None:
    """Where in the document the value at ``where`` was written; the last layer that has it wins."""
    for path, parts, _ in reversed(point):
        if where[: len(parts)] == parts or parts[: len(where)] == where:
            return path
    for length in range(len(where), 0, -1):
        for path, layer in reversed(layers):
            if _holds(layer, where[:length]):
                return (*path, *where)
    return None


def _holds(layer: Any, where: KeyPath) -> bool:
    for part in where:
        if not isinstance(layer, Mapping) or part not in layer:
            return False
        layer = layer[part]
    return True
