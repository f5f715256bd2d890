"""From sweeps on disk to settings with their runs.

Unfinished, failed, empty, damaged and doubtful runs stay visible as such, each with what it is left out of.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.episodes import Episodes
from analysis.episodes_cache import read_episodes
from analysis.settings import IMPORTED, Variant, differences
from analysis.statistics.curves import Curve
from harness.records import RecordError, RunRecord, find_runs

TIMESTEPS, MEAN_RETURN = "time/total_timesteps", "rollout/ep_rew_mean"


class SweepError(ValueError):
    """A sweep that was asked for does not exist or holds no run; the message is one line."""


@dataclass(frozen=True)
class Run:
    """One run as read.

    Attributes:
        directory: the run directory.
        seed: its seed.
        state: ``pending``, ``running``, ``done``, ``failed``, ``preempted``, or ``damaged`` where a file of
            it cannot be read.
        timesteps: timesteps trained so far.
        n_timesteps: timesteps asked for.
        steps_per_second: training throughput, None where not yet measured.
        error: what a failed run reported, or which file is damaged and how.
        code: digest of the agent's code, None where it was not recorded.
        batch_size: timesteps per update (n_envs * n_steps), None where the agent has no such numbers.
        n_envs: parallel environments, None where that is not among its hyper-parameters.
        left_out: why no number may use this run although it was read, "" for a run like any other.
        episodes: in completion order.
        curve: what was logged of a run that has no episodes (imported curves), None elsewhere.
    """

    directory: Path
    seed: int
    state: str
    timesteps: int
    n_timesteps: int
    steps_per_second: float | None
    error: str | None
    code: str | None
    batch_size: int | None = None
    n_envs: int | None = None
    left_out: str = ""
    episodes: Episodes = field(default_factory=Episodes.none, repr=False, compare=False)
    curve: Curve | None = field(default=None, repr=False, compare=False)

    @property
    def done(self) -> bool:
        """Whether the run trained all its timesteps and nothing speaks against it."""
        return self.state == "done" and not self.left_out

    @property
    def usable(self) -> bool:
        """Whether its episodes say something, finished or not."""
        return not self.left_out and self.state != "damaged"


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
        hyperparameters, protocol: of the RunSpec.
        runs: every run found, whatever its state.
    """

    sweep: str
    env_id: str
    algo: str
    agent: str
    identity: str
    differs: str
    n_timesteps: int
    hyperparameters: dict[str, Any] = field(repr=False, compare=False)
    protocol: dict[str, Any] = field(repr=False, compare=False)
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """Agent and what differs, the same on every environment."""
        return f"{self.agent} ({self.differs})" if self.differs else self.agent

    @property
    def done(self) -> list[Run]:
        """The finished runs, the only ones that statistics are taken over."""
        return [run for run in self.runs if run.done]


@dataclass(frozen=True)
class Loaded:
    """What the sweeps hold.

    Attributes:
        settings: sorted by environment, agent and hyper-parameters.
        unreadable: one line per run directory that could not even be told to belong to a setting.
    """

    settings: tuple[Setting, ...]
    unreadable: tuple[str, ...] = ()


def load_sweeps(runs_dir: Path, sweeps: Sequence[str]) -> Loaded:
    """Read every run of the sweeps, grouped and sorted by environment, agent and hyper-parameters.

    A damaged file never ends the reading: its run is carried as ``damaged``, with the error.

    Args:
        runs_dir: the directory that holds one directory per sweep.
        sweeps: sweep names, or paths of sweep directories.

    Raises:
        SweepError: no sweep was named, two have one name, or one does not exist, holds no run or none that
            can be read.
    """
    if not sweeps:
        raise SweepError("expected the name of at least one sweep")
    groups: dict[_Key, list[_Member]] = defaultdict(list)
    unreadable = []
    for directory in _directories(runs_dir, sweeps):
        records = find_runs(directory)
        if not records:
            raise SweepError(f"{directory}: sweep without runs")
        for record, episodes in zip(records, read_episodes(directory, records), strict=True):
            try:
                spec = _spec_of(record)
                variant = Variant(
                    sweep=directory.name,
                    agent=spec["label"],
                    env_id=spec["env_id"],
                    identity=record.directory.parent.name,
                    spec=spec,
                )
                run = _read_run(record, spec, episodes)
            except RecordError as error:
                unreadable.append(str(error))
                continue
            except (KeyError, TypeError, ValueError) as error:
                unreadable.append(f"{record.run_file}: key 'spec' is no RunSpec ({error})")
                continue
            key = (variant.sweep, variant.agent, variant.env_id, variant.identity)
            groups[key].append((run, variant))
    if not groups:
        raise SweepError(f"{', '.join(sweeps)}: no run of it can be read: {unreadable[0]}")
    variants = [_usual_variant(members) for members in groups.values()]
    settings = [
        Setting(
            sweep=variant.sweep,
            env_id=variant.env_id,
            algo=variant.spec["algo"],
            agent=variant.agent,
            identity=variant.identity,
            differs=text,
            n_timesteps=int(variant.spec["n_timesteps"]),
            hyperparameters=variant.spec.get("hyperparameters", {}),
            protocol=variant.spec.get("protocol", {}),
            runs=_checked_against_each_other(members),
        )
        for members, variant, text in zip(groups.values(), variants, differences(variants), strict=True)
    ]
    settings.sort(key=lambda s: (s.env_id, s.agent, s.differs, s.sweep, s.identity))
    return Loaded(tuple(settings), tuple(unreadable))


_Key = tuple[str, str, str, str]
_Member = tuple[Run, Variant]


def _checked_against_each_other(members: Sequence[_Member]) -> tuple[Run, ...]:
    """By seed; runs that do not belong into one cell with the others are marked as left out.

    What most runs of the cell say is taken as right. A repeated seed counts once, by the first directory: the
    second is the same random numbers again, not another sample.
    """
    usual = _usual_texts(members)
    first: dict[int, Run] = {}
    checked = []
    for run, variant in sorted(members, key=lambda member: (member[0].seed, str(member[0].directory))):
        differing = _differing(variant, usual)
        if differing:
            reason = f"its {' and '.join(differing)} is not that of the other runs of this cell"
            run = replace(run, left_out=reason)
        elif run.seed in first:
            there = first[run.seed].directory
            reason = f"{run.directory}: seed {run.seed} is already there, in {there.name}"
            run = replace(run, left_out=reason)
        else:
            first[run.seed] = run
        checked.append(run)
    return tuple(checked)


def _usual_variant(members: Sequence[_Member]) -> Variant:
    usual = _usual_texts(members)
    alike = (variant for _, variant in members if not _differing(variant, usual))
    return next(alike, members[0][1])


def _usual_texts(members: Sequence[_Member]) -> dict[str, str]:
    return {
        key: Counter(_text(variant.spec.get(key)) for _, variant in members).most_common(1)[0][0]
        for key in ("protocol", "n_timesteps", "hyperparameters")
    }


def _differing(variant: Variant, usual: dict[str, str]) -> list[str]:
    return [key for key, text in usual.items() if _text(variant.spec.get(key)) != text]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


_KINDS: dict[str, type] = {
    "label": str,
    "algo": str,
    "env_id": str,
    "hyperparameters": dict,
    "protocol": dict,
}


def _spec_of(record: RunRecord) -> dict[str, Any]:
    spec = record.spec
    for key, kind in _KINDS.items():
        if not isinstance(spec.get(key, kind()), kind):
            raise ValueError(f"{key} is {spec[key]!r}")
    return spec


def _status_of(record: RunRecord) -> dict[str, Any]:
    status = record.status()
    rate, error = status.get("steps_per_second"), status.get("error")
    for key, known in (
        ("timesteps", isinstance(status.get("timesteps", 0), int)),
        ("steps_per_second", rate is None or (isinstance(rate, int | float) and 0.0 <= rate < np.inf)),
        ("error", error is None or isinstance(error, str)),
    ):
        if not known:
            raise RecordError(f"{record.status_file}: {key} is {status[key]!r}")
    return status


def _read_run(record: RunRecord, spec: dict[str, Any], episodes: Episodes | RecordError) -> Run:
    status: dict[str, Any] = {"state": "damaged"}
    try:
        if isinstance(episodes, RecordError):
            raise episodes
        status = _status_of(record)
    except RecordError as error:
        status["error"] = str(error)
    if isinstance(episodes, RecordError):
        episodes = Episodes.none()
    curve = None
    if status["state"] == "done" and not len(episodes):
        try:
            curve = _curve_without_episodes(record, spec)
        except RecordError as error:
            status = {**status, "state": "damaged", "error": str(error)}
    n_envs, n_steps = (spec.get("hyperparameters", {}).get(name) for name in ("n_envs", "n_steps"))
    return Run(
        directory=record.directory,
        seed=int(spec["seed"]),
        state=str(status["state"]),
        timesteps=int(status.get("timesteps", 0)),
        n_timesteps=int(spec["n_timesteps"]),
        steps_per_second=status.get("steps_per_second"),
        error=status.get("error"),
        code=record.provenance.get("agent_digest"),
        batch_size=n_envs * n_steps if isinstance(n_envs, int) and isinstance(n_steps, int) else None,
        n_envs=n_envs if isinstance(n_envs, int) else None,
        episodes=episodes,
        curve=curve,
    )


def _curve_without_episodes(record: RunRecord, spec: dict[str, Any]) -> Curve | None:
    """What stands for the episodes of a finished run that has none: of an imported one, its logged curve."""
    if spec.get("protocol", {}).get("name") == IMPORTED:
        return _logged_curve(record)
    if not record.episodes_file.exists():
        raise RecordError(f"{record.episodes_file}: no such file, expected the episodes of a finished run")
    return None


def _logged_curve(record: RunRecord) -> Curve | None:
    """SB3's logged mean returns; raises RecordError where they are no curve."""
    progress = record.progress()
    if not {TIMESTEPS, MEAN_RETURN} <= set(progress.columns):
        return None
    known = progress[[TIMESTEPS, MEAN_RETURN]].dropna()
    timesteps, returns = (known[column].to_numpy(dtype=float) for column in (TIMESTEPS, MEAN_RETURN))
    if not len(known):
        return None
    if not np.all(np.isfinite(known.to_numpy(dtype=float))) or np.any(np.diff(timesteps) <= 0):
        raise RecordError(f"{record.progress_file}: expected finite returns at rising timesteps")
    return Curve(timesteps, returns)


def _directories(runs_dir: Path, sweeps: Sequence[str]) -> list[Path]:
    """Each once, however it is written; their names tell the sweeps apart everywhere else."""
    found: dict[Path, Path] = {}
    for directory in (sweep_directory(runs_dir, sweep) for sweep in sweeps):
        found.setdefault(directory.resolve(), directory)
    by_name: dict[str, Path] = {}
    for directory in found.values():
        if by_name.setdefault(directory.name, directory) != directory:
            other = by_name[directory.name]
            raise SweepError(f"{directory}: has the name of {other}, expected sweeps of different names")
    return list(found.values())


def sweep_directory(runs_dir: Path, sweep: str) -> Path:
    """The directory of a sweep, given by name or path; raises :class:`SweepError` where there is none."""
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
