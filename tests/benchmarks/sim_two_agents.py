"""What intervals of one mean and of two agents' difference or ratio cover, for ``sim_coverage.py``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from coverage_counts import Coverage
from distributions import DISTRIBUTIONS, Draw, FloatArray

from analysis.statistics.intervals import Interval
from analysis.statistics.means import (
    MIN_RUNS_OF_A_MEAN,
    difference_of_means,
    mean_interval,
    ratio_of_means,
)
from analysis.statistics.spreads import NOT_TOLD, difference_of_spreads
from analysis.statistics.survival import Times, common_horizon, ratio_of_restricted_means

SPREADS = (1.0, 3.0, 10.0, math.inf, 1 / 3, 0.1, 0.0)
"""How many times as much as Y X spreads; infinity: Y does not vary at all."""
SIZES = ((3, 3), (3, 5), (5, 5), (10, 10), (5, 10))
Pair = Callable[[np.random.Generator, tuple[int, int]], tuple[FloatArray, FloatArray]]


def steady(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Scores of an agent whose seeds do alike: Gaussian, standard deviation 0.1 of the mean."""
    return generator.normal(1.0, 0.1, shape)


def single(draw: Draw, runs: int, trials: int, seed: int = 0) -> Coverage:
    """Student's interval of one mean."""
    generator = np.random.default_rng(seed)
    true = mean_of(draw)
    return Coverage.of((mean_interval(draw(generator, (runs,))), true) for _ in range(trials))


def differences(
    draw: Draw, runs: tuple[int, int], spread: float, trials: int, other: Draw | None = None, seed: int = 0
) -> Coverage:
    """Welch's interval of the difference.

    Args:
        draw: scores of X, about their mean ``spread`` times as wide. Where that is infinite Y is constant,
            where it is 0 X is.
        runs: of X and of Y.
        spread: one of :data:`SPREADS`.
        trials: samples.
        other: scores of Y, as X's unless given.
        seed: of the generator.
    """
    generator = np.random.default_rng(seed)
    wide = 1.0 if math.isinf(spread) else spread
    narrow = 0.0 if math.isinf(spread) else 1.0
    sides = [(draw, wide, mean_of(draw)), (other or draw, narrow, mean_of(other or draw))]

    def trial() -> Interval:
        x, y = (s * (d(generator, (n,)) - m) for (d, s, m), n in zip(sides, runs, strict=True))
        return difference_of_means(x, y)

    return Coverage.of((trial(), 0.0) for _ in range(trials))


def ratios(x: Draw, y: Draw, runs: tuple[int, int], trials: int, seed: int = 0) -> Coverage:
    """Welch's interval of the ratio of 1.5 X to Y."""
    generator = np.random.default_rng(seed)
    true = 1.5 * mean_of(x) / mean_of(y)

    def trial() -> Interval | None:
        return ratio_of_means(1.5 * x(generator, (runs[0],)), y(generator, (runs[1],)))

    return Coverage.of((trial(), true) for _ in range(trials))


def spreads(draw: Draw, runs: tuple[int, int], times_as_wide: float, trials: int, seed: int = 0) -> Coverage:
    """The side of 0 on which a difference of spreads is said to be; one that is truly 0 is on neither."""
    generator = np.random.default_rng(seed)
    alike = times_as_wide == 1.0

    def trial() -> tuple[Interval | None, float]:
        x, y = times_as_wide * draw(generator, (runs[0],)), draw(generator, (runs[1],))
        found = difference_of_spreads(x, y)
        if not alike:
            return found, 1.0
        told = found.low is not None
        neither = Interval(0.0, 0.0, 0.0) if told or found.missing == NOT_TOLD else None
        return neither, 1.0 if told else 0.0

    return Coverage.of(trial() for _ in range(trials))


def times(x: Draw, y: Draw, censored: float, runs: tuple[int, int], trials: int, seed: int = 0) -> Coverage:
    """Of the ratio of restricted mean times, X taking twice as long where both have the same draw.

    Args:
        x, y: times of the slower agent, before they are doubled, and of the faster; at least 0.05 each.
        censored: fraction of the slower agent's runs that do not reach the level in the budget.
        runs: of the slower and of the faster agent.
        trials, seed: as above.
    """
    generator = np.random.default_rng(seed)

    def drawn(draw: Draw, scale: float, size: int) -> FloatArray:
        return scale * np.maximum(draw(generator, (size,)), 0.05)

    sides = ((x, 2.0), (y, 1.0))
    large = [drawn(draw, scale, 200_000) for draw, scale in sides]
    budget = float(np.quantile(large[0], 1 - censored)) if censored else 1e9
    whole = float(large[0].mean() / large[1].mean())
    restricted = [float(np.minimum(times, budget).mean()) for times in large]

    def sample(draw: Draw, scale: float, size: int) -> Times:
        times = drawn(draw, scale, size)
        return Times(np.minimum(times, budget), times <= budget)

    def trial() -> tuple[Interval, float]:
        slow, fast = (sample(*side, size) for side, size in zip(sides, runs, strict=True))
        uncensored = common_horizon((slow, fast)) != budget
        true = whole if uncensored else restricted[0] / restricted[1]
        return ratio_of_restricted_means(slow, fast), true

    return Coverage.of(trial() for _ in range(trials))


def mean_of(draw: Draw) -> float:
    """The true mean, from a million scores."""
    return float(draw(np.random.default_rng(1), (1_000_000,)).mean())


def means_lines(most: int) -> Iterator[str]:
    yield "difference by how many times as much as Y X spreads; nan: no interval from so few"
    yield "runs   distribution      mean  " + "".join(f"{name:>8}" for name in _spread_names())
    for runs in SIZES:
        trials = most if min(runs) >= MIN_RUNS_OF_A_MEAN else 20  # all of which are refused
        for name, draw in DISTRIBUTIONS.items():
            one = single(draw, runs[0], trials)
            found = [differences(draw, runs, spread, trials) for spread in SPREADS]
            yield f"{_runs_text(runs):<6} {name:<13}{one.held:9.1%}  {_held(found)}"
    yield "X and Y of different distributions"
    for runs in ((5, 5), (10, 10), (5, 10)):
        for one, other in (("Gaussian", "skewed"), ("Gaussian", "bimodal"), ("skewed", "bimodal")):
            pair = DISTRIBUTIONS[one], DISTRIBUTIONS[other]
            found = [differences(pair[0], runs, spread, most, pair[1]) for spread in SPREADS]
            yield f"{_runs_text(runs):<6} {one + ', ' + other:<24}{_held(found)}"


def _spread_names() -> list[str]:
    return [f"{spread:.2g}" for spread in SPREADS]


def _held(found: Sequence[Coverage]) -> str:
    return "".join(f"{coverage.held:8.1%}" for coverage in found)


def ratios_lines(most: int) -> Iterator[str]:
    yield "covered (given): of 1.5 X / Y; steady: Gaussian, standard deviation 0.1 of the mean"
    yield "runs   distribution         alike          X steady          Y steady"
    for runs in SIZES:
        trials = most if min(runs) >= MIN_RUNS_OF_A_MEAN else 20  # all of which are refused
        for name, draw in DISTRIBUTIONS.items():
            found = [ratios(x, y, runs, trials) for x, y in ((draw, draw), (steady, draw), (draw, steady))]
            yield f"{_runs_text(runs):<6} {name:<12}" + "".join(_given(coverage) for coverage in found)


def times_lines(most: int) -> Iterator[str]:
    yield "covered (given), by the share of X's runs that are censored"
    heads = ("alike 0 %", "30 %", "X steady 0 %", "Y steady 0 %", "30 %")
    yield "runs   distribution" + "".join(f"{head:>17}" for head in heads)
    for runs in SIZES:
        trials = most if min(runs) >= MIN_RUNS_OF_A_MEAN else 20  # all of which are refused
        for name, draw in DISTRIBUTIONS.items():
            cases = (
                (draw, draw, 0.0),
                (draw, draw, 0.3),
                (steady, draw, 0.0),
                (draw, steady, 0.0),
                (draw, steady, 0.3),
            )
            found = [times(*case, runs, trials) for case in cases]
            yield f"{_runs_text(runs):<6} {name:<12}" + "".join(_given(coverage) for coverage in found)


def spreads_lines(trials: int) -> Iterator[str]:
    yield "not said to be on the wrong side of 0 (said to be on one), by how many times as much X spreads"
    yield "runs   distribution                1                3               10"
    for runs in ((5, 5), (10, 10), (20, 20), (10, 20)):
        for name, draw in DISTRIBUTIONS.items():
            found = [spreads(draw, runs, wide, trials) for wide in (1.0, 3.0, 10.0)]
            yield f"{_runs_text(runs):<6} {name:<12}" + "".join(_given(coverage) for coverage in found)


def _given(coverage: Coverage) -> str:
    return f"{coverage.held:8.1%} ({coverage.given:6.1%})"


def _runs_text(runs: tuple[int, int]) -> str:
    return f"{runs[0]}, {runs[1]}"
