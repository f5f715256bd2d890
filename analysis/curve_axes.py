"""What a learning curve is drawn against: timesteps, updates, episodes or hours."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.load import Run
from analysis.run_statistics import learning_curve
from analysis.statistics.curves import Curve

Axis = Literal["timesteps", "updates", "episodes", "hours"]
AXIS_LABELS: dict[Axis, str] = {
    "timesteps": "timesteps",
    "updates": "updates (timesteps / batch size)",
    "episodes": "episodes",
    "hours": "hours of training",
}


def curve_along(run: Run, axis: Axis, window: int = 100, until: float = np.inf) -> Curve:
    """A run's smoothed return against ``axis``.

    Args:
        run: any run; one known by its logged curve alone has no episodes and no hours.
        axis: ``episodes`` counts those finished so far over all parallel environments, ``hours`` are of
            training, ``updates`` are rollouts (timesteps over the batch size).
        window: episodes to smooth over.
        until: timesteps at which the curve ends.

    Returns:
        A curve with the axis's values, never decreasing, in the place of timesteps; empty where the run does
        not say how its timesteps lie on the axis.
    """
    curve = learning_curve(run, window)
    known = curve.timesteps <= until
    timesteps, returns = curve.timesteps[known], curve.returns[known]
    places = _on_axis(run, timesteps, axis)
    return Curve(np.empty(0), np.empty(0)) if places is None else Curve(places, returns)


def _on_axis(run: Run, timesteps: npt.NDArray[np.float64], axis: Axis) -> npt.NDArray[np.float64] | None:
    if axis == "timesteps":
        return timesteps
    if axis == "updates":
        return None if run.batch_size is None else timesteps / run.batch_size
    if not len(run.episodes):
        return None
    finished = np.searchsorted(run.episodes.timesteps, timesteps, side="right")
    if axis == "episodes":
        return finished.astype(np.float64)
    # A clock that was set back must not fold the line back.
    return np.asarray(np.maximum.accumulate(run.episodes.wall_times)[finished - 1] / 3600.0)
