"""Grids of hyper-parameters: sensitivity, the chosen setting, and agents at the same tuning budget."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.formats import EMPTY, ratio_text, returns_text, short_env_id
from analysis.load import Setting
from analysis.run_statistics import LAST_WINDOW, last_score
from analysis.settings import IMPORTED
from analysis.statistics.grids import (
    Cells,
    chosen_setting,
    expected_after_tuning,
    grid_scores,
    held_out_means,
)
from analysis.statistics.seeds import spread
from analysis.tables import Column, Entry, Scalar, Table


@dataclass(frozen=True)
class Grid:
    """The settings of one agent that differ in one or two hyper-parameters.

    Attributes:
        agent: its label.
        axes: names of the hyper-parameters, dotted where they are an option's own, in alphabetical order.
        points: setting's name -> value per axis, in the order of the values; a schedule or a list as text.
        cells: setting's name -> environment -> seed -> mean return of the last 100 episodes.
    """

    agent: str
    axes: tuple[str, ...]
    points: dict[str, tuple[Scalar, ...]]
    cells: Cells


def find_grids(settings: Sequence[Setting]) -> list[Grid]:
    """Grids among the settings: at least two finished settings of a label, each on the same environments.

    A label whose settings differ in more than two hyper-parameters has no map, and none is made; nor where
    they differ in protocol or budget as well, to which a difference may be due.
    """
    by_agent: dict[str, dict[str, list[Setting]]] = defaultdict(lambda: defaultdict(list))
    for setting in settings:
        by_agent[setting.agent][setting.name].append(setting)
    grids = []
    for agent, by_name in by_agent.items():
        axes = _axes(by_name)
        if not 1 <= len(axes) <= 2 or not _tuned([s for members in by_name.values() for s in members]):
            continue
        cells = {name: {s.env_id: _scores(s) for s in members} for name, members in by_name.items()}
        env_ids = {env_id for envs in cells.values() for env_id, scores in envs.items() if scores}
        whole = [name for name, envs in cells.items() if all(envs.get(env_id) for env_id in env_ids)]
        values = {name: _flat(by_name[name][0].hyperparameters) for name in whole}
        points = {name: tuple(found.get(axis) for axis in axes) for name, found in values.items()}
        if len(whole) < 2 or len(set(map(json.dumps, points.values()))) < len(whole):
            continue
        order = sorted(whole, key=lambda name: [_sort_key(value) for value in points[name]])
        grids.append(
            Grid(
                agent,
                axes,
                {name: tuple(map(_scalar, points[name])) for name in order},
                {name: {env_id: cells[name][env_id] for env_id in sorted(env_ids)} for name in order},
            )
        )
    return grids


def grid_table(grid: Grid) -> Table:
    """Every setting of a grid on every environment, with the chosen one marked."""
    scores, chosen = grid_scores(grid.cells), chosen_setting(grid.cells)
    held = held_out_means(grid.cells)
    rows = []
    for name, envs in grid.cells.items():
        for env_id, seeds in envs.items():
            found = spread(list(seeds.values()))
            assert found.mean is not None
            error = None if found.std is None else found.std / found.seeds**0.5
            text = returns_text(found.mean) + ("" if error is None else f" ± {returns_text(error)}")
            rows.append(
                (
                    Entry(short_env_id(env_id), {"env_id": env_id}),
                    *(
                        Entry(value_text(value), {axis: value})
                        for axis, value in zip(grid.axes, grid.points[name], strict=True)
                    ),
                    Entry(str(found.seeds), {"seeds": found.seeds}),
                    Entry(text, {"mean": found.mean, "standard_error": error}),
                    Entry(ratio_text(scores[name]), {"grid_score": scores[name]}),
                    Entry("chosen" if name == chosen else "", {"chosen": name == chosen}),
                )
            )
    rows.sort(key=lambda row: str(row[0].values["env_id"]))
    notes = [
        f"Mean return of the last {LAST_WINDOW} training episodes ± standard error over seeds. Score: mean "
        "over environments of the setting's mean, 0 being the grid's worst and 1 its best there; the highest "
        "is chosen, of equal ones the first.",
        "No held-out value: it takes two seeds that every setting has."
        if held is None
        else "Chosen without the seed it is scored on, each seed in turn: "
        + ", ".join(f"{short_env_id(env_id)} {returns_text(mean)}" for env_id, mean in held.items())
        + ". The chosen row's own mean is the highest of several and so too high.",
    ]
    return Table(
        title=f"Sensitivity of {grid.agent} to {' and '.join(grid.axes)}",
        columns=(
            Column("Environment", "left"),
            *(Column(axis) for axis in grid.axes),
            Column("Seeds"),
            Column(f"Last {LAST_WINDOW}"),
            Column("Score"),
            Column("", "left"),
        ),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def tuning_table(settings: Sequence[Setting]) -> Table | None:
    """Agents at the same number of settings tried.

    None where every agent has one setting per environment. Left out are imported runs, of unknown settings,
    and agents whose settings are told apart by what is no tuning: the same in two sweeps, two budgets.
    """
    settings = [setting for setting in settings if setting.protocol.get("name") != IMPORTED]
    agents = {setting.agent for setting in settings}
    untuned = {name for name in agents if not _tuned([s for s in settings if s.agent == name])}
    settings = [setting for setting in settings if setting.agent not in untuned]
    means: dict[tuple[str, str], list[float]] = defaultdict(list)
    for setting in settings:
        mean = spread(list(_scores(setting).values())).mean
        if mean is not None:
            means[setting.env_id, setting.agent].append(mean)
    if all(len(found) == 1 for found in means.values()):
        return None
    budgets = sorted(
        {1, *(min(len(f) for (e, _), f in means.items() if e == env_id) for env_id, _ in means)}
        | {max(map(len, means.values()))}
    )
    rows = []
    for (env_id, agent), found in sorted(means.items()):
        expected = [expected_after_tuning(found, budget) for budget in budgets]
        rows.append(
            (
                Entry(short_env_id(env_id), {"env_id": env_id}),
                Entry(agent, {"agent": agent}),
                Entry(str(len(found)), {"settings": len(found)}),
                *(
                    Entry(EMPTY if value is None else returns_text(value), {f"best_of_{budget}": value})
                    for budget, value in zip(budgets, expected, strict=True)
                ),
            )
        )
    return Table(
        title="The same tuning budget",
        columns=(
            Column("Environment", "left"),
            Column("Agent", "left"),
            Column("Settings"),
            *(Column(f"Best of {budget}") for budget in budgets),
        ),
        rows=tuple(rows),
        notes=(
            f"Expected mean return of the last {LAST_WINDOW} training episodes of the best of so many "
            "settings, drawn at random from those that were run. Agents compare fairly within a column.",
            *(
                f"Left out: {name}, whose settings differ in sweep, protocol or budget, not by tuning alone."
                for name in sorted(untuned)
            ),
        ),
    )


def _tuned(settings: Sequence[Setting]) -> bool:
    """Whether the settings of an agent on one environment differ in hyper-parameters and in nothing else."""
    members: dict[tuple[str, str], list[Setting]] = defaultdict(list)
    for setting in settings:
        members[setting.env_id, setting.agent].append(setting)
    for same in members.values():
        hyperparameters = {json.dumps(s.hyperparameters, sort_keys=True) for s in same}
        others = {json.dumps([s.protocol, s.n_timesteps], sort_keys=True) for s in same}
        if len(hyperparameters) < len(same) or len(others) > 1:
            return False
    return True


def _axes(by_name: dict[str, list[Setting]]) -> tuple[str, ...]:
    """Hyper-parameters that differ between settings on the same environment."""
    by_env: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for members in by_name.values():
        for setting in members:
            by_env[setting.env_id].append(_flat(setting.hyperparameters))
    keys = {
        key
        for found in by_env.values()
        for key in set().union(*found)
        if len({json.dumps(values.get(key), sort_keys=True) for values in found}) > 1
    }
    return tuple(sorted(keys))


def _scores(setting: Setting) -> dict[int, float]:
    scores = {run.seed: last_score(run) for run in setting.done}
    return {seed: score for seed, score in scores.items() if score is not None}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value; a schedule such as ``{"linear": [0.7, 0.0]}`` is one value."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and not _is_schedule(value):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _is_schedule(value: Any) -> bool:
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    ((shape, ends),) = value.items()
    numbers = isinstance(ends, list) and all(isinstance(end, int | float) for end in ends)
    return shape in ("linear", "quadratic") and numbers and len(ends) == 2


def _sort_key(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, a schedule by where it begins, anything else by its text."""
    first = next(iter(value.values()))[0] if _is_schedule(value) else value
    number = isinstance(first, int | float) and not isinstance(first, bool)
    return (not number, float(first) if number else 0.0, str(value))


def _scalar(value: Any) -> Scalar:
    if value is None or isinstance(value, str | int | float):
        return value
    if _is_schedule(value) and value.get("linear", [0, 1])[1] == 0:
        return f"lin_{value['linear'][0]:g}"
    return json.dumps(value)


def value_text(value: Scalar) -> str:
    """A value of :attr:`Grid.points` as it is printed: ``0.3``, ``lin_0.7``, ``true``."""
    return (
        f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)
    )
