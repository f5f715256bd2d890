"""Intervals for means of a few runs: Student's for one mean, Welch's for two and for their ratio.

Both assume that the mean of the runs is about normal. Skewed scores make Student's cover 90 to 91 % with 5 to
10 runs, so a 95 % interval of one mean leaves out six tenths of 5 %: it covers 92 to 97 % of Gaussian, skewed
and bimodal scores from 5 runs on. With fewer there is none: of 3 runs that each fail or succeed, one sample
in four shows only the one or the other, and nothing in it says that there is more.

Nor is there a difference or a ratio with fewer than 5 runs of either side. Welch's interval of 3 against 3
covers 95 to 97 % where both sides vary alike, but 77 % of runs that fail or succeed against a side that
hardly varies; and the samples cannot tell which it is: a side that shows only its failures looks as steady as
the other.

In a difference the skewness of two sides cancels as far as they vary alike. So the error rate goes from six
tenths of what is stated, where one side has at least three quarters of the variance, to the whole, where both
have half of it: that covers 91.6 to 98 %. ``tests/benchmarks/sim_coverage.py means`` and ``ratios`` measure
it.

Johnson's correction for skewness (1978, "Modified t Tests and Confidence Intervals for Asymmetrical
Populations", Journal of the American Statistical Association 73(363)) changes next to nothing with so few
runs, and Hall's (1992, "On the Removal of Skewness by Transformation", Journal of the Royal Statistical
Society B 54(1)) gains less than leaving out less.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from analysis.statistics.intervals import MIN_RUNS_PER_TASK, Interval
from analysis.statistics.quantiles import student_quantile

MIN_RUNS_OF_A_MEAN = 5
_SHARE_OF_ONE_SIDE = 0.6  # of the error rate
_LEVEL_OF_A_MEAN = 0.9  # one-sided, of a test that a mean is not zero


def mean_interval(values: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's interval of a mean, with six tenths of the error rate; none from fewer than 5 runs.

    Args:
        values: one per run, ``[runs]``, at least one.
        confidence: of the interval.
    """
    mean, square, df = _moments(values)
    missing = too_few_seeds(len(np.asarray(values)), MIN_RUNS_OF_A_MEAN)
    if missing:
        return Interval(mean, None, None, confidence, missing)
    half = _quantile(confidence, df, _SHARE_OF_ONE_SIDE) * math.sqrt(square)
    return Interval(mean, mean - half, mean + half, confidence)


def difference_of_means(x: npt.ArrayLike, y: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean of X less mean of Y, with Welch's interval.

    Args:
        x, y: one value per run, ``[runs]``; for an interval at least 5 on both sides.
        confidence: of the interval.
    """
    (a, a_square, a_df), (b, b_square, b_df) = _moments(x), _moments(y)
    missing = too_few_to_compare(len(np.asarray(x)), len(np.asarray(y)))
    if missing:
        return Interval(a - b, None, None, confidence, missing)
    half = welch_half_width(a_square, a_df, b_square, b_df, confidence)
    return Interval(a - b, a - b - half, a - b + half, confidence)


def ratio_of_means(x: npt.ArrayLike, y: npt.ArrayLike, confidence: float = 0.95) -> Interval | None:
    """How many times as good X is as Y, with Welch's interval on the logarithm.

    Two negative means, such as Reacher's, are taken the other way round: -2 is twice as good as -4. The
    interval is missing where it is for the difference, and where one of the means is not told from zero, by a
    one-sided test at 10 %: the ratio may be anything then. A stricter test would leave out most samples with
    an unlucky mean, so that fewer of the intervals given would hold.

    None for means of different signs, or zero: there is no such ratio.
    """
    (a, a_square, a_df), (b, b_square, b_df) = _moments(x), _moments(y)
    if a * b <= 0.0:
        return None
    ratio = a / b if a > 0 else b / a
    missing = too_few_to_compare(len(np.asarray(x)), len(np.asarray(y)))
    for mean, square, df in () if missing else ((a, a_square, a_df), (b, b_square, b_df)):
        if abs(mean) <= student_quantile(_LEVEL_OF_A_MEAN, df) * math.sqrt(square):
            missing = "no interval of a ratio where a mean is not told from zero"
    if missing:
        return Interval(ratio, None, None, confidence, missing)
    half = welch_half_width(a_square / a**2, a_df, b_square / b**2, b_df, confidence)
    return Interval(ratio, ratio * math.exp(-half), ratio * math.exp(half), confidence)


def too_few_seeds(seeds: int, needed: int = MIN_RUNS_PER_TASK) -> str:
    """Why so few seeds allow no interval; "" where they do."""
    if seeds >= needed:
        return ""
    given = "1 seed" if seeds == 1 else f"{seeds} seeds"
    return f"no honest interval from {given}: at least {needed} needed"


def too_few_to_compare(x_seeds: int, y_seeds: int) -> str:
    """Why so few seeds on two sides allow no interval of their difference or ratio; "" where they do."""
    return too_few_seeds(min(x_seeds, y_seeds), MIN_RUNS_OF_A_MEAN)


def _moments(values: npt.ArrayLike) -> tuple[float, float, float]:
    """Mean, squared standard error and its degrees of freedom."""
    array = np.sort(np.asarray(values, dtype=np.float64))
    if array.ndim != 1 or len(array) == 0 or not np.all(np.isfinite(array)):
        raise ValueError("values: expected one finite value per run, of at least one run")
    square = float(array.var(ddof=1)) / len(array) if len(array) > 1 else math.nan
    return float(array.mean()), square, float(len(array) - 1)


def welch_half_width(a: float, a_df: float, b: float, b_df: float, confidence: float) -> float:
    """Half of the interval of a difference, from squared standard errors and their degrees of freedom."""
    if a + b == 0.0:
        return 0.0
    df = (a + b) ** 2 / (a**2 / a_df + b**2 / b_df)
    one_sided = min(1.0, 2.0 * abs(a - b) / (a + b))
    return _quantile(confidence, df, 1.0 - (1.0 - _SHARE_OF_ONE_SIDE) * one_sided) * math.sqrt(a + b)


def _quantile(confidence: float, df: float, share: float) -> float:
    return student_quantile(1.0 - 0.5 * share * (1.0 - confidence), df)
