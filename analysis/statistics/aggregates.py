"""Aggregate scores over runs and tasks: the definitions of rliable (Agarwal et al., 2021, NeurIPS).

Every statistic is a function of weights on the runs, ``[runs, columns]``, each column adding up to the number
of runs: one column of ones is the data itself, the others are resamples. With as many runs in every task the
definitions are rliable's to the last digit; otherwise every task keeps the same weight, and the
interquartile mean trims a quarter of the weight at either end rather than a whole number of runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analysis.statistics.intervals import MIN_RUNS, Interval, expanded_interval, too_few_runs
from analysis.statistics.proportions import mean_proportion
from analysis.statistics.resampling import (
    DEFAULT_REPLICATIONS,
    FloatArray,
    RunScores,
    WeightArray,
    resampled_weights,
)

MIN_RUNS_OF_MEANS = 18


@dataclass(frozen=True)
class Statistic:
    """A statistic of the runs' scores.

    Attributes:
        name: for tables.
        value: ``(values [runs], weights [runs, columns], scores) -> [columns]``.
        influence: ``(values [runs], scores) -> [runs]``: the values whose variance within the tasks is, to
            first order, that of the statistic; they decide how far the interval is expanded.
        no_interval: why its interval would not hold what it states, "" where it does.
        min_runs: in all, below which it has none.
        bias_corrected: whether its interval is (:func:`analysis.statistics.intervals.expanded_interval`).
        error_share: of the error rate stated, which its interval leaves out.
    """

    name: str
    value: Callable[[FloatArray, WeightArray, RunScores], FloatArray]
    influence: Callable[[FloatArray, RunScores], FloatArray]
    no_interval: str = ""
    min_runs: int = MIN_RUNS
    bias_corrected: bool = False
    error_share: float = 1.0


def _mean(values: FloatArray, weights: WeightArray, scores: RunScores) -> FloatArray:
    centre, offsets = _centred(values, weights)
    return np.asarray(offsets @ weights / len(values) + centre)


def _median(values: FloatArray, weights: WeightArray, scores: RunScores) -> FloatArray:
    centre, offsets = _centred(values, weights)
    share = len(values) / len(scores.sizes)
    means = np.stack([offsets[rows] @ weights[rows] / share for rows in scores.slices()])
    return np.asarray(np.median(means, axis=0) + centre)


def _centred(values: FloatArray, weights: WeightArray) -> tuple[np.float64, WeightArray]:
    """The middle of the values in full precision, and how far each lies from it in that of the weights."""
    centre = values.mean()
    return centre, (values - centre).astype(weights.dtype)


def _trimmed(scores: RunScores) -> float:
    """Weight that the interquartile mean leaves out at either end."""
    runs = sum(scores.sizes)
    return float(runs // 4) if scores.balanced else runs / 4


def _iqm(values: FloatArray, weights: WeightArray, scores: RunScores) -> FloatArray:
    order = np.argsort(values, kind="stable")
    centre, offsets = _centred(values[order], weights)
    trimmed = _trimmed(scores)
    inside = np.cumsum(weights[order], axis=0)
    np.clip(inside, trimmed, len(values) - trimmed, out=inside)
    # Summation by parts: the sum of v_i (c_i - c_{i-1}) without the differences of c.
    steps = np.append(-np.diff(offsets), offsets[-1])
    return np.asarray((steps @ inside - trimmed * offsets[0]) / (len(values) - 2 * trimmed) + centre)


def _winsorised(values: FloatArray, scores: RunScores) -> FloatArray:
    ascending, trimmed = np.sort(values), int(_trimmed(scores))
    return np.clip(values, ascending[trimmed], ascending[len(values) - 1 - trimmed])


def optimality_gap(gamma: float = 1.0) -> Statistic:
    """How far scores fall short of ``gamma`` on average, those above it counting as ``gamma``.

    Scores cut off at ``gamma`` are skewed, so the interval is bias-corrected, and leaves out 4 % where it
    states 5: where few runs fall short a sample of them may hold none that fails badly.
    """

    def value(values: FloatArray, weights: WeightArray, scores: RunScores) -> FloatArray:
        return gamma - _mean(np.minimum(values, gamma), weights, scores)

    return Statistic(
        "optimality gap",
        value,
        lambda values, scores: np.minimum(values, gamma),
        min_runs=MIN_RUNS_OF_MEANS,
        bias_corrected=True,
        error_share=0.8,
    )


MEAN = Statistic("mean", _mean, lambda values, scores: values, min_runs=MIN_RUNS_OF_MEANS)
MEDIAN = Statistic(
    "median",
    _median,
    lambda values, scores: values,
    no_interval="no interval for the median over tasks: with few runs and skewed scores it covers too little",
)
IQM = Statistic("IQM", _iqm, _winsorised)
OPTIMALITY_GAP = optimality_gap()
AGGREGATES = (IQM, MEDIAN, MEAN, OPTIMALITY_GAP)


def point_estimate(scores: RunScores, statistic: Statistic, point: int = 0) -> float:
    """The statistic of the data, at one point of the grid."""
    weights = scores.base_weights[:, None]
    return float(statistic.value(scores.point(point), weights, scores)[0])


def aggregate(
    scores: RunScores,
    statistics: Sequence[Statistic] = AGGREGATES,
    *,
    replications: int = DEFAULT_REPLICATIONS,
    seed: int = 0,
    confidence: float = 0.95,
) -> list[list[Interval]]:
    """Estimates with intervals, ``[statistics][points]``; all from the same resamples of whole runs.

    Args:
        scores: of one algorithm.
        statistics: what to compute.
        replications: of the bootstrap.
        seed: the same seed gives the same intervals.
        confidence: as stated, pointwise for curves.
    """
    replicates = bootstrap(scores, statistics, replications, seed)
    return [
        [
            _interval(scores, statistic, point, replicates[number, point], confidence)
            for point in range(scores.values.shape[1])
        ]
        for number, statistic in enumerate(statistics)
    ]


def _interval(
    scores: RunScores, statistic: Statistic, point: int, replicates: FloatArray, confidence: float
) -> Interval:
    estimate = point_estimate(scores, statistic, point)
    reason = too_few_runs(scores.sizes, statistic.min_runs) or statistic.no_interval
    if reason:
        return Interval(estimate, None, None, confidence, reason)
    variances = _variances(statistic.influence(scores.point(point), scores), scores)
    interval = expanded_interval(
        estimate,
        replicates,
        variances,
        scores.sizes,
        1.0 - statistic.error_share * (1.0 - confidence),
        bias_corrected=statistic.bias_corrected,
    )
    return replace(interval, confidence=confidence)


def bootstrap(
    scores: RunScores, statistics: Sequence[Statistic], replications: int, seed: int = 0
) -> FloatArray:
    """The statistics of resamples of whole runs: ``[statistics, points, replications]``.

    A resample is the same one for every statistic and at every point.
    """
    points = scores.values.shape[1]
    replicates = np.empty((len(statistics), points, replications))
    done = 0
    for weights in resampled_weights(scores, replications, seed):
        columns = slice(done, done + weights.shape[1])
        for number, statistic in enumerate(statistics):
            for point in range(points):
                replicates[number, point, columns] = statistic.value(scores.point(point), weights, scores)
        done = columns.stop
    return replicates


def _variances(influence: FloatArray, scores: RunScores) -> list[float]:
    return [
        float(influence[rows].var(ddof=1)) / size if size > 1 else 0.0
        for rows, size in zip(scores.slices(), scores.sizes, strict=True)
    ]


def performance_profile(
    scores: RunScores, taus: Sequence[float], *, confidence: float = 0.95
) -> list[Interval]:
    """Fraction of runs above each ``tau``, with pointwise intervals (Agarwal et al., 2021, section 4.2).

    Every task has the same weight, whatever its runs. The intervals are those of a fraction
    (:mod:`analysis.statistics.proportions`), also where no run or every run is above.

    Args:
        scores: scalar ones, of one algorithm.
        taus: where to count.
        confidence: as stated, at each point for itself.
    """
    return [
        mean_proportion(
            [int((scores.point(0)[rows] > tau).sum()) for rows in scores.slices()],
            scores.sizes,
            confidence=confidence,
        )
        for tau in taus
    ]


def area_under_curve(grid: npt.ArrayLike, curves: npt.ArrayLike) -> FloatArray:
    """Mean height of each curve over the grid's span, by the trapezoidal rule: ``[runs]``.

    A functional of the whole curve of a run; aggregate it like any other score.

    Args:
        grid: ``[points]`` strictly increasing timesteps.
        curves: ``[runs, points]``.

    Raises:
        ValueError: fewer than two points, or a grid that does not rise.
    """
    x, y = np.asarray(grid, dtype=np.float64), np.asarray(curves, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2 or np.any(np.diff(x) <= 0) or y.shape[-1] != len(x):
        raise ValueError("grid: expected at least two rising timesteps, one per point of the curves")
    return np.asarray(np.trapezoid(y, x, axis=-1) / (x[-1] - x[0]))


def common_scores(by_algorithm: Mapping[str, Mapping[str, npt.ArrayLike]]) -> dict[str, RunScores]:
    """Restrict every algorithm to the tasks that all of them have, in alphabetical order.

    Returns:
        Algorithm -> scores; empty where no task is common to all.
    """
    common: set[str] = set.intersection(*(set(tasks) for tasks in by_algorithm.values()))
    if not common:
        return {}
    return {
        name: RunScores.of({task: tasks[task] for task in sorted(common)})
        for name, tasks in by_algorithm.items()
    }
