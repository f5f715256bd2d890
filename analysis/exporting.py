"""A sweep's results for other programs: rliable, marl-eval, and plain tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.load import Run, Setting
from analysis.run_statistics import LAST_WINDOW, last_score, learning_curve
from analysis.scores import raw_scores
from harness.records import RunRecord

POINTS = 101


class ExportProblem(ValueError):
    """Results that the other format cannot hold; the message is one line."""


def to_rliable(settings: Sequence[Setting]) -> str:
    """rliable's score dictionary as JSON: ``{"tasks": [...], "scores": {agent: [runs][tasks]}}``.

    Scores are raw means of the last 100 episodes. ``numpy.array`` of an agent's list is what rliable takes.

    Raises:
        ExportProblem: no task common to all agents, or an agent with more runs on one task than on another,
            which rliable has no place for.
    """
    found = raw_scores(settings)
    if found is None:
        raise ExportProblem("rliable: no task on which every agent has a finished run")
    scores: dict[str, Any] = {}
    for name, agent in found.by_agent.items():
        if not agent.balanced:
            sizes = ", ".join(f"{task} {size}" for task, size in zip(agent.tasks, agent.sizes, strict=True))
            raise ExportProblem(f"rliable: {name} needs as many finished runs on every task, has {sizes}")
        scores[name] = np.stack([agent.point(0)[rows] for rows in agent.slices()], axis=1).tolist()
    tasks = list(next(iter(found.by_agent.values())).tasks)
    return json.dumps({"tasks": tasks, "scores": scores}, indent=2) + "\n"


def to_marl_eval(settings: Sequence[Setting]) -> str:
    """marl-eval's JSON: environment suite -> task -> agent -> run -> steps and the absolute metric.

    Finished runs, each at 101 evenly spaced timesteps of its learning curve; the suite is the sweep.
    """
    content: dict[str, Any] = {}
    for setting in settings:
        for run in setting.done:
            curve = learning_curve(run)
            final = last_score(run, LAST_WINDOW)
            if not len(curve.timesteps) or final is None:
                continue
            grid = np.linspace(curve.timesteps[0], curve.timesteps[-1], POINTS)
            values = np.interp(grid, curve.timesteps, curve.returns)
            steps: dict[str, Any] = {
                f"step_{number}": {"step_count": round(step), "mean_episode_return": [float(value)]}
                for number, (step, value) in enumerate(zip(grid, values, strict=True))
            }
            steps["absolute_metrics"] = {"mean_episode_return": [final]}
            suite = content.setdefault(setting.sweep, {}).setdefault(setting.env_id, {})
            suite.setdefault(setting.name, {})[f"seed_{run.seed}"] = steps
    if not content:
        raise ExportProblem("marl-eval: no finished run with an episode")
    return json.dumps(content, indent=1) + "\n"


def episodes_csv(settings: Sequence[Setting]) -> str:
    """Every episode of every run, whatever its state, with the run's sweep, agent, environment and seed."""
    return _tidy(settings, lambda run: run.episodes.frame())


def progress_csv(settings: Sequence[Setting]) -> str:
    """The SB3 logger's rows of every run, with the run's sweep, agent, environment and seed."""
    return _tidy(settings, lambda run: RunRecord(run.directory).progress())


def left_out(form: str, settings: Sequence[Setting]) -> tuple[str, ...]:
    """A line per run or task that the format leaves out: rliable and marl-eval take finished runs alone."""
    if form == "rliable":
        found = raw_scores(settings)
        return () if found is None else found.left_out
    return tuple(
        f"{setting.name} on {setting.env_id}, seed {run.seed} ({run.left_out or run.error or run.state})"
        for setting in settings
        for run in setting.runs
        if run.state == "damaged" or (form == "marl-eval" and (not run.done or last_score(run) is None))
    )


def _tidy(settings: Sequence[Setting], frame_of: Callable[[Run], pd.DataFrame]) -> str:
    frames = []
    for setting in settings:
        for run in setting.runs:
            frame = frame_of(run)
            keys: dict[str, str | int] = {
                "sweep": setting.sweep,
                "agent": setting.name,
                "env_id": setting.env_id,
                "seed": run.seed,
                "state": "left out" if run.left_out else run.state,
            }
            for position, (name, value) in enumerate(keys.items()):
                frame.insert(position, name, value)
            frames.append(frame)
    return str(pd.concat(frames).to_csv(index=False, lineterminator="\n"))


FORMATS: dict[str, Callable[[Sequence[Setting]], str]] = {
    "rliable": to_rliable,
    "marl-eval": to_marl_eval,
    "episodes": episodes_csv,
    "progress": progress_csv,
}
