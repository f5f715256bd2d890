"""Hyper-parameter grids: which setting to choose, what the choice is worth, and at what tuning budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.statistics.seeds import expected_best_of

Cells = Mapping[str, Mapping[str, Mapping[int, float]]]
"""Setting -> environment -> seed -> score."""


def grid_scores(cells: Cells) -> dict[str, float]:
    """One number per setting: mean over environments of its mean score there, scaled to the grid.

    On each environment 0 is the worst setting's mean over seeds and 1 the best one's (0.5 for all where they
    are equal), so that no environment counts more for having larger returns.

    Raises:
        ValueError: no setting, or one that lacks an environment that another has.
    """
    means = {
        name: {env_id: float(np.mean(list(seeds.values()))) for env_id, seeds in envs.items() if seeds}
        for name, envs in cells.items()
    }
    if not means:
        raise ValueError("cells: expected at least one setting")
    env_ids = set().union(*means.values())
    for name, found in means.items():
        if set(found) != env_ids or not env_ids:
            lacking = ", ".join(sorted(env_ids - set(found))) or "any environment"
            raise ValueError(f"cells: setting {name} has no score on {lacking}")
    result = dict.fromkeys(means, 0.0)
    for env_id in env_ids:
        low = min(found[env_id] for found in means.values())
        high = max(found[env_id] for found in means.values())
        for name, found in means.items():
            scaled = (found[env_id] - low) / (high - low) if high > low else 0.5
            result[name] += scaled / len(env_ids)
    return result


def chosen_setting(cells: Cells) -> str:
    """The rule: the highest of :func:`grid_scores`; of equal ones the first."""
    scores = grid_scores(cells)
    return max(scores, key=lambda name: scores[name])


def held_out_means(cells: Cells) -> dict[str, float] | None:
    """What choosing is worth: per environment, the mean score on seeds that took no part in the choice.

    Each seed is held out in turn, the setting chosen by the others, and its score on the held-out seed taken.
    The mean of the chosen setting over the seeds it was chosen by is too high, the more so the larger the
    grid. None with fewer than two seeds that every setting has on every environment.
    """
    seeds = set.intersection(*(set(scores) for envs in cells.values() for scores in envs.values()))
    if len(seeds) < 2:
        return None
    held: dict[str, list[float]] = {}
    for seed in sorted(seeds):
        others = {
            name: {
                env_id: {s: score for s, score in scores.items() if s in seeds and s != seed}
                for env_id, scores in envs.items()
            }
            for name, envs in cells.items()
        }
        for env_id, scores in cells[chosen_setting(others)].items():
            held.setdefault(env_id, []).append(scores[seed])
    return {env_id: float(np.mean(scores)) for env_id, scores in held.items()}


def expected_after_tuning(means: Sequence[float], tried: int) -> float | None:
    """Expected score of the best of ``tried`` settings drawn from the grid (Dodge et al., 2019, EMNLP).

    Agents whose grids differ in size are compared at the same number of settings tried; the best of a large
    grid against a baseline with one setting compares tuning budgets. None where the grid has fewer settings.
    """
    return expected_best_of(means, 1, tried)
