from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.episodes import (
    Crossing,
    first_episode_reaching,
    last_mean,
    top_consecutive_mean,
    updates_before,
)

# Integer returns, as on Atari: means are exact, so the properties hold to the last bit.
RETURNS = st.lists(st.integers(-50, 50), max_size=60)
WINDOWS = st.integers(1, 12)
LEVELS = st.integers(-60, 60)


def test_last_mean_by_hand() -> None:
    assert last_mean([1, 2, 3, 4, 9], window=2) == 6.5
    assert last_mean([0.0] * 50 + [7.0] * 100) == 7.0


def test_last_mean_with_fewer_episodes_than_the_window_averages_those_there_are() -> None:
    assert last_mean([2, 4], window=100) == 3.0
    assert last_mean([]) is None


def test_first_crossing_by_hand() -> None:
    # window means from N = 1: 1, 2, 4, 5, 4
    assert first_episode_reaching([0, 1, 2, 3, 7, 5, 0], level=4, window=3) == Crossing(3, 5, 4.0)


def test_window_looks_forward_from_the_first_of_100_games() -> None:
    returns = [0.0] * 40 + [10.0] * 100
    assert first_episode_reaching(returns, level=10) == Crossing(episode=41, last_episode=140, mean=10.0)


def test_mean_equal_to_the_level_counts() -> None:
    returns = [31, 32, 32, 32, 32] * 20  # 31.8 on average, the human level of Breakout
    assert first_episode_reaching(returns, level=31.8) == Crossing(1, 100, 31.8)
    assert first_episode_reaching(returns, level=math.nextafter(31.8, 32)) is None


def test_level_never_reached_and_too_few_episodes_for_one_window() -> None:
    assert first_episode_reaching([1.0] * 500, level=1.5) is None
    assert first_episode_reaching([99.0] * 99, level=1.5) is None
    assert first_episode_reaching([99.0] * 100, level=1.5) == Crossing(1, 100, 99.0)
    assert first_episode_reaching([], level=0.0) is None


def test_a_later_fall_does_not_undo_a_crossing() -> None:
    assert first_episode_reaching([5, 5, -100, -100], level=5, window=2) == Crossing(1, 2, 5.0)


def test_timestep_of_a_crossing_is_when_its_window_was_complete() -> None:
    crossing = first_episode_reaching([0, 0, 4, 6, 0], level=5, window=2)
    assert crossing == Crossing(3, 4, 5.0)
    assert crossing.timestep([10, 10, 35, 70, 71]) == 70
    with pytest.raises(ValueError, match="one entry per episode up to 4"):
        crossing.timestep([10, 10, 35])


def test_top_consecutive_mean_by_hand() -> None:
    assert top_consecutive_mean([9, 0, 4, 6, 5, 0], window=3) == 5.0
    assert top_consecutive_mean([1.0] * 9) is None
    assert top_consecutive_mean([1.0] * 10) == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "statistic", [last_mean, top_consecutive_mean, lambda returns: first_episode_reaching(returns, 0.0)]
)
def test_returns_that_are_no_numbers_are_named(statistic, bad: float) -> None:
    with pytest.raises(ValueError, match="episode 2 has"):
        statistic([1.0, bad, 3.0])


def test_arguments_that_make_no_sense_are_named() -> None:
    with pytest.raises(ValueError, match="level: expected a finite number"):
        first_episode_reaching([1.0], level=math.nan)
    with pytest.raises(ValueError, match="window: expected at least 1"):
        last_mean([1.0], window=0)
    with pytest.raises(ValueError, match="one dimension"):
        top_consecutive_mean(np.ones((2, 3)))


@given(RETURNS, st.lists(st.integers(-50, 50), max_size=30), LEVELS, WINDOWS)
def test_later_episodes_never_change_a_crossing(
    past: list[int], later: list[int], level: int, window: int
) -> None:
    crossing = first_episode_reaching(past, level, window)
    extended = first_episode_reaching(past + later, level, window)
    if crossing is not None:
        assert extended == crossing
    elif extended is not None:
        assert extended.last_episode > len(past)


@given(RETURNS, LEVELS, WINDOWS)
def test_crossing_is_the_first_window_at_the_level(returns: list[int], level: int, window: int) -> None:
    crossing = first_episode_reaching(returns, level, window)
    sums = [sum(returns[i : i + window]) for i in range(len(returns) - window + 1)]
    first = next((i for i, total in enumerate(sums) if total >= level * window), None)
    assert (None if crossing is None else crossing.episode - 1) == first


@given(RETURNS, LEVELS, WINDOWS, st.integers(-20, 20))
def test_adding_a_constant_shifts_every_statistic(
    returns: list[int], level: int, window: int, shift: int
) -> None:
    shifted = [value + shift for value in returns]
    for statistic in (last_mean, top_consecutive_mean):
        before, after = statistic(returns, window), statistic(shifted, window)
        assert (before is None) == (after is None)
        if before is not None:
            assert after == pytest.approx(before + shift)
    crossing = first_episode_reaching(returns, level, window)
    moved = first_episode_reaching(shifted, level + shift, window)
    assert (crossing and crossing.episode) == (moved and moved.episode)


@given(RETURNS, WINDOWS)
def test_best_window_is_no_lower_than_the_last_one(returns: list[int], window: int) -> None:
    best = top_consecutive_mean(returns, window)
    assert (best is None) == (len(returns) < window)
    if best is not None:
        assert best >= last_mean(returns, window)
        assert first_episode_reaching(returns, best, window) is not None


def test_crossing_in_the_very_last_window() -> None:
    returns = [0.0] * 150 + [10.0] * 100
    assert first_episode_reaching(returns, level=10) == Crossing(151, 250, 10.0)
    assert first_episode_reaching(returns[:-1], level=10) is None


def test_fractional_returns_carry_no_rounding_from_window_to_window() -> None:
    returns = [1e9 + 0.5] + [0.1] * 10
    assert first_episode_reaching(returns[1:], level=0.1, window=10) is not None
    assert top_consecutive_mean([1e9 + 0.5, *[0.1] * 20, 0.3], window=1) == 1e9 + 0.5
    assert last_mean(returns, window=10) == pytest.approx(0.1, abs=1e-15)
    means = [top_consecutive_mean(returns[i : i + 10], window=10) for i in (0, 1)]
    assert means[1] == pytest.approx(0.1, abs=1e-15)


def test_updates_before_a_timestep() -> None:
    assert [updates_before(t, 80) for t in (1, 80, 81, 160, 161)] == [0, 0, 1, 1, 2]
    with pytest.raises(ValueError, match="at least 1"):
        updates_before(0, 80)
