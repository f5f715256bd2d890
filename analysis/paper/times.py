"""Times to a level as the claims need them, seeds that never reach it included."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from analysis.load import Run, Setting
from analysis.paper.effects import Effect, least
from analysis.reference import Reference
from analysis.run_statistics import crossing
from analysis.sections.time_to_level import TimesToLevel, times_to_level
from analysis.statistics.comparisons import permutation_test
from analysis.statistics.episodes import first_episode_reaching
from analysis.statistics.intervals import Interval
from analysis.statistics.means import MIN_RUNS_OF_A_MEAN, mean_interval
from analysis.statistics.survival import Times, common_horizon, ratio_of_restricted_means

NO_LEVEL = "the environment has no level to reach"


def episode_n(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
    """Mean episode N; without an interval where a seed never got there (the paper's N/A)."""
    return _mean_time(sides[0], reference, _episode)


def timestep_n(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
    """Mean timestep at which the window of N was complete."""
    return _mean_time(sides[0], reference, _timestep)


def hours_to_level(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
    """Mean hours of training at that timestep."""
    return _mean_time(sides[0], reference, _hours)


def saved(
    unit: Literal["episodes", "timesteps"],
) -> Callable[[Sequence[Setting], Reference | None], Effect | str]:
    """How many times as long the others take to the level as the first: ratio of restricted means.

    Where too few seeds of a side got there for Welch's interval, a permutation test on min(time, horizon) may
    still tell the sides apart; the interval then says which side of 1 the ratio is on and no more.
    """

    def measure(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
        if reference is None:
            return NO_LEVEL
        found = [times_to_level(side, reference) for side in sides]
        times = [_times(side, unit) for side in found if side is not None]
        known = [side for side in times if side is not None]
        if len(known) < len(sides):
            return f"{unit} to the level are not known of every run"
        first = known[0]
        for other in known[1:]:
            if not (first.reached.any() or other.reached.any()):
                return "no seed of either agent reached the level: the budget is too small to tell"
            if common_horizon((first, other)) <= 0:
                return "a run has fewer episodes than one window"
        return least([_ratio(other, first) for other in known[1:]])

    return measure


def _times(found: TimesToLevel, unit: str) -> Times | None:
    return found.episodes if unit == "episodes" else found.timesteps


def _ratio(y: Times, x: Times) -> Effect:
    def at(confidence: float) -> Interval:
        interval = ratio_of_restricted_means(y, x, confidence=confidence)
        if interval.missing and min(len(x), len(y)) >= MIN_RUNS_OF_A_MEAN:
            horizon = common_horizon((x, y))
            test = permutation_test(np.minimum(y.times, horizon), np.minimum(x.times, horizon))
            if test.p <= 1.0 - confidence:
                low, high = (1.0, math.inf) if test.difference > 0 else (0.0, 1.0)
                return Interval(interval.estimate, low, high, confidence)
        return interval

    return Effect(at, min(len(x), len(y)), groups=2, needs=MIN_RUNS_OF_A_MEAN)


def _mean_time(
    side: Setting, reference: Reference | None, time: Callable[[Run, Reference], float | None]
) -> Effect | str:
    if reference is None:
        return NO_LEVEL
    if any(run.curve is not None for run in side.runs):
        return "a run is known by its curve alone"
    times = [found for run in side.runs if (found := time(run, reference)) is not None]
    seeds, reached = len(side.runs), len(times)

    def at(confidence: float) -> Interval:
        if reached < seeds:
            missing = f"{reached} of {seeds} seeds reached the level"
            return Interval(float(np.mean(times)) if times else math.nan, None, None, confidence, missing)
        return mean_interval(times, confidence)

    return Effect(at, seeds, reached, needs=MIN_RUNS_OF_A_MEAN)


def _episode(run: Run, reference: Reference) -> float | None:
    found = crossing(run, reference)
    return None if found is None or found[0] is None else float(found[0])


def _timestep(run: Run, reference: Reference) -> float | None:
    found = crossing(run, reference)
    return None if found is None else float(found[1])


def _hours(run: Run, reference: Reference) -> float | None:
    found = first_episode_reaching(run.episodes.returns, reference.value, reference.window)
    return None if found is None else float(run.episodes.wall_times[found.last_episode - 1]) / 3600.0
