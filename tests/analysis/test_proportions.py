from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.proportions import (
    effective_runs,
    exact_limits,
    mean_proportion,
    proportion_limits,
    score_limits,
)

TASKS = st.lists(
    st.integers(3, 8).flatmap(lambda runs: st.tuples(st.integers(0, runs), st.just(runs))),
    min_size=4,
    max_size=7,
)


def interval(tasks: list[tuple[int, int]], confidence: float = 0.95) -> tuple[float, float, float]:
    found = mean_proportion([done for done, _ in tasks], [runs for _, runs in tasks], confidence=confidence)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.estimate, found.high


@pytest.mark.parametrize(
    ("successes", "runs", "wilson", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
    ],
)
def test_one_task_has_the_wider_of_two_intervals(
    successes: int, runs: int, wilson: tuple[float, float], exact: tuple[float, float]
) -> None:
    """Newcombe (1998, Statistics in Medicine 17, table I) has both."""
    p = successes / runs
    assert score_limits(p, runs, 1.959964) == pytest.approx(wilson, abs=6e-5)
    assert exact_limits(p, runs, 0.95) == pytest.approx(exact, abs=6e-5)
    low, _, high = interval([(successes, runs)])
    looser = exact_limits(p, runs, 0.92)
    assert low == pytest.approx(min(wilson[0], looser[0]), abs=6e-5)
    assert high == pytest.approx(max(wilson[1], looser[1]), abs=6e-5)


@given(st.integers(3, 40), st.floats(0.001, 0.999))
def test_whatever_the_proportion_is_it_is_covered_in_at_least_92_percent(runs: int, theta: float) -> None:
    covered = 0.0
    for successes in range(runs + 1):
        low, high = proportion_limits(successes / runs, runs, 0.95)
        if low <= theta <= high:
            covered += math.comb(runs, successes) * theta**successes * (1 - theta) ** (runs - successes)
    assert covered >= 0.92


def test_tasks_by_hand() -> None:
    """1, 2, 3 and 3 of 3 runs: P = 3/4, V = (2/9 + 2/9) / 3 / 16 = 1/108, A = 1/12, B = 1/36, c = 1/44."""
    worth = (3 / 16) / (1 / 108 + (1 / 44) * (3 / 16))
    low, estimate, high = interval([(1, 3), (2, 3), (3, 3), (3, 3)])
    assert estimate == 0.75
    assert (low, high) == pytest.approx(proportion_limits(0.75, worth, 0.95))
    for theta in score_limits(0.75, worth, 1.959964):
        assert abs(0.75 - theta) == pytest.approx(1.959964 * math.sqrt(theta * (1 - theta) / worth))


def test_tasks_of_unequal_runs_by_hand() -> None:
    """2 of 4 and 4 of 8: A = (1/4 + 1/8) / 4, B = (1/16 + 1/64) / 4, V = (1/16 + 1/32) / 4."""
    a, b, v = 3 / 32, 5 / 256, 3 / 128
    worth = 0.25 / (v + (b - a * a) / (1 - a) * 0.25)
    low, estimate, high = interval([(2, 4), (4, 8)])
    assert (estimate, low + high) == (0.5, pytest.approx(1.0))
    assert high == pytest.approx(proportion_limits(0.5, worth, 0.95)[1])


def test_what_a_task_lacks_is_added_exactly_where_tasks_are_alike() -> None:
    """Over all samples of 2 tasks with 4 and 8 runs: 1 / n weighted by P (1 - P) is A = 3/32 on average."""
    theta = 0.3
    numerator = denominator = 0.0
    for x in range(5):
        for y in range(9):
            chance = (math.comb(4, x) * math.comb(8, y)) * theta ** (x + y) * (1 - theta) ** (12 - x - y)
            shares = np.array([x / 4, y / 8])
            p = float(shares.mean())
            if 0.0 < p < 1.0:
                worth = effective_runs(shares, np.array([1 / 4, 1 / 8]))
                numerator += chance * p * (1 - p) / worth
                denominator += chance * p * (1 - p)
    assert numerator / denominator == pytest.approx(3 / 32, rel=1e-5)


def test_tasks_that_differ_leave_less_open() -> None:
    alike, apart = interval([(3, 6)] * 4), interval([(0, 6), (6, 6), (0, 6), (6, 6)])
    assert alike[1] == apart[1] == 0.5
    assert 0.0 < apart[2] - apart[0] < alike[2] - alike[0]


def test_none_or_all_leave_one_end_open() -> None:
    low, estimate, high = interval([(0, 3)] * 6)
    assert (low, estimate) == (0.0, 0.0)
    assert high == pytest.approx(max(1.959964**2 / (18 + 1.959964**2), 1 - 0.04 ** (1 / 18)))
    assert interval([(3, 3)] * 6) == (pytest.approx(1 - high), 1.0, 1.0)


@given(TASKS, st.randoms())
def test_order_changes_nothing_failures_mirror_and_more_confidence_is_wider(
    tasks: list[tuple[int, int]], random
) -> None:
    low, estimate, high = interval(tasks)
    assert 0.0 <= low <= estimate <= high <= 1.0
    assert interval(random.sample(tasks, len(tasks))) == pytest.approx((low, estimate, high))
    mirrored = interval([(runs - done, runs) for done, runs in tasks])
    assert mirrored == pytest.approx((1 - high, 1 - estimate, 1 - low))
    narrow = interval(tasks, confidence=0.8)
    assert low <= narrow[0] <= narrow[2] <= high


def test_too_few_runs_have_a_sentence() -> None:
    assert mean_proportion([1] * 6, [2] * 6).missing.startswith("no honest interval from 2 runs per task")
    assert mean_proportion([1] * 3, [3] * 3).missing.startswith("no honest interval from 9 runs in all")


@pytest.mark.parametrize(
    ("successes", "sizes", "message"),
    [
        ([], [], "at least 1 run per task"),
        ([1, 2], [3], "as many numbers"),
        ([0], [0], "at least 1 run per task"),
        ([4], [3], "between 0 and the number of runs"),
        ([-1], [3], "between 0 and the number of runs"),
    ],
)
def test_what_is_no_proportion_is_refused(successes: list[int], sizes: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean_proportion(successes, sizes)
    with pytest.raises(ValueError, match="confidence"):
        mean_proportion([1], [3], confidence=95.0)
