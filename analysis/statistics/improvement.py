"""Probability of improvement: how likely a run of X scores above a run of Y.

Agarwal et al. (2021), section 4.3. The interval takes no resamples. Pairs share runs: 3 runs against 3 are
nine pairs, worth about four independent ones. Resamples count several times what a pair has beside its two
runs, so that a percentile interval from 3 runs is too wide, and where one side wins every pair they say
nothing at all. Instead P is treated as a proportion among ``n`` independent comparisons, with Wilson's
(1927) score interval::

    |P - theta| = t sqrt(theta (1 - theta) / n),    n = P (1 - P) / variance of P

The variance is the one that the pairs show, unbiased, shrunk towards what Newcombe (2006, "Confidence
intervals for an effect size measure based on the Mann-Whitney statistic. Part 2", Statistics in Medicine
25(4), method 5) expects of so many runs at this P, as :data:`PRIOR_DF` degrees of freedom's worth; t has
these besides Satterthwaite's.

Where theta is high, so few runs cannot fall far above it: of 3 against 3 on six tasks the lower limit is at
most 0.84, whatever they show, and a P of 0.9 is never missed on that side. An error rate of 5 % shared
between both sides is then 2.5 %. So a theta that no sample of these sizes can miss on the one side has all of
the error rate, hence a smaller t, on the other: the other tail counts only as far as it can occur (Blaker,
2000, "Confidence Curves and Improved Exact Confidence Intervals for Discrete Distributions", The Canadian
Journal of Statistics 28(4)). ``tests/benchmarks/sim_coverage.py improvement`` measures what this covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from analysis.statistics.intervals import Interval, too_few_runs
from analysis.statistics.proportions import score_limits
from analysis.statistics.quantiles import student_quantile
from analysis.statistics.resampling import RunScores

FloatArray = npt.NDArray[np.float64]

MIN_RUNS_OF_EITHER = 9
PRIOR_DF = 4
"""Weight of the expected variance beside the one found: that of 3 runs against 3."""


def probability_of_improvement(x: RunScores, y: RunScores, *, confidence: float = 0.95) -> Interval:
    """P(a run of X scores above a run of Y), ties counting half, averaged over tasks.

    Mann and Whitney's U over the number of pairs, per task; tasks weigh the same, whatever their runs. It has
    an interval from 3 runs of either side in every task and 9 in all on, also where one side wins every pair.
    (With 3 runs on a single task one side wins all pairs by chance in one of ten, so that an interval holds
    0.5 in 90 % or in all.) A 95 % interval covers more where one side is better at some tasks and worse at
    others.

    Args:
        x, y: scalar scores ``[runs, 1]`` of the two algorithms on the same tasks.
        confidence: of the interval, such as 0.95.

    Raises:
        ValueError: the two have different tasks, or curves rather than scalar scores, or ``confidence`` is
            not strictly between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: expected between 0 and 1, got {confidence}")
    if x.tasks != y.tasks:
        raise ValueError("expected the same tasks in the same order for both algorithms")
    if x.values.shape[1] != 1 or y.values.shape[1] != 1:
        raise ValueError("expected scalar scores, got curves")
    wins = [_wins(x.point(0)[a], y.point(0)[b]) for a, b in zip(x.slices(), y.slices(), strict=True)]
    estimate = float(np.mean([win.mean() for win in wins]))
    reason = too_few_runs(x.sizes, MIN_RUNS_OF_EITHER) or too_few_runs(y.sizes, MIN_RUNS_OF_EITHER)
    if reason:
        return Interval(estimate, None, None, confidence, reason)
    error = 1.0 - confidence
    reach = _highest_lower_limit(x.sizes, y.sizes, error)
    (low, high), (inner_low, inner_high) = _limits(wins, 0.5 * error, error)
    low = min(max(1.0 - reach, low), inner_low)
    high = max(min(reach, high), inner_high)
    return Interval(estimate, low, high, confidence)


@lru_cache(maxsize=256)
def _highest_lower_limit(x: tuple[int, ...], y: tuple[int, ...], error: float) -> float:
    """The highest lower limit, with half of ``error``, that runs in these numbers can have; at least 0.5.

    A sample in which X wins all shows no variance, one in which it loses a pair here and there little. Ties,
    which scores hardly have, are left out. From 0.5 on a theta has one side at most that it cannot miss on.
    """
    wins = [np.ones(sizes) for sizes in zip(x, y, strict=True)]
    reach, ((low, _),) = 0.5, _limits(wins, 0.5 * error)
    for win in sorted(wins, key=np.size, reverse=True):
        reach = max(reach, low)
        win[0, 0] = 0.0
        ((low, _),) = _limits(wins, 0.5 * error)
        if low <= reach:
            break
    return max(reach, low)


def _limits(wins: Sequence[FloatArray], *tails: float) -> list[tuple[float, float]]:
    """The score limits that leave out so much on either side."""
    p = float(np.mean([win.mean() for win in wins]))
    comparisons, df = _evidence(wins, p)
    return [score_limits(p, comparisons, student_quantile(1.0 - tail, df)) for tail in tails]


def _wins(x: FloatArray, y: FloatArray) -> FloatArray:
    """``[x, y]``: 1 where x is above y, 0.5 where they tie."""
    return np.asarray((x[:, None] > y) + 0.5 * (x[:, None] == y))


def _evidence(wins: Sequence[FloatArray], p: float) -> tuple[float, float]:
    """How many independent comparisons the pairs of all tasks are worth, and the degrees of freedom."""
    each = np.array([_expected_comparisons(len(win), win.shape[1], p) for win in wins])
    expected = len(wins) ** 2 / float((1.0 / each).sum()) / _less_where_tasks_differ(wins, each)
    variance, df = _variance(wins)
    if df == 0.0:
        return expected, float(PRIOR_DF)
    ratio = variance / (p * (1.0 - p) / expected)
    return expected * (PRIOR_DF + df) / (PRIOR_DF + df * ratio), PRIOR_DF + df


def _expected_comparisons(x: int, y: int, p: float) -> float:
    """Newcombe's method 5: the n of one task with ``x`` and ``y`` runs; 3.9 to 4.5 for 3 against 3."""
    runs = 0.5 * (x + y) - 1.0
    return x * y / (1.0 + runs * (1.0 - p) / (2.0 - p) + runs * p / (1.0 + p))


def _less_where_tasks_differ(wins: Sequence[FloatArray], comparisons: FloatArray) -> float:
    """Sum of theta (1 - theta) / n of the tasks over what it were at one common theta; 1 where tasks agree.

    A task that X always wins and one that it never wins vary little, though their average is 0.5. Half a win
    and half a loss per comparison of Jeffreys' prior keep a task with no variance from counting as certain.
    """
    shares = (comparisons * [win.mean() for win in wins] + 0.5) / (comparisons + 1.0)
    common = float(shares.mean())
    return float(
        (shares * (1.0 - shares) / comparisons).sum() / (common * (1.0 - common) / comparisons).sum()
    )


def _variance(wins: Sequence[FloatArray]) -> tuple[float, float]:
    """Unbiased estimate of the variance of the mean over tasks, and Satterthwaite's degrees of freedom.

    By the two-way layout of the pairs: what runs of X differ by, and those of Y, less what both count. 0
    degrees where no run differs from another of its side.
    """
    total = between = squares = 0.0
    for win in wins:
        rows, columns = win.mean(axis=1), win.mean(axis=0)
        left = win - rows[:, None] - columns + win.mean()
        parts = [float(side.var(ddof=1)) / len(side) for side in (rows, columns)]
        between += sum(parts)
        squares += sum(part**2 / (len(side) - 1) for part, side in zip(parts, (rows, columns), strict=True))
        total += sum(parts) - float((left**2).sum()) / ((len(rows) - 1) * (len(columns) - 1) * win.size)
    if between <= 0.0:
        return 0.0, 0.0
    return max(total, 0.0) / len(wins) ** 2, between**2 / squares
