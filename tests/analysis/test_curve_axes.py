from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.curve_axes import curve_along
from analysis.episodes import Episodes
from analysis.load import Run
from analysis.statistics.curves import Curve

BATCH = 20


def run_of(timesteps, returns, wall_times=None, **fields) -> Run:
    count = len(timesteps)
    wall_times = np.arange(1, count + 1) * 1800.0 if wall_times is None else wall_times
    episodes = Episodes(
        timesteps=np.asarray(timesteps, dtype=np.int64),
        returns=np.asarray(returns, dtype=float),
        wall_times=np.asarray(wall_times, dtype=float),
        lengths=np.ones(count, dtype=np.int32),
        env_indices=np.zeros(count, dtype=np.int32),
    )
    return Run(
        directory=Path("run"),
        seed=0,
        state="done",
        timesteps=100,
        n_timesteps=100,
        steps_per_second=None,
        error=None,
        code=None,
        batch_size=BATCH,
        episodes=episodes,
        **fields,
    )


# Two episodes end together at timestep 20: the curve has one point there, after both.
RUN = run_of([10, 20, 20, 40], [1.0, 2.0, 6.0, 3.0])
RETURNS = [1.0, 3.0, 3.0]  # means of what has ended so far


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ("timesteps", [10, 20, 40]),
        ("updates", [0.5, 1, 2]),
        ("episodes", [1, 3, 4]),
        ("hours", [0.5, 1.5, 2]),
    ],
)
def test_the_same_returns_along_every_axis(axis, expected: list[float]) -> None:
    curve = curve_along(RUN, axis)
    np.testing.assert_allclose(curve.timesteps, expected)
    np.testing.assert_allclose(curve.returns, RETURNS)


def test_a_curve_ends_at_the_timesteps_asked_for() -> None:
    np.testing.assert_allclose(curve_along(RUN, "hours", until=20).timesteps, [0.5, 1.5])
    assert len(curve_along(RUN, "episodes", until=5).timesteps) == 0


def test_a_clock_that_was_set_back_does_not_fold_the_line() -> None:
    run = run_of([10, 20, 30], [1.0, 2.0, 3.0], wall_times=[3600, 1800, 7200])
    np.testing.assert_allclose(curve_along(run, "hours").timesteps, [1, 1, 2])


def test_what_a_run_does_not_say_leaves_the_curve_empty() -> None:
    logged = Curve(np.array([20.0, 40.0]), np.array([1.0, 2.0]))
    curve_alone = run_of([], [], curve=logged)
    np.testing.assert_allclose(curve_along(curve_alone, "updates").timesteps, [1, 2])
    for axis in ("episodes", "hours"):
        assert len(curve_along(curve_alone, axis).timesteps) == 0
