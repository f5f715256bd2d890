"""Time to a level when some seeds never reach it: censoring done right.

A seed that did not reach the level has a time that is only known to exceed its budget: it is *censored*
there. Averaging the seeds that did reach it understates the time; the paper prints N/A instead
(:class:`analysis.statistics.seeds.Reached`). Kaplan and Meier's estimate uses both kinds, and its area up to
a horizon is the *restricted mean* time: the mean of min(time, horizon). Times are in any one unit (timesteps,
episodes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.statistics.intervals import Interval
from analysis.statistics.means import too_few_seeds, too_few_to_compare, welch_half_width
from analysis.statistics.proportions import proportion_limits

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Times:
    """Times to an event, some censored.

    Attributes:
        times: ``[seeds]`` when it happened or, where it did not, how long was looked.
        reached: ``[seeds]`` whether it happened.

    Raises:
        ValueError: no seed, lengths that differ, or a time that is negative or not finite.
    """

    times: FloatArray
    reached: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", np.asarray(self.times, dtype=np.float64))
        object.__setattr__(self, "reached", np.asarray(self.reached, dtype=bool))
        if self.times.ndim != 1 or len(self.times) == 0 or self.times.shape != self.reached.shape:
            raise ValueError("times: expected one time and one truth value per seed, of at least one seed")
        if not np.all(np.isfinite(self.times)) or np.any(self.times < 0):
            raise ValueError("times: expected finite times that are not negative")

    def __len__(self) -> int:
        return len(self.times)

    @property
    def known_until(self) -> float:
        """The longest time looked at, beyond which nothing is known; infinity where no seed is left."""
        longest = float(self.times.max())
        return math.inf if self.reached[self.times == longest].all() else longest


def common_horizon(observed: Sequence[Times]) -> float:
    """The longest time up to which the restricted mean of all of them is known.

    Where every seed of all of them reached the level it is the longest time of all, and restricted means are
    plain means.
    """
    known = min(times.known_until for times in observed)
    return known if math.isfinite(known) else max(float(times.times.max()) for times in observed)


@dataclass(frozen=True)
class SurvivalCurve:
    """Kaplan and Meier's estimate of P(not reached by then), a step function.

    Attributes:
        times: ``[steps]`` at which seeds reached the level, rising.
        survival: ``[steps]`` from each of these times on, until the next.
        at_risk: ``[steps]`` seeds that had neither reached it before nor been censored before.
        events: ``[steps]`` how many reached it.
    """

    times: FloatArray
    survival: FloatArray
    at_risk: FloatArray
    events: FloatArray

    def at(self, time: float) -> float:
        """P(not reached by ``time``)."""
        index = int(np.searchsorted(self.times, time, side="right"))
        return float(self.survival[index - 1]) if index else 1.0


def kaplan_meier(observed: Times) -> SurvivalCurve:
    """Kaplan and Meier (1958). A seed censored at the time of another's event counts as at risk there."""
    times = np.unique(observed.times[observed.reached])
    at_risk = (observed.times[None, :] >= times[:, None]).sum(axis=1).astype(float)
    same = observed.times[None, :] == times[:, None]
    events = (same & observed.reached[None, :]).sum(axis=1).astype(float)
    return SurvivalCurve(times, np.cumprod(1.0 - events / at_risk), at_risk, events)


@dataclass(frozen=True)
class RestrictedMean:
    """Mean of min(time, horizon).

    Attributes:
        mean: area under the survival curve up to the horizon.
        variance: of the mean, Greenwood's with the small-sample factor m / (m - 1), m being the number of
            seeds that reached the level; None where m is below two.
        horizon: up to which time.
        seeds, reached: how many there were, and how many reached the level by the horizon.
    """

    mean: float
    variance: float | None
    horizon: float
    seeds: int
    reached: int


def restricted_mean(observed: Times, horizon: float) -> RestrictedMean:
    """Restricted mean time to the level (Irwin, 1949; variance of Kaplan and Meier, 1958, section 4).

    Without censoring before the horizon it is the plain mean of min(time, horizon).

    Raises:
        ValueError: the horizon is not positive, or beyond the longest time looked at while a seed had not
            reached the level by then: what happens after it is unknown.
    """
    if not horizon > 0.0:
        raise ValueError(f"horizon: expected a positive time, got {horizon}")
    if horizon > observed.known_until:
        raise ValueError(f"horizon: expected at most {observed.known_until:g}, the longest time looked at")
    curve = kaplan_meier(observed)
    inside = curve.times <= horizon
    edges = np.concatenate([[0.0], curve.times[inside], [horizon]])
    heights = np.concatenate([[1.0], curve.survival[inside]])
    pieces = np.diff(edges) * heights
    areas_after = np.cumsum(pieces[::-1])[::-1][1:]
    at_risk, events = curve.at_risk[inside], curve.events[inside]
    left = at_risk - events
    terms = np.divide(areas_after**2 * events, at_risk * left, out=np.zeros_like(left), where=left > 0)
    reached = int(events.sum())
    variance = float(terms.sum()) * reached / (reached - 1) if reached > 1 else None
    return RestrictedMean(float(pieces.sum()), variance, float(horizon), len(observed), reached)


def ratio_of_restricted_means(
    x: Times, y: Times, horizon: float | None = None, confidence: float = 0.95
) -> Interval:
    """How many times as long X takes as Y, up to the same horizon.

    The interval is Welch's on the logarithm, with an error rate as for means
    (:mod:`analysis.statistics.means`). It is missing where either has fewer than five seeds, and where fewer
    than two of either reached the level: then one side is only known to exceed the horizon.
    ``tests/benchmarks/sim_coverage.py times`` measures what it covers.

    Args:
        x, y: times of the two.
        horizon: that of :func:`common_horizon`, unless given.
        confidence: of the interval.

    Raises:
        ValueError: as :func:`restricted_mean`, or a restricted mean of zero.
    """
    at = common_horizon((x, y)) if horizon is None else horizon
    a, b = restricted_mean(x, at), restricted_mean(y, at)
    if a.mean <= 0.0 or b.mean <= 0.0:
        raise ValueError("expected restricted means above zero, to take a ratio")
    ratio = a.mean / b.mean
    few = too_few_to_compare(len(x), len(y))
    if few:
        return Interval(ratio, None, None, confidence, few)
    if a.variance is None or b.variance is None:
        fewest = min(a.reached, b.reached)
        reason = f"no interval where {fewest} of the seeds of one side reached the level: at least 2 needed"
        return Interval(ratio, None, None, confidence, reason)
    squares = a.variance / a.mean**2, b.variance / b.mean**2
    half = welch_half_width(squares[0], a.reached - 1.0, squares[1], b.reached - 1.0, confidence)
    return Interval(ratio, ratio * math.exp(-half), ratio * math.exp(half), confidence)


def fraction_reached(reached: int, seeds: int, confidence: float = 0.95) -> Interval:
    """Fraction of seeds that reached the level, with the interval of :mod:`analysis.statistics.proportions`.

    Of so few seeds the fraction has few values, so that no interval covers alike whatever is true: a 95 % one
    covers 92 to 100 % (``tests/benchmarks/sim_coverage.py fractions``). With fewer than 3 seeds there is
    none.

    Raises:
        ValueError: not 0 <= reached <= seeds, or no seed.
    """
    if not 0 <= reached <= seeds or seeds == 0:
        raise ValueError(f"expected 0 <= reached <= seeds with at least one seed, got {reached} of {seeds}")
    missing = too_few_seeds(seeds)
    if missing:
        return Interval(reached / seeds, None, None, confidence, missing)
    low, high = proportion_limits(reached / seeds, seeds, confidence)
    return Interval(reached / seeds, low, high, confidence)
