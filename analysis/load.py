"""From sweeps on disk to settings with their runs; unfinished, failed and empty runs stay visible as such."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.settings import Variant, differences
from harness.records import RunRecord, find_runs


class SweepError(ValueError):
    """A sweep that was asked for does not exist or holds no run; the message is one line."""


@dataclass(frozen=True)
class Run:
    """One run as read.

    Attributes:
        directory: the run directory.
        seed: its seed.
        state: ``pending``, ``running``, ``done``, ``failed`` or ``interrupted``.
        timesteps: timesteps trained so far.
        n_timesteps: timesteps asked for.
        steps_per_second: training throughput, None where not yet measured.
        error: what a failed run reported.
        code: digest of the agent's code, None where it was not recorded.
        episodes: columns of ``episodes.csv``, in completion order.
    """

    directory: Path
    seed: int
    state: str
    timesteps: int
    n_timesteps: int
    steps_per_second: float | None
    error: str | None
    code: str | None
    episodes: pd.DataFrame = field(repr=False, compare=False)

    @property
    def done(self) -> bool:
        """Whether the run trained all its timesteps."""
        return self.state == "done"


@dataclass(frozen=True)
class Setting:
    """One agent with one set of hyper-parameters on one environment, and its runs, by seed.

    Attributes:
        sweep: name of the sweep's directory.
        env_id, algo: as in the RunSpec.
        agent: the RunSpec's label, the algo's name unless the sweep holds variants of it.
        identity: hash of the resolved setting without the seed.
        differs: hyper-parameters that tell it from other settings of the same agent, "" without others.
        n_timesteps: timesteps asked for per run.
        runs: every run found, whatever its state.
    """

    sweep: str
    env_id: str
    algo: str
    agent: str
    identity: str
    differs: str
    n_timesteps: int
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """Agent and what differs, the same on every environment."""
        return f"{self.agent} ({self.differs})" if self.differs else self.agent

    @property
    def done(self) -> list[Run]:
        """The finished runs, the only ones that statistics are taken over."""
        return [run for run in self.runs if run.done]


def load_sweeps(runs_dir: Path, sweeps: Sequence[str]) -> list[Setting]:
    """Read every run of the sweeps, grouped and sorted by environment, agent and hyper-parameters.

    Args:
        runs_dir: the directory that holds one directory per sweep.
        sweeps: sweep names, or paths of sweep directories.

    Raises:
        SweepError: no sweep was named, or one does not exist or holds no run.
        harness.records.RecordError: a file of a run is damaged; the message names it.
    """
    if not sweeps:
        raise SweepError("expected the name of at least one sweep")
    groups: dict[tuple[str, str, str, str], list[Run]] = defaultdict(list)
    variants: dict[tuple[str, str, str, str], Variant] = {}
    for directory in dict.fromkeys(_sweep_directory(runs_dir, sweep) for sweep in sweeps):
        records = find_runs(directory)
        if not records:
            raise SweepError(f"{directory}: sweep without runs")
        for record in records:
            spec = record.spec
            variant = Variant(
                sweep=directory.name,
                agent=spec["label"],
                env_id=spec["env_id"],
                identity=record.directory.parent.name,
                spec=spec,
            )
            key = (variant.sweep, variant.agent, variant.env_id, variant.identity)
            variants.setdefault(key, variant)
            groups[key].append(_read_run(record, spec))
    settings = [
        Setting(
            sweep=variant.sweep,
            env_id=variant.env_id,
            algo=variant.spec["algo"],
            agent=variant.agent,
            identity=variant.identity,
            differs=text,
            n_timesteps=int(variant.spec["n_timesteps"]),
            runs=tuple(sorted(groups[key], key=lambda run: run.seed)),
        )
        for (key, variant), text in zip(variants.items(), differences(list(variants.values())), strict=True)
    ]
    return sorted(settings, key=lambda s: (s.env_id, s.agent, s.differs, s.sweep, s.identity))


def _read_run(record: RunRecord, spec: dict[str, Any]) -> Run:
    status = record.status()
    return Run(
        directory=record.directory,
        seed=int(spec["seed"]),
        state=str(status["state"]),
        timesteps=int(status.get("timesteps", 0)),
        n_timesteps=int(spec["n_timesteps"]),
        steps_per_second=status.get("steps_per_second"),
        error=status.get("error"),
        code=record.provenance.get("agent_digest"),
        episodes=record.episodes(),
    )


def _sweep_directory(runs_dir: Path, sweep: str) -> Path:
    if not sweep:
        raise SweepError("expected the name of a sweep, got an empty one")
    for directory in (runs_dir / sweep, Path(sweep)):
        if directory.is_dir() and directory.resolve() != runs_dir.resolve():
            return directory
        if "/" not in sweep:
            break
    if not runs_dir.is_dir():
        raise SweepError(f"{runs_dir}: no such directory, expected the directory that holds the sweeps")
    names = sorted(path.name for path in runs_dir.iterdir() if path.is_dir())
    if not names:
        raise SweepError(f"{runs_dir}: holds no sweep, so none named {sweep!r}")
    nearest = difflib.get_close_matches(sweep, names, n=1, cutoff=0.0)[0]
    raise SweepError(f"{runs_dir}: no sweep {sweep!r}, the nearest is {nearest!r}")
