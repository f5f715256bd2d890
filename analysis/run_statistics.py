"""Statistics of one run, from its episodes or, where it has none (imported curves), from its logged curve."""

from __future__ import annotations

import numpy as np

from analysis.load import Run
from analysis.reference import Reference
from analysis.statistics.curves import Curve, smooth
from analysis.statistics.episodes import first_episode_reaching, last_mean

LAST_WINDOW = 100


def last_score(run: Run, window: int = LAST_WINDOW) -> float | None:
    """Mean return of the last ``window`` episodes; of a run known by its curve alone, the curve's end.

    None without episodes and without a curve.
    """
    if len(run.episodes) or run.curve is None:
        return last_mean(run.episodes.returns, window)
    return float(run.curve.returns[-1])


def learning_curve(run: Run, window: int = LAST_WINDOW) -> Curve:
    """Return against timesteps: smoothed over ``window`` episodes, or the logged curve as it is."""
    if len(run.episodes) or run.curve is None:
        return smooth(run.episodes.timesteps, run.episodes.returns, window)
    return run.curve


def crossing(run: Run, reference: Reference) -> tuple[int | None, int] | None:
    """``(episode N, timestep)`` at which the run reached the level, None where it did not.

    A logged curve has timesteps alone: its first point at the level, and None for N.
    """
    if len(run.episodes) or run.curve is None:
        found = first_episode_reaching(run.episodes.returns, reference.value, reference.window)
        return None if found is None else (found.episode, found.timestep(run.episodes.timesteps))
    reached = np.flatnonzero(run.curve.returns >= reference.value)
    return (None, int(run.curve.timesteps[reached[0]])) if len(reached) else None


def mean_height(run: Run, window: int = LAST_WINDOW) -> float | None:
    """Area under the learning curve by the budget: the mean return over all timesteps of the run.

    Before the first episode's end the curve has its first value, after the last one's its last. None without
    episodes and without a curve.
    """
    curve = learning_curve(run, window)
    if not len(curve.timesteps):
        return None
    timesteps = np.concatenate([[0.0], curve.timesteps, [max(run.n_timesteps, curve.timesteps[-1])]])
    returns = np.concatenate([curve.returns[:1], curve.returns, curve.returns[-1:]])
    return float(np.trapezoid(returns, timesteps) / timesteps[-1])
