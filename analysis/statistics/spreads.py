"""Do the runs of one agent differ more than those of another: distances from the median.

How much more has no honest interval from so few runs: such distances (Brown and Forsythe, 1974, "Robust Tests
for the Equality of Variances", Journal of the American Statistical Association 69(346)) are skewed, and
Welch's interval of the difference of their means covers 86 to 98 % where one side spreads 3 or 10 times as
much as the other. It says on which side of 0 the difference is, no more than that is printed, and from 10
runs of either side on: of 5 runs that fail or succeed one sample in sixteen shows only the one or the other,
and looks steady. ``tests/benchmarks/sim_coverage.py spreads`` measures how often that is right.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from analysis.statistics.intervals import Interval
from analysis.statistics.means import difference_of_means, too_few_seeds

MIN_RUNS_OF_SPREADS = 10
NOT_TOLD = "no interval where the spreads are not told apart"


def difference_of_spreads(x: npt.ArrayLike, y: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean distance of X from its median less that of Y; the interval is one side of 0, or missing.

    Args:
        x, y: one value per run, ``[runs]``, at least 10 on both sides for an interval.
        confidence: of the interval.
    """
    welch = difference_of_means(_distances(x), _distances(y), confidence)
    few = too_few_seeds(min(len(np.asarray(x)), len(np.asarray(y))), MIN_RUNS_OF_SPREADS)
    if few:
        return Interval(welch.estimate, None, None, confidence, few)
    if welch.low is None or welch.high is None:
        return welch
    if welch.low <= 0.0 <= welch.high:
        return Interval(welch.estimate, None, None, confidence, NOT_TOLD)
    low, high = (0.0, math.inf) if welch.estimate > 0.0 else (-math.inf, 0.0)
    return Interval(welch.estimate, low, high, confidence)


def _distances(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return np.abs(array - np.median(array))
