"""What the intervals cover: how often a stated 95 % interval holds the true value.

    OMP_NUM_THREADS=1 python tests/benchmarks/sim_coverage.py aggregates --trials 1000
    OMP_NUM_THREADS=1 python tests/benchmarks/sim_coverage.py profile --trials 10000
    OMP_NUM_THREADS=1 python tests/benchmarks/sim_coverage.py improvement --trials 2000
    OMP_NUM_THREADS=1 python tests/benchmarks/sim_coverage.py means --trials 10000
    OMP_NUM_THREADS=1 python tests/benchmarks/sim_coverage.py ratios --trials 10000
    OMP_NUM_THREADS=1 python tests/benchmarks/sim_coverage.py times --trials 2000
    OMP_NUM_THREADS=1 python tests/benchmarks/sim_coverage.py spreads --trials 10000
    OMP_NUM_THREADS=1 python tests/benchmarks/sim_coverage.py fractions

``aggregates``: over tasks (the median's, which reports do not print, as well). ``profile``: the fraction of
runs above a score. ``improvement``: P(X > Y), by how likely it truly is. ``means``: of one agent, and
differences of two. ``ratios``: of means. ``times``: the ratio of restricted mean times. ``spreads``: which
agent's runs differ more. ``fractions``: of seeds that reach a level, without trials.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from coverage_counts import Coverage
from distributions import DISTRIBUTIONS, Draw, FloatArray
from sim_two_agents import means_lines, ratios_lines, spreads_lines, times_lines

from analysis.statistics.aggregates import (
    IQM,
    MEAN,
    MEDIAN,
    OPTIMALITY_GAP,
    Statistic,
    aggregate,
    performance_profile,
    point_estimate,
)
from analysis.statistics.improvement import probability_of_improvement
from analysis.statistics.intervals import Interval
from analysis.statistics.quantiles import normal_quantile
from analysis.statistics.resampling import RunScores
from analysis.statistics.survival import fraction_reached

STATISTICS = (IQM, MEAN, OPTIMALITY_GAP, replace(MEDIAN, no_interval=""))


def aggregates(
    draw: Draw,
    tasks: int,
    runs: int,
    trials: int,
    *,
    statistics: Sequence[Statistic] = STATISTICS,
    replications: int = 1000,
    seed: int = 0,
) -> list[Coverage]:
    """Per statistic, of the scores of one agent.

    The tasks differ by a factor between 0.6 and 1.4. The truth is the statistic of 20,000 runs per task.
    """
    sample = _sampler(draw, tasks, seed)
    population = sample(20_000)
    truth = [point_estimate(population, statistic) for statistic in statistics]
    found: list[list[tuple[Interval | None, float]]] = [[] for _ in statistics]
    for trial in range(trials):
        intervals = aggregate(sample(runs), statistics, replications=replications, seed=trial)
        for into, (interval,), true in zip(found, intervals, truth, strict=True):
            into.append((interval, true))
    return [Coverage.of(one) for one in found]


def profile(
    draw: Draw, tasks: int, runs: int, trials: int, taus: Sequence[float], seed: int = 0
) -> list[Coverage]:
    """Per tau, of the fraction of one agent's runs above it; tasks and truth as for ``aggregates``."""
    sample = _sampler(draw, tasks, seed)
    truth = [point.estimate for point in performance_profile(sample(20_000), taus)]
    found = [performance_profile(sample(runs), taus) for _ in range(trials)]
    return [Coverage.of((points[i], true) for points in found) for i, true in enumerate(truth)]


def _sampler(draw: Draw, tasks: int, seed: int) -> Callable[[int], RunScores]:
    generator = np.random.default_rng(seed)
    factors = generator.uniform(0.6, 1.4, tasks)

    def sample(size: int) -> RunScores:
        values = draw(generator, (tasks, size)) * factors[:, None]
        return RunScores.of({str(task): row for task, row in enumerate(values)})

    return sample


def sides(name: str, p: float) -> tuple[Draw, Draw]:
    """Draws of X and Y with P(X > Y) = p.

    Gaussian and skewed scores of X are moved or scaled; of bimodal ones X fails in 1 - p of its runs, Y in p.
    """
    if name == "bimodal":
        return _failing(1.0 - p), _failing(p)
    draw = DISTRIBUTIONS[name]
    apart = np.sqrt(2.0) * normal_quantile(p) if p != 0.5 else 0.0
    if name == "skewed":
        return (lambda generator, shape: float(np.exp(0.6 * apart)) * draw(generator, shape)), draw
    return (lambda generator, shape: 0.35 * apart + draw(generator, shape)), draw


def _failing(share: float) -> Draw:
    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        return np.where(generator.random(shape) < share, 0.3, 1.2) + generator.normal(0.0, 0.1, shape)

    return draw


def improvement(
    by_task: Sequence[tuple[Draw, Draw]], runs: tuple[int, int], trials: int, seed: int = 0
) -> Coverage:
    """Of the probability of improvement over tasks with these draws of X and Y, ``runs`` of either."""
    generator = np.random.default_rng(seed)
    true = float(np.mean([_share(x(generator, (40_000,)), y(generator, (40_000,))) for x, y in by_task]))

    def trial() -> Interval:
        agents = [
            RunScores.of({str(t): pair[side](generator, (runs[side],)) for t, pair in enumerate(by_task)})
            for side in (0, 1)
        ]
        return probability_of_improvement(*agents)

    return Coverage.of((trial(), true) for _ in range(trials))


def _share(x: FloatArray, y: FloatArray) -> float:
    """Of the pairs that X wins."""
    return float(np.searchsorted(np.sort(y), x).mean()) / len(y)


def fractions(seeds: int) -> FloatArray:
    """Of the fraction of seeds that reach a level: exact, at 2,000 true fractions between 0 and 1."""
    true = (np.arange(2000) + 0.5) / 2000
    covered = np.zeros_like(true)
    for reached in range(seeds + 1):
        interval = fraction_reached(reached, seeds)
        chance = math.comb(seeds, reached) * true**reached * (1 - true) ** (seeds - reached)
        if interval.low is not None and interval.high is not None:
            covered += chance * ((interval.low <= true) & (true <= interval.high))
    return covered


def aggregates_lines(trials: int) -> Iterator[str]:
    yield "tasks  runs  distribution   " + "".join(f"{name:>10}" for name in ("IQM", "mean", "gap", "median"))
    for tasks, runs in _SIZES:
        for name, draw in DISTRIBUTIONS.items():
            found = aggregates(draw, tasks, runs, trials)
            yield f"{tasks:5}  {runs:4}  {name:<13}" + "".join(f"{c.held:10.1%}" for c in found)


def profile_lines(trials: int) -> Iterator[str]:
    taus = (0.3, 0.5, 0.75, 1.0, 1.25, 1.5)
    yield "tasks  runs  distribution" + "".join(f"{f'above {tau:g}':>12}" for tau in taus)
    for tasks, runs in _SIZES:
        for name, draw in DISTRIBUTIONS.items():
            found = profile(draw, tasks, runs, trials, taus)
            yield f"{tasks:5}  {runs:4}  {name:<12}" + "".join(f"{c.held:12.1%}" for c in found)


_SIZES = (*((6, runs) for runs in (3, 5, 10)), *((4, runs) for runs in (3, 5, 10)), (1, 18))


def improvement_lines(trials: int) -> Iterator[str]:
    true = (0.5, 0.7, 0.9, 0.97)
    yield "tasks   runs  distribution    " + "".join(f"{f'P = {p}':>9}" for p in true) + "   given"
    for tasks, runs in _CASES:
        for name in DISTRIBUTIONS:
            found = [improvement([sides(name, p)] * tasks, runs, trials) for p in true]
            yield _improvement_line(tasks, runs, name, found)
        if tasks == 6:
            mixed = [sides("Gaussian", p) for p in (0.5, 0.6, 0.7, 0.8, 0.9, 0.97)]
            turned = [sides("Gaussian", p) for p in (0.9, 0.1, 0.9, 0.1, 0.9, 0.1)]
            found = [improvement(tasks_, runs, trials) for tasks_ in (mixed, turned)]
            yield _improvement_line(tasks, runs, "0.5 to 0.97; 0.1 and 0.9", found)
    yield "Gaussian, X with three times the standard deviation of Y"
    for tasks, runs in ((6, (3, 3)), (6, (10, 10)), (6, (3, 10))):
        found = [improvement([_wider(p)] * tasks, runs, trials) for p in true]
        yield _improvement_line(tasks, runs, "", found)


_CASES = (
    *((6, (runs, runs)) for runs in (3, 5, 10)),
    (6, (3, 10)),
    (3, (3, 3)),
    (1, (10, 10)),
)


def _wider(p: float) -> tuple[Draw, Draw]:
    apart = float(np.sqrt(10.0)) * normal_quantile(p) if p != 0.5 else 0.0
    return (lambda g, shape: g.normal(apart, 3.0, shape)), (lambda g, shape: g.normal(0.0, 1.0, shape))


def _improvement_line(tasks: int, runs: tuple[int, int], name: str, found: Sequence[Coverage]) -> str:
    sizes = "x".join(str(n) for n in sorted(set(runs)))
    given = min(coverage.given for coverage in found)
    return f"{tasks:5}  {sizes:>5}  {name:<14}" + "".join(f"{c.held:9.1%}" for c in found) + f"  {given:6.1%}"


def fractions_lines(trials: int) -> Iterator[str]:
    yield "exact; over all true fractions: least, mean, share covered by less than 92 and by more than 97 %"
    for seeds in (3, 5, 10, 20):
        found = fractions(seeds)
        shares = f"{(found < 0.92).mean():8.1%}  {(found > 0.97).mean():8.1%}"
        yield f"{seeds:5}  {found.min():8.1%}  {found.mean():8.1%}  {shares}"


TABLES: dict[str, Callable[[int], Iterator[str]]] = {
    "aggregates": aggregates_lines,
    "profile": profile_lines,
    "improvement": improvement_lines,
    "means": means_lines,
    "ratios": ratios_lines,
    "times": times_lines,
    "spreads": spreads_lines,
    "fractions": fractions_lines,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--trials", type=int, default=1000)
    arguments = parser.parse_args()
    print(f"{arguments.trials} trials; fraction of 95 % intervals that hold the true value")
    for line in TABLES[arguments.table](arguments.trials):
        print(line, flush=True)


if __name__ == "__main__":
    main()
