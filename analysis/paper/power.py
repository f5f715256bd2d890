"""How many seeds would decide a claim that is open, as far as the spread of those seen can tell."""

from __future__ import annotations

import math

from analysis.paper.effects import Effect
from analysis.paper.schema import Region
from analysis.statistics.comparisons import seeds_to_decide
from analysis.statistics.quantiles import normal_quantile, student_quantile

MOST = 1000
"""More seeds than anyone runs: what needs them is not decided by seeds."""


def for_region(effect: Effect, region: Region, confidence: float) -> int | None:
    """Seeds with which a statistic at this distance from the nearest edge of the region is told from it.

    None where it is too near the edge, or has no interval.
    """
    estimate = effect.at(0.95).estimate
    edges = [edge for edge in (region.low, region.high) if math.isfinite(edge)]
    edge = min(edges, key=lambda edge: abs(edge - estimate))
    return _needed(effect, edge - estimate, confidence)


def for_value(effect: Effect, paper: float, allowed: float, paper_seeds: int) -> int | None:
    """Seeds with which a value as measured is told to be within ``allowed`` of the paper's, or not to be.

    None where it is outside and the noise of the paper's own few seeds would still explain that.
    """
    away = paper - effect.at(0.95).estimate
    if abs(away) <= allowed:
        return _needed(effect, math.copysign(allowed - abs(away), -away), 0.95)
    spread = _spread(effect, away)
    if spread is None:
        return None
    own_noise = normal_quantile(0.975) * spread / math.sqrt(paper_seeds)
    return None if own_noise >= abs(away) else _needed(effect, abs(away) - own_noise, 0.95)


def _needed(effect: Effect, distance: float, confidence: float) -> int | None:
    spread = _spread(effect, distance)
    if spread is None or spread == 0.0:
        return None
    seeds = seeds_to_decide(distance / spread, alpha=1.0 - confidence, paired=effect.groups == 1)
    if seeds is None or seeds > MOST:
        return None
    return max(seeds, effect.seeds + 1)


def _spread(effect: Effect, direction: float) -> float | None:
    """Standard deviation between seeds, from the half of the interval on the side of ``direction``."""
    interval = effect.at(0.95)
    end = interval.high if direction > 0 else interval.low
    if end is None or not math.isfinite(end) or effect.seeds < 2:
        return None
    error = abs(end - interval.estimate) / student_quantile(0.975, effect.groups * (effect.seeds - 1))
    return error * math.sqrt(effect.seeds / effect.groups)
