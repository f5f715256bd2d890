from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.curves import Curve, over_seeds, smooth


def curve(timesteps: list[float], returns: list[float]) -> Curve:
    return Curve(np.asarray(timesteps, dtype=float), np.asarray(returns, dtype=float))


def test_smoothing_averages_the_last_episodes_and_at_first_those_there_are() -> None:
    smoothed = smooth([10, 20, 30, 40], [1, 3, 5, 10], window=2)
    np.testing.assert_allclose(smoothed.returns, [1, 2, 4, 7.5])
    np.testing.assert_array_equal(smoothed.timesteps, [10, 20, 30, 40])


def test_episodes_that_end_together_leave_one_point() -> None:
    smoothed = smooth([10, 20, 20, 30], [1, 3, 5, 10], window=2)
    np.testing.assert_array_equal(smoothed.timesteps, [10, 20, 30])
    np.testing.assert_allclose(smoothed.returns, [1, 4, 7.5])


def test_smoothing_rejects_what_is_no_curve() -> None:
    with pytest.raises(ValueError, match="after episode 2"):
        smooth([10, 20, 15], [1, 2, 3])
    with pytest.raises(ValueError, match="one timestep per return"):
        smooth([10, 20], [1, 2, 3])


def test_no_episodes_make_an_empty_curve() -> None:
    assert len(smooth([], []).timesteps) == 0


def test_mean_and_range_over_seeds_where_both_have_data() -> None:
    mean = over_seeds([curve([0, 100], [0, 100]), curve([20, 80], [10, 10])], points=4)
    assert mean is not None
    np.testing.assert_allclose(mean.timesteps, [20, 40, 60, 80])
    np.testing.assert_allclose(mean.mean, [15, 25, 35, 45])
    np.testing.assert_allclose(mean.low, [10, 10, 10, 10])
    np.testing.assert_allclose(mean.high, [20, 40, 60, 80])
    assert mean.seeds == 2


def test_std_band_is_one_sample_standard_deviation() -> None:
    mean = over_seeds([curve([0, 10], [0, 0]), curve([0, 10], [2, 2])], band="std", points=2)
    assert mean is not None
    np.testing.assert_allclose(mean.high - mean.mean, np.sqrt(2))
    np.testing.assert_allclose(mean.mean - mean.low, np.sqrt(2))


@pytest.mark.parametrize("band", ["range", "std"])
def test_one_seed_has_a_band_without_width(band) -> None:
    mean = over_seeds([curve([0, 10], [0, 5])], band=band)
    assert mean is not None
    np.testing.assert_array_equal(mean.low, mean.mean)
    np.testing.assert_array_equal(mean.high, mean.mean)


def test_nothing_is_extrapolated() -> None:
    assert over_seeds([]) is None
    assert over_seeds([curve([0, 10], [1, 1]), curve([20, 30], [1, 1])]) is None
    assert over_seeds([curve([0, 10], [1, 1]), curve([], [])]) is None


SEED_CURVES = st.lists(st.lists(st.floats(-100, 100), min_size=2, max_size=20), min_size=1, max_size=5)


@given(SEED_CURVES, st.randoms())
def test_order_of_seeds_changes_no_curve(seeds: list[list[float]], random) -> None:
    curves = [smooth(np.arange(len(returns)), returns) for returns in seeds]
    here, there = over_seeds(curves, points=10), over_seeds(random.sample(curves, len(curves)), points=10)
    assert here is not None
    assert there is not None
    np.testing.assert_allclose(there.mean, here.mean, atol=1e-9)
    np.testing.assert_array_equal(there.low, here.low)
    np.testing.assert_array_equal(there.high, here.high)


@given(SEED_CURVES, st.sampled_from(["range", "std"]))
def test_mean_lies_in_its_band(seeds: list[list[float]], band) -> None:
    mean = over_seeds([smooth(np.arange(len(returns)), returns) for returns in seeds], band=band, points=10)
    assert mean is not None
    assert np.all(mean.low <= mean.mean + 1e-9)
    assert np.all(mean.mean <= mean.high + 1e-9)
