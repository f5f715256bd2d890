"""Confidence intervals that hold at the seed counts of reinforcement learning.

The percentile interval of the bootstrap is too short with few runs: a resample of n runs has (n - 1) / n of
the variance, and the normal levels ignore that the variance is estimated. The *expanded percentile* interval
(Hesterberg, 2015, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4),
section 4.3) takes the quantiles of the bootstrap distribution at a level further out::

    alpha' = Phi(-sqrt(n / (n - 1)) t_{alpha / 2, df})

With several tasks, df is Satterthwaite's for the sum of the tasks' variances, n / (n - 1) their average
weighted by variance. Of a skewed statistic the interval is bias-corrected as well (Efron, 1981,
"Nonparametric Standard Errors and Confidence Intervals", The Canadian Journal of Statistics 9(2)): both
levels move by 2 z0, Phi(z0) being the fraction of the bootstrap distribution below the estimate.
``tests/benchmarks/sim_coverage.py aggregates`` measures what this covers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.statistics.quantiles import normal_cdf, normal_quantile, student_quantile

MIN_RUNS_PER_TASK = 3
MIN_RUNS = 12
ALIKE = "no interval where every resample gives the same value"


@dataclass(frozen=True)
class Interval:
    """A confidence interval for ``estimate``, or the sentence why there is none.

    Attributes:
        estimate: the point estimate.
        low, high: the ends, None where ``missing`` says why.
        confidence: as stated, such as 0.95.
        missing: why there are no ends, "" where there are.
    """

    estimate: float
    low: float | None
    high: float | None
    confidence: float = 0.95
    missing: str = ""


def too_few_runs(sizes: Sequence[int], min_runs: int = MIN_RUNS) -> str:
    """Why runs in these numbers per task allow no interval; "" where they do.

    At two runs a task's variance has one degree of freedom and a resample one of three values, and with fewer
    than a dozen runs in all the bootstrap distribution does not reach as far out as 95 % asks for.
    """
    if min(sizes) < MIN_RUNS_PER_TASK:
        return f"no honest interval from {_runs(min(sizes))} per task: at least {MIN_RUNS_PER_TASK} needed"
    if sum(sizes) < min_runs:
        return f"no honest interval from {_runs(sum(sizes))} in all: at least {min_runs} needed"
    return ""


def expanded_interval(
    estimate: float,
    replicates: npt.NDArray[np.floating],
    variances: Sequence[float],
    sizes: Sequence[int],
    confidence: float = 0.95,
    *,
    bias_corrected: bool = False,
) -> Interval:
    """The expanded percentile interval.

    Args:
        estimate: the statistic of the data.
        replicates: ``[replications]`` of the stratified bootstrap.
        variances: per stratum, what it contributes to the statistic's variance, up to a common factor.
        sizes: runs per stratum.
        confidence: of the interval, such as 0.95.
        bias_corrected: whether to correct for skewness.

    Raises:
        ValueError: ``confidence`` is not strictly between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: expected between 0 and 1, got {confidence}")
    reason = too_few_runs(sizes)
    if reason:
        return Interval(estimate, None, None, confidence, reason)
    if np.ptp(replicates) <= 1e-12 * max(1.0, abs(estimate)):
        return Interval(estimate, None, None, confidence, ALIKE)
    expansion, df = _expansion(np.asarray(variances, dtype=float), np.asarray(sizes, dtype=float))
    half = expansion * student_quantile(0.5 + 0.5 * confidence, df)
    shift = 2.0 * _bias(estimate, replicates) if bias_corrected else 0.0
    low, high = np.quantile(replicates, [normal_cdf(shift - half), normal_cdf(shift + half)])
    return Interval(estimate, float(min(low, estimate)), float(max(high, estimate)), confidence)


def _expansion(variances: npt.NDArray[np.float64], sizes: npt.NDArray[np.float64]) -> tuple[float, float]:
    total = float(variances.sum())
    if total <= 0.0:  # to first order nothing varies: every stratum alike
        variances, total = np.ones_like(variances), float(len(variances))
    factor = float((variances * sizes / (sizes - 1)).sum()) / total
    df = total**2 / float((variances**2 / (sizes - 1)).sum())
    return math.sqrt(factor), df


def _bias(estimate: float, replicates: npt.NDArray[np.floating]) -> float:
    """z0: the normal quantile of the fraction of replicates below the estimate, which is never 0 or 1."""
    below = float((replicates < estimate).sum())
    return normal_quantile((below + 0.5) / (len(replicates) + 1.0))


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
