"""Scores of finished runs by agent and task, raw or human-normalised, for aggregates and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from analysis.formats import short_env_id
from analysis.load import Run, Setting
from analysis.run_statistics import last_score, learning_curve
from analysis.statistics.aggregates import common_scores
from analysis.statistics.resampling import RunScores
from harness.envs.reference import HumanReference, human_level, human_normalized, reference_label

MAX_PAIRED_AGENTS = 6
_HUMAN_TABLES: tuple[HumanReference, ...] = ("mnih2015", "wang2016")

Score = Callable[[Run], npt.NDArray[np.float64] | float | None]


@dataclass(frozen=True)
class AgentScores:
    """Scores of several agents on the same tasks.

    Attributes:
        by_agent: agent's name -> scores, all with the same tasks (environment ids).
        unit: what a score is, with the reference's name and version.
        left_out: one sentence per run or task that is in no score.
    """

    by_agent: Mapping[str, RunScores]
    unit: str
    left_out: tuple[str, ...] = ()


def raw_scores(settings: Sequence[Setting]) -> AgentScores | None:
    """Mean return of the last 100 episodes of finished runs; None without a task common to all agents."""
    return _scores(settings, last_score, "mean return of the last 100 episodes")


def human_normalised_scores(settings: Sequence[Setting]) -> AgentScores | None:
    """Scores with 0 for random play and 1 for the human, all from one human table.

    The table is the first of mnih2015 and wang2016 that has every Atari game among the settings; games are
    never taken from both. Environments without a human level are left out, and named. None where nothing is
    left.
    """
    reference = _human_table(settings)
    if reference is None:
        return None
    known, left_out = _split(settings, reference)
    found = _scores(known, last_score, "")
    return None if found is None else _normalised(found, reference, left_out)


def human_normalised_curves(
    settings: Sequence[Setting], points: int = 100
) -> tuple[npt.NDArray[np.float64], AgentScores] | None:
    """Human-normalised learning curves of finished runs on one grid of timesteps.

    The grid lies within the timesteps for which every run has episodes; a run's value is its mean return of
    the last 100 episodes there. None where nothing can be normalised or the runs share no timesteps.

    Returns:
        ``[points]`` timesteps, and scores with ``[runs, points]`` values.
    """
    reference = _human_table(settings)
    if reference is None:
        return None
    known, left_out = _split(settings, reference)
    curves = {
        id(run): curve
        for setting in known
        for run in setting.done
        if len((curve := learning_curve(run)).timesteps)
    }
    if not curves:
        return None
    start = max(float(curve.timesteps[0]) for curve in curves.values())
    end = min(float(curve.timesteps[-1]) for curve in curves.values())
    if start >= end:
        return None
    grid = np.linspace(start, end, points)

    def on_grid(run: Run) -> npt.NDArray[np.float64] | None:
        curve = curves.get(id(run))
        return None if curve is None else np.interp(grid, curve.timesteps, curve.returns)

    found = _scores(known, on_grid, "")
    return None if found is None else (grid, _normalised(found, reference, left_out))


def pairs_of(names: Sequence[str], baseline: str | None = None) -> list[tuple[str, str]]:
    """Which agents to compare: every pair in order, or each with the baseline as the second.

    Empty where more than six agents would make every pair too many and there is no baseline.
    """
    ordered = sorted(set(names))
    if baseline is not None:
        return [(name, baseline) for name in ordered if name != baseline]
    return list(combinations(ordered, 2)) if len(ordered) <= MAX_PAIRED_AGENTS else []


def _scores(settings: Sequence[Setting], score: Score, unit: str) -> AgentScores | None:
    by_agent: dict[str, dict[str, npt.ArrayLike]] = {}
    left_out = []
    for setting in settings:
        values, missing = [], []
        for run in setting.runs:
            value = score(run) if run.done else None
            if value is None:
                reason = "no finished episode" if run.done else run.left_out or run.state
                missing.append(f"{run.seed} ({reason})")
            else:
                values.append(value)
        if missing:
            place = f"{setting.name} on {short_env_id(setting.env_id)}"
            left_out.append(f"{place}, seed {', '.join(missing)}")
        if values:
            by_agent.setdefault(setting.name, {})[setting.env_id] = np.array(values)
    scores = common_scores(by_agent) if by_agent else {}
    if not scores:
        return None
    common = set(next(iter(scores.values())).tasks)
    for task in sorted({setting.env_id for setting in settings} - common):
        lacking = sorted(name for name, tasks in by_agent.items() if task not in tasks)
        left_out.append(f"{short_env_id(task)}: no finished run of {', '.join(lacking)}")
    return AgentScores(scores, unit, tuple(left_out))


def _human_table(settings: Sequence[Setting]) -> HumanReference | None:
    env_ids = {setting.env_id for setting in settings}
    games = {e for e in env_ids if any(human_level(e, table) is not None for table in _HUMAN_TABLES)}
    for table in _HUMAN_TABLES:
        if games and all(human_level(game, table) is not None for game in games):
            return table
    return None


def _split(settings: Sequence[Setting], reference: HumanReference) -> tuple[list[Setting], tuple[str, ...]]:
    known = [setting for setting in settings if human_level(setting.env_id, reference) is not None]
    unknown = sorted({setting.env_id for setting in settings} - {setting.env_id for setting in known})
    return known, tuple(f"{short_env_id(env_id)}: no human level in {reference}" for env_id in unknown)


def _normalised(found: AgentScores, reference: HumanReference, left_out: tuple[str, ...]) -> AgentScores:
    by_agent = {}
    for name, scores in found.by_agent.items():
        tasks = {}
        for task, rows in zip(scores.tasks, scores.slices(), strict=True):
            zero, one = (human_normalized(score, task, reference) for score in (0.0, 1.0))
            assert zero is not None
            assert one is not None
            tasks[task] = zero + scores.values[rows] * (one - zero)
        by_agent[name] = RunScores.of(tasks)
    unit = f"human-normalised by {reference_label(reference)}: 0 is random play, 1 the human"
    return AgentScores(by_agent, unit, left_out + found.left_out)
