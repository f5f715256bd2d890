"""Intervals of a proportion: of one, and of the mean of several tasks'.

A score interval takes the variance at the proportion theta that is tried, not at the one that was found::

    |P - theta| = t sqrt(theta (1 - theta) / n)

so that it stays within 0 and 1, has a width where nothing or everything succeeded, and needs no resamples: of
a proportion from 18 runs these have few values, and the quantiles of so few are too short an interval. So few
runs have few proportions, too: near 0 and 1 Wilson's (1927) 95 % cover as little as 83 %, the true one lying
just outside as soon as one run succeeds. Clopper and Pearson's (1934) interval, whose ends are quantiles of
beta distributions, covers at least as stated, and at 95 % nearly always more than 97. The interval here is
the wider of Wilson's as stated and Clopper and Pearson's with 1.6 times the error rate, either end for
itself: of n runs with one proportion a 95 % one covers at least 92 %, whatever the proportion is, and 95 to
99 % on average.

Tasks that differ leave their mean less open than as many runs of one proportion would: the runs are worth n =
P (1 - P) / V independent ones (Korn and Graubard, 1998, "Confidence intervals for proportions with small
expected number of positive counts estimated from survey data", Survey Methodology 24(2)), where V is the sum
of p (1 - p) / runs of the tasks over the square of their number. From few runs V is too small, by a factor of
(runs - 1) / runs, and to divide by that makes it noisier. Instead what V lacks where all tasks have the same
theta is added. With a = 1 / runs of each of k tasks, A = sum(a) / k**2 and B = sum(a**2) / k**2 there are::

    E[V] = theta (1 - theta) (A - B),    E[P (1 - P)] = theta (1 - theta) (1 - A)
    n = P (1 - P) / (V + c P (1 - P)),   c = (B - A**2) / (1 - A)

and the variance that n stands for is the true one, A theta (1 - theta), to that order. Clopper and Pearson's
takes the same n, of which n P succeed. Where tasks differ V lacks less than is added, so that the interval
errs on the wide side.
``tests/benchmarks/sim_coverage.py profile`` measures what it covers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.statistics.intervals import Interval, too_few_runs
from analysis.statistics.quantiles import beta_quantile, normal_quantile

_EXACT_ERROR = 1.6  # of the error rate: 8 % for 95 %


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
    low, high = proportion_limits(estimate, effective_runs(found / runs, 1.0 / runs), confidence)
    return Interval(estimate, min(low, estimate), max(high, estimate), confidence)


def proportion_limits(p: float, n: float, confidence: float) -> tuple[float, float]:
    """Ends of the interval for a proportion ``p`` of ``n`` independent runs; ``n`` need not be whole."""
    wilson = score_limits(p, n, normal_quantile(0.5 + 0.5 * confidence))
    exact = exact_limits(p, n, 1.0 - min(_EXACT_ERROR * (1.0 - confidence), 0.5))
    return min(wilson[0], exact[0]), max(wilson[1], exact[1])


def exact_limits(p: float, n: float, confidence: float) -> tuple[float, float]:
    """Clopper and Pearson's (1934): the theta at which so many successes, or so few, are still as likely."""
    tail, successes = 0.5 * (1.0 - confidence), p * n
    low = 0.0 if p == 0.0 else beta_quantile(tail, successes, n - successes + 1.0)
    high = 1.0 if p == 1.0 else beta_quantile(1.0 - tail, successes + 1.0, n - successes)
    return low, high


def score_limits(p: float, n: float, t: float) -> tuple[float, float]:
    """Wilson's: the two theta whose distance from ``p`` is ``t`` standard deviations of ``n`` trials."""
    k = t**2 / n
    centre = (p + 0.5 * k) / (1.0 + k)
    half = math.sqrt(k * p * (1.0 - p) + 0.25 * k * k) / (1.0 + k)
    return (0.0 if p == 0.0 else centre - half), (1.0 if p == 1.0 else centre + half)


def effective_runs(shares: np.ndarray, inverse: np.ndarray) -> float:
    """n: how many independent runs of one proportion the tasks' runs are worth.

    Args:
        shares: ``[tasks]`` the fraction of each task's runs that succeed.
        inverse: ``[tasks]`` 1 / runs.
    """
    tasks, p = len(shares), float(shares.mean())
    a, b = float(inverse.sum()) / tasks**2, float((inverse**2).sum()) / tasks**2
    if p in (0.0, 1.0):
        return 1.0 / a
    shown = float((shares * (1.0 - shares) * inverse).sum()) / tasks**2
    return p * (1.0 - p) / (shown + (b - a**2) / (1.0 - a) * p * (1.0 - p))
