"""Intervals for means of a few runs: Student's for one mean, Welch's for two and for their ratio.

They assume that the mean of the runs is about normal. Where it is not they cover less than the 95 % stated
(``tests/benchmarks/sim_coverage.py means``). Student's cover 90 to 92 % with 3 to 10 skewed runs, and 77 %
with 3 runs that each fail or succeed, since one sample in four then shows only the one or the other.
Welch's cover 94 to 97 % with as many runs on both sides, and 75 % with 3 runs of the side that spreads more
against 10. No method mends that: what the runs do not show is not in them. Johnson's correction for skewness
(1978, "Modified t Tests and Confidence Intervals for Asymmetrical Populations", Journal of the American
Statistical Association 73(363)) changes next to nothing with so few runs, and Hall's (1992, "On the Removal
of Skewness by Transformation", Journal of the Royal Statistical Society B 54(1)) gains less than Student's
interval of a higher confidence that is as wide. With fewer than 3 runs there is no interval.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from analysis.statistics.intervals import MIN_RUNS_PER_TASK, Interval
from analysis.statistics.quantiles import student_quantile


def mean_interval(values: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's interval of a mean.

    Args:
        values: one per run, ``[runs]``, at least one.
        confidence: of the interval.
    """
    mean, square, df = _moments(values)
    missing = too_few_seeds(len(np.asarray(values)))
    if missing:
        return Interval(mean, None, None, confidence, missing)
    half = student_quantile(0.5 + 0.5 * confidence, df) * math.sqrt(square)
    return Interval(mean, mean - half, mean + half, confidence)


def difference_of_means(x: npt.ArrayLike, y: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean of X less mean of Y, with Welch's interval."""
    (a, a_square, a_df), (b, b_square, b_df) = _moments(x), _moments(y)
    missing = too_few_seeds(min(len(np.asarray(x)), len(np.asarray(y))))
    if missing:
        return Interval(a - b, None, None, confidence, missing)
    half = _half(a_square, a_df, b_square, b_df, confidence)
    return Interval(a - b, a - b - half, a - b + half, confidence)


def ratio_of_means(x: npt.ArrayLike, y: npt.ArrayLike, confidence: float = 0.95) -> Interval | None:
    """How many times as good X is as Y, with Welch's interval on the logarithm.

    Two negative means, such as Reacher's, are taken the other way round: -2 is twice as good as -4. The
    interval is missing where one of the means is not told from zero. None for means of different signs, or
    zero: there is no such ratio.
    """
    (a, a_square, a_df), (b, b_square, b_df) = _moments(x), _moments(y)
    if a * b <= 0.0:
        return None
    ratio = a / b if a > 0 else b / a
    missing = too_few_seeds(min(len(np.asarray(x)), len(np.asarray(y))))
    for mean, square, df in () if missing else ((a, a_square, a_df), (b, b_square, b_df)):
        if abs(mean) <= student_quantile(0.5 + 0.5 * confidence, df) * math.sqrt(square):
            missing = "no interval of a ratio where a mean is not told from zero"
    if missing:
        return Interval(ratio, None, None, confidence, missing)
    half = _half(a_square / a**2, a_df, b_square / b**2, b_df, confidence)
    return Interval(ratio, ratio * math.exp(-half), ratio * math.exp(half), confidence)


def too_few_seeds(seeds: int) -> str:
    """Why so few seeds allow no interval; "" where they do."""
    if seeds >= MIN_RUNS_PER_TASK:
        return ""
    given = "1 seed" if seeds == 1 else f"{seeds} seeds"
    return f"no honest interval from {given}: at least {MIN_RUNS_PER_TASK} needed"


def _moments(values: npt.ArrayLike) -> tuple[float, float, float]:
    """Mean, squared standard error and its degrees of freedom."""
    array = np.sort(np.asarray(values, dtype=np.float64))
    if array.ndim != 1 or len(array) == 0 or not np.all(np.isfinite(array)):
        raise ValueError("values: expected one finite value per run, of at least one run")
    square = float(array.var(ddof=1)) / len(array) if len(array) > 1 else math.nan
    return float(array.mean()), square, float(len(array) - 1)


def _half(a: float, a_df: float, b: float, b_df: float, confidence: float) -> float:
    if a + b == 0.0:
        return 0.0
    df = (a + b) ** 2 / (a**2 / a_df + b**2 / b_df)
    return student_quantile(0.5 + 0.5 * confidence, df) * math.sqrt(a + b)
