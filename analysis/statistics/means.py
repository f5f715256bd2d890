"""Intervals for means of a few runs: Student's for one mean, Welch's for two and for their ratio.

Both assume that the mean of the runs is about normal. Skewed scores make Student's cover 90 to 91 % with 5 to
10 runs, so a 95 % interval of one mean leaves out two thirds of 5 %: it covers 92 to 97 % of Gaussian, skewed
and bimodal scores from 5 runs on. With fewer there is none: of 3 runs that each fail or succeed, one sample
in four shows only the one or the other, and nothing in it says that there is more.

In a difference the skewness of two sides cancels as far as they vary alike. So from 5 runs of either side
on the error rate goes from two thirds of what is stated, where one side's runs are all of the uncertainty,
to the whole, where both sides have half of it: that covers 91 to 97 %. With 3 or 4 runs of both sides, plain
Welch's covers 95 to 97 % where they vary alike, but 76 to 91 % of skewed or bimodal scores against a side
that hardly varies. With 3 or 4 runs against more, the side with fewer is most of the uncertainty, and there
is no interval. ``tests/benchmarks/sim_coverage.py means`` measures all of these.

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

MIN_RUNS_OF_ONE_MEAN = 5
_SHARE_OF_ONE_SIDE = 2.0 / 3.0  # of the error rate


def mean_interval(values: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's interval of a mean, with two thirds of the error rate; none from fewer than 5 runs.

    Args:
        values: one per run, ``[runs]``, at least one.
        confidence: of the interval.
    """
    mean, square, df = _moments(values)
    missing = too_few_seeds(len(np.asarray(values)), MIN_RUNS_OF_ONE_MEAN)
    if missing:
        return Interval(mean, None, None, confidence, missing)
    half = _quantile(confidence, df, _SHARE_OF_ONE_SIDE) * math.sqrt(square)
    return Interval(mean, mean - half, mean + half, confidence)


def difference_of_means(x: npt.ArrayLike, y: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean of X less mean of Y, with Welch's interval.

    Args:
        x, y: one value per run, ``[runs]``; for an interval at least 3 and as many on both sides, or 5.
        confidence: of the interval.
    """
    (a, a_square, a_df), (b, b_square, b_df) = _moments(x), _moments(y)
    missing = too_few_to_compare(len(np.asarray(x)), len(np.asarray(y)))
    if missing:
        return Interval(a - b, None, None, confidence, missing)
    half = _half(a_square, a_df, b_square, b_df, confidence)
    return Interval(a - b, a - b - half, a - b + half, confidence)


def ratio_of_means(x: npt.ArrayLike, y: npt.ArrayLike, confidence: float = 0.95) -> Interval | None:
    """How many times as good X is as Y, with Welch's interval on the logarithm.

    Two negative means, such as Reacher's, are taken the other way round: -2 is twice as good as -4. The
    interval is missing where it is for the difference, and where one of the means is not told from zero: the
    ratio is unbounded then. With 3 runs of scores that vary much it rarely has one, and few of those hold.
    None for means of different signs, or zero: there is no such ratio.
    """
    (a, a_square, a_df), (b, b_square, b_df) = _moments(x), _moments(y)
    if a * b <= 0.0:
        return None
    ratio = a / b if a > 0 else b / a
    missing = too_few_to_compare(len(np.asarray(x)), len(np.asarray(y)))
    for mean, square, df in () if missing else ((a, a_square, a_df), (b, b_square, b_df)):
        if abs(mean) <= student_quantile(0.5 + 0.5 * confidence, df) * math.sqrt(square):
            missing = "no interval of a ratio where a mean is not told from zero"
    if missing:
        return Interval(ratio, None, None, confidence, missing)
    half = _half(a_square / a**2, a_df, b_square / b**2, b_df, confidence)
    return Interval(ratio, ratio * math.exp(-half), ratio * math.exp(half), confidence)


def too_few_seeds(seeds: int, needed: int = MIN_RUNS_PER_TASK) -> str:
    """Why so few seeds allow no interval; "" where they do."""
    if seeds >= needed:
        return ""
    given = "1 seed" if seeds == 1 else f"{seeds} seeds"
    return f"no honest interval from {given}: at least {needed} needed"


def too_few_to_compare(x_seeds: int, y_seeds: int) -> str:
    """Why so few seeds on two sides allow no interval of their difference or ratio; "" where they do."""
    fewer, more = sorted((x_seeds, y_seeds))
    if MIN_RUNS_PER_TASK <= fewer < min(more, MIN_RUNS_OF_ONE_MEAN):
        return f"no honest interval from {fewer} seeds against {more}: at least {MIN_RUNS_OF_ONE_MEAN} needed"
    return too_few_seeds(fewer)


def seeds_to_compare(x_seeds: int, y_seeds: int) -> int:
    """Seeds of the side that has fewer from which on a difference or ratio has an interval."""
    fewer, more = sorted((x_seeds, y_seeds))
    return MIN_RUNS_PER_TASK if fewer == more or more <= MIN_RUNS_PER_TASK else MIN_RUNS_OF_ONE_MEAN


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
    enough = min(a_df, b_df) + 1.0 >= MIN_RUNS_OF_ONE_MEAN
    share = 1.0 - (1.0 - _SHARE_OF_ONE_SIDE) * abs(a - b) / (a + b) if enough else 1.0
    return _quantile(confidence, df, share) * math.sqrt(a + b)


def _quantile(confidence: float, df: float, share: float) -> float:
    return student_quantile(1.0 - 0.5 * share * (1.0 - confidence), df)
