"""Learning curves: smoothing within a seed, a common timestep grid, a band over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
Band = Literal["range", "std"]


@dataclass(frozen=True)
class Curve:
    """One seed's smoothed return.

    Attributes:
        timesteps: ``[points]`` strictly increasing.
        returns: ``[points]`` smoothed episode returns.
    """

    timesteps: FloatArray
    returns: FloatArray


@dataclass(frozen=True)
class MeanCurve:
    """Mean over seeds with a band.

    Attributes:
        timesteps: ``[points]`` grid, within the timesteps for which every seed has data.
        mean: ``[points]`` mean over seeds.
        low, high: ``[points]`` edges of the band; equal to the mean with one seed.
        seeds: how many seeds.
    """

    timesteps: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    seeds: int


def smooth(timesteps: npt.ArrayLike, returns: npt.ArrayLike, window: int = 100) -> Curve:
    """Mean return of the last ``window`` episodes at the end of each episode.

    The first ``window - 1`` points average the episodes there are, as SB3's ``rollout/ep_rew_mean`` does. Of
    episodes that end at the same timestep (parallel environments) the last one's point is kept.

    Args:
        timesteps: ``[episodes]`` total timesteps at the end of each episode, never decreasing.
        returns: ``[episodes]`` raw returns in the same order.
        window: how many episodes to average over.

    Raises:
        ValueError: the two differ in length, or ``timesteps`` decreases.
    """
    ends = np.asarray(timesteps, dtype=np.float64)
    values = np.asarray(returns, dtype=np.float64)
    if ends.shape != values.shape or ends.ndim != 1:
        raise ValueError(f"expected one timestep per return, got shapes {ends.shape} and {values.shape}")
    steps = np.diff(ends)
    if np.any(steps < 0):
        raise ValueError(f"timesteps: decrease after episode {np.flatnonzero(steps < 0)[0] + 1}")
    means = pd.Series(values).rolling(window, min_periods=1).mean().to_numpy(dtype=np.float64)
    last_of_tie = np.append(steps > 0, True) if len(ends) else np.empty(0, dtype=bool)
    return Curve(ends[last_of_tie], means[last_of_tie])


def over_seeds(curves: Sequence[Curve], band: Band = "range", points: int = 400) -> MeanCurve | None:
    """Mean over seeds on a common grid, linear between the episodes of a seed.

    Nothing is extrapolated: the grid begins where the last seed begins and ends where the first one ends, so
    that every point is a mean over all of them.

    Args:
        curves: one per seed.
        band: ``"range"`` for lowest to highest seed, ``"std"`` for one sample standard deviation either side.
        points: size of the grid.

    Returns:
        None without seeds, or where a seed has no data or no timestep in common with the others.
    """
    if not curves or any(len(curve.timesteps) == 0 for curve in curves):
        return None
    start = max(curve.timesteps[0] for curve in curves)
    end = min(curve.timesteps[-1] for curve in curves)
    if start > end:
        return None
    grid = np.linspace(start, end, points)
    on_grid = np.stack([np.interp(grid, curve.timesteps, curve.returns) for curve in curves])
    mean = on_grid.mean(axis=0)
    if band == "std":
        half = on_grid.std(axis=0, ddof=1) if len(curves) > 1 else np.zeros_like(mean)
        low, high = mean - half, mean + half
    else:
        low, high = on_grid.min(axis=0), on_grid.max(axis=0)
    return MeanCurve(grid, mean, low, high, len(curves))
