"""Score intervals of a proportion, after Wilson (1927): of one, and of the mean of several tasks'.

A score interval takes the variance at the proportion theta that is tried, not at the one that was found::

    |P - theta| = t sqrt(theta (1 - theta) / n)

so that it stays within 0 and 1, has a width where nothing or everything succeeded, and needs no resamples:
of a proportion from 18 runs these have few values, and the quantiles of so few are too short an interval.

Tasks that differ leave their mean less open than as many runs of one proportion would: the runs are worth n =
P (1 - P) / V independent ones (Korn and Graubard, 1998, "Confidence intervals for proportions with small
expected number of positive counts estimated from survey data", Survey Methodology 24(2)), where V is the sum
of p (1 - p) / runs of the tasks over the square of their number. From few runs V is too small, by a factor of
(runs - 1) / runs, and to divide by that makes it noisier. Instead what V lacks where all tasks have the same
theta is added. With a = 1 / runs of each of k tasks, A = sum(a) / k**2 and B = sum(a**2) / k**2 there are::

    E[V] = theta (1 - theta) (A - B),    E[P (1 - P)] = theta (1 - theta) (1 - A)
    n = P (1 - P) / (V + c P (1 - P)),   c = (B - A**2) / (1 - A)

and the variance that n stands for is the true one, A theta (1 - theta), to that order. For one task this is
Wilson's interval. Where tasks differ V lacks less than is added, so that the interval errs on the wide side.
``tests/benchmarks/sim_coverage.py profile`` measures what it covers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.statistics.intervals import Interval, too_few_runs
from analysis.statistics.quantiles import normal_quantile


def mean_proportion(successes: Sequence[int], sizes: Sequence[int], *, confidence: float = 0.95) -> Interval:
    """Mean over tasks of the fraction of runs that succeed, every task with the same weight.

    Args:
        successes: runs that succeed, per task.
        sizes: runs, per task.
        confidence: of the interval, such as 0.95. It has none with fewer than 3 runs of a task or 12 in all.

    Raises:
        ValueError: no task, one without runs or with more successes than runs, or ``confidence`` is not
            strictly between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: expected between 0 and 1, got {confidence}")
    found, runs = np.asarray(successes, dtype=float), np.asarray(sizes, dtype=float)
    if found.ndim != 1 or found.shape != runs.shape or not len(runs) or np.any(runs < 1):
        raise ValueError("expected as many numbers of successes as of runs, at least 1 run per task")
    if np.any((found < 0) | (found > runs)):
        raise ValueError("successes: expected between 0 and the number of runs")
    estimate = float((found / runs).mean())
    reason = too_few_runs(sizes)
    if reason:
        return Interval(estimate, None, None, confidence, reason)
    low, high = score_limits(
        estimate, _worth(found / runs, 1.0 / runs), normal_quantile(0.5 + 0.5 * confidence)
    )
    return Interval(estimate, min(low, estimate), max(high, estimate), confidence)


def score_limits(p: float, n: float, t: float) -> tuple[float, float]:
    """The two theta whose distance from ``p`` is ``t`` standard deviations of ``n`` independent trials."""
    k = t**2 / n
    centre = (p + 0.5 * k) / (1.0 + k)
    half = math.sqrt(k * p * (1.0 - p) + 0.25 * k * k) / (1.0 + k)
    return (0.0 if p == 0.0 else centre - half), (1.0 if p == 1.0 else centre + half)


def _worth(shares: np.ndarray, inverse: np.ndarray) -> float:
    """n: how many independent runs of one proportion the tasks' runs are worth."""
    tasks, p = len(shares), float(shares.mean())
    a, b = float(inverse.sum()) / tasks**2, float((inverse**2).sum()) / tasks**2
    if p in (0.0, 1.0):
        return 1.0 / a
    shown = float((shares * (1.0 - shares) * inverse).sum()) / tasks**2
    return p * (1.0 - p) / (shown + (b - a**2) / (1.0 - a) * p * (1.0 - p))
