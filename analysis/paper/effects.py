"""What a statistic comes to: an estimate with an interval at any confidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from analysis.statistics.intervals import MIN_RUNS_PER_TASK, Interval


@dataclass(frozen=True)
class Effect:
    """A measured statistic.

    Attributes:
        at: its interval at a confidence such as 0.95; the estimate is the same at each.
        seeds: runs of the agent that has the fewest.
        reached: of a time to a level, how many of these reached it; None for anything else.
        groups: 2 where it compares two groups of runs, 1 where it is of one.
        needs: seeds from which on it has an interval, as far as seeds decide that.
    """

    at: Callable[[float], Interval]
    seeds: int
    reached: int | None = None
    groups: int = 1
    needs: int = MIN_RUNS_PER_TASK


def least(effects: Sequence[Effect]) -> Effect:
    """The least of several advantages: better than each of them means better than the least.

    Its interval runs from the lowest lower end to the lowest upper end, and is missing where one is.
    """
    if len(effects) == 1:
        return effects[0]

    def at(confidence: float) -> Interval:
        found = [effect.at(confidence) for effect in effects]
        estimate = min(interval.estimate for interval in found)
        for interval in found:
            if interval.low is None or interval.high is None:
                return Interval(estimate, None, None, confidence, interval.missing)
        low = min(interval.low for interval in found if interval.low is not None)
        high = min(interval.high for interval in found if interval.high is not None)
        return Interval(estimate, low, high, confidence)

    needs = max(effect.needs for effect in effects)
    return Effect(at, min(effect.seeds for effect in effects), groups=effects[0].groups, needs=needs)


def geometric_mean(effects: Sequence[Effect]) -> Effect:
    """Geometric mean of ratios that are independent: half-widths on the logarithm add in squares."""
    return _of_logs(effects, [1.0 / len(effects)] * len(effects))


def quotient(x: Effect, y: Effect) -> Effect:
    """Ratio X over ratio Y, independent of each other."""
    return _of_logs([x, y], [1.0, -1.0])


def _of_logs(effects: Sequence[Effect], weights: Sequence[float]) -> Effect:
    def at(confidence: float) -> Interval:
        found = [effect.at(confidence) for effect in effects]
        centre = sum(w * math.log(i.estimate) for w, i in zip(weights, found, strict=True))
        squares = 0.0
        for weight, interval in zip(weights, found, strict=True):
            if interval.low is None or interval.high is None:
                return Interval(math.exp(centre), None, None, confidence, interval.missing)
            ends = [math.log(end) for end in (interval.low, interval.estimate, interval.high)]
            squares += (weight * max(after - before for before, after in pairwise(ends))) ** 2
        half = math.sqrt(squares)
        return Interval(math.exp(centre), math.exp(centre - half), _exp(centre + half), confidence)

    needs = max(effect.needs for effect in effects)
    return Effect(at, min(effect.seeds for effect in effects), groups=2, needs=needs)


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf
