from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.proportions import proportion_limits
from analysis.statistics.survival import (
    Times,
    common_horizon,
    fraction_reached,
    kaplan_meier,
    ratio_of_restricted_means,
    restricted_mean,
)

SEEDS = st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=8)


def times(*values: float, censored: tuple[float, ...] = ()) -> Times:
    reached = [True] * len(values) + [False] * len(censored)
    return Times(np.array([*values, *censored]), np.array(reached))


def test_kaplan_meier_by_hand() -> None:
    # 2 of 6 at 3 (one of them tied with a censoring there), 1 of the 3 left at 5; censored: 3 and 7
    curve = kaplan_meier(times(3, 3, 5, 9, censored=(3, 7)))
    np.testing.assert_array_equal(curve.times, [3, 5, 9])
    np.testing.assert_array_equal(curve.at_risk, [6, 3, 1])
    np.testing.assert_allclose(curve.survival, [4 / 6, 4 / 6 * 2 / 3, 0.0])
    assert [curve.at(t) for t in (0, 2.9, 3, 8.9, 9)] == pytest.approx([1, 1, 4 / 6, 4 / 9, 0])


def test_without_censoring_it_is_the_fraction_left() -> None:
    curve = kaplan_meier(times(4, 1, 2, 3))
    np.testing.assert_allclose(curve.survival, [0.75, 0.5, 0.25, 0.0])


def test_nobody_reached_it() -> None:
    observed = times(censored=(10, 10))
    assert kaplan_meier(observed).at(10) == 1.0
    found = restricted_mean(observed, 10)
    assert (found.mean, found.variance, found.reached) == (10.0, None, 0)


def test_restricted_mean_without_censoring_is_the_mean_of_the_shorter_of_time_and_horizon() -> None:
    observed = times(2, 4, 9, 30)
    found = restricted_mean(observed, 10)
    assert found.mean == (2 + 4 + 9 + 10) / 4
    assert found.reached == 3
    whole = restricted_mean(observed, 40)
    assert whole.mean == pytest.approx(45 / 4)
    assert whole.variance == pytest.approx(np.var([2, 4, 9, 30], ddof=1) / 4)


def test_restricted_mean_with_a_seed_censored_early_by_hand() -> None:
    # S = 1 until 2, then 3/4 until 6 where 1 of the 2 left goes, then 3/8 until 10
    found = restricted_mean(times(2, 6, censored=(4, 10)), 10)
    assert found.mean == pytest.approx(2 + 0.75 * 4 + 0.375 * 4)
    greenwood = (0.75 * 4 + 0.375 * 4) ** 2 / (4 * 3) + (0.375 * 4) ** 2 / (2 * 1)
    assert found.variance == pytest.approx(2 * greenwood)


def test_horizon_beyond_what_was_looked_at_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 8"):
        restricted_mean(times(3, censored=(8,)), 9)
    with pytest.raises(ValueError, match="positive"):
        restricted_mean(times(3), 0)


def test_ratio_of_restricted_means() -> None:
    slow, fast = times(20, 24, 28, 28, censored=(40,)), times(10, 12, 14, 14, 20)
    assert ratio_of_restricted_means(slow, fast).estimate == 28 / 14
    assert ratio_of_restricted_means(slow, fast, horizon=22).estimate == pytest.approx((20 + 4 * 22) / 5 / 14)
    wide = ratio_of_restricted_means(slow, times(10, 12, 14, 20, censored=(40,)), horizon=40)
    assert wide.estimate == pytest.approx(28 / 19.2)
    assert wide.low < wide.estimate < wide.high
    back = ratio_of_restricted_means(times(10, 12, 14, 20, censored=(40,)), slow, horizon=40)
    assert (back.low, back.high) == pytest.approx((1 / wide.high, 1 / wide.low))


def test_seeds_that_all_reached_it_limit_no_horizon() -> None:
    slow, fast, failing = times(20, 30), times(2, 3), times(2, censored=(25,))
    assert [observed.known_until for observed in (slow, failing)] == [np.inf, 25]
    assert common_horizon((slow, fast)) == 30
    assert common_horizon((slow, fast, failing)) == 25
    assert ratio_of_restricted_means(slow, fast).estimate == 10.0


def test_ratio_says_why_it_has_no_interval() -> None:
    few = ratio_of_restricted_means(times(20, 24), times(10, 12))
    assert (few.low, few.high) == (None, None)
    assert few.missing == "no honest interval from 2 seeds: at least 5 needed"
    uneven = ratio_of_restricted_means(times(20, 24, 28, 29), times(10, 12, 14, 15, 16))
    assert uneven.missing == "no honest interval from 4 seeds: at least 5 needed"
    failed = ratio_of_restricted_means(
        times(20, censored=(40, 40, 40, 40)), times(10, 12, 14, 24, censored=(40,))
    )
    assert "1 of the seeds of one side reached the level" in failed.missing
    assert failed.estimate == pytest.approx(36 / 20)


def test_ratio_does_not_depend_on_the_unit() -> None:
    x, y = times(3, 5, 9, 9, censored=(12,)), times(2, 3, 3, 4, censored=(12,))
    scaled = [Times(side.times * 1000, side.reached) for side in (x, y)]
    one, other = ratio_of_restricted_means(x, y), ratio_of_restricted_means(*scaled)
    assert (one.low, one.estimate, one.high) == pytest.approx((other.low, other.estimate, other.high))


def test_fraction_reached() -> None:
    found = fraction_reached(3, 5)
    assert (found.estimate, found.low, found.high) == (0.6, *proportion_limits(0.6, 5, 0.95))
    assert (fraction_reached(0, 4).low, fraction_reached(4, 4).high) == (0.0, 1.0)
    few = fraction_reached(1, 2)
    assert (few.estimate, few.low, few.high) == (0.5, None, None)
    assert few.missing == "no honest interval from 2 seeds: at least 3 needed"
    with pytest.raises(ValueError, match="reached <= seeds"):
        fraction_reached(3, 2)


@pytest.mark.parametrize(
    ("values", "reached", "message"),
    [
        ([], [], "at least one seed"),
        ([1.0], [True, False], "one time and one truth"),
        ([np.nan], [True], "finite"),
        ([-1.0], [True], "finite"),
    ],
)
def test_no_times_are_refused(values: list, reached: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Times(np.array(values), np.array(reached))


@given(SEEDS, st.randoms())
def test_order_of_seeds_changes_nothing(seeds: list[tuple[int, bool]], random) -> None:
    shuffled = random.sample(seeds, len(seeds))
    one, other = (Times(*map(np.array, zip(*order, strict=True))) for order in (seeds, shuffled))
    horizon = common_horizon((one,))
    assert restricted_mean(one, horizon).mean == pytest.approx(restricted_mean(other, horizon).mean)


@given(SEEDS, st.data())
def test_an_earlier_crossing_never_lengthens_the_mean(seeds: list[tuple[int, bool]], data) -> None:
    observed = Times(*map(np.array, zip(*seeds, strict=True)))
    crossed = [i for i, (_, reached) in enumerate(seeds) if reached]
    if crossed:
        index = data.draw(st.sampled_from(crossed))
        earlier = observed.times.copy()
        earlier[index] = data.draw(st.integers(0, int(earlier[index])))
        moved_times = Times(earlier, observed.reached)
        horizon = common_horizon((observed, moved_times))
        if horizon > 0:
            moved = restricted_mean(moved_times, horizon).mean
            assert moved <= restricted_mean(observed, horizon).mean + 1e-9


@given(SEEDS)
def test_a_seed_that_fails_is_never_counted_as_faster(seeds: list[tuple[int, bool]]) -> None:
    observed = Times(*map(np.array, zip(*seeds, strict=True)))
    horizon = float(observed.times.max())
    failed = Times(np.append(observed.times, horizon), np.append(observed.reached, False))
    assert restricted_mean(failed, horizon).mean >= restricted_mean(observed, horizon).mean - 1e-9
