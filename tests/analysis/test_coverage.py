"""Stated 95 % intervals hold the true value about that often, at the seed counts of deep RL."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from analysis.statistics.aggregates import IQM, MEAN, aggregate, bootstrap
from analysis.statistics.resampling import RunScores

CASES = [(runs, name) for runs in (3, 5, 10) for name in ("Gaussian", "skewed", "bimodal")]


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import sim_coverage

    assert Path(sim_coverage.__file__ or "").parent.name == "benchmarks"
    return sim_coverage


@pytest.mark.parametrize(("runs", "name"), CASES)
def test_coverage_of_the_iqm_over_six_tasks(sim: ModuleType, runs: int, name: str) -> None:
    (held,) = sim.aggregates(sim.DISTRIBUTIONS[name], 6, runs, trials=100, statistics=[IQM], replications=500)
    assert 0.89 <= held.held <= 1.0  # 95 % of 100 is known to 2 %


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("runs", "name"), CASES)
def test_coverage_of_the_iqm_over_six_tasks_in_full(sim: ModuleType, runs: int, name: str) -> None:
    (held,) = sim.aggregates(sim.DISTRIBUTIONS[name], 6, runs, trials=3000, statistics=[IQM])
    assert 0.92 <= held.held <= 0.97  # known to 0.4 %


@pytest.mark.parametrize(("runs", "name"), CASES)
def test_coverage_of_the_points_of_a_performance_profile(sim: ModuleType, runs: int, name: str) -> None:
    taus = (0.5, 0.75, 1.0, 1.25, 1.5)
    for held in sim.profile(sim.DISTRIBUTIONS[name], 6, runs, trials=200, taus=taus):
        assert held.given == 1.0
        assert 0.9 <= held.held <= 1.0  # 95 % of 200 is known to 1.5 %


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("runs", "name"), CASES)
def test_coverage_of_the_points_of_a_performance_profile_in_full(
    sim: ModuleType, runs: int, name: str
) -> None:
    """Up to 98 % where nearly all runs are above: so few have few fractions, each held in 92 at least."""
    taus = (0.5, 0.75, 1.0, 1.25, 1.5)
    found = sim.profile(sim.DISTRIBUTIONS[name], 6, runs, trials=10_000, taus=taus)
    held = [coverage.held for coverage in found]  # known to 0.2 %
    assert min(held) >= 0.92
    assert sum(held) / len(held) <= 0.97


def test_the_plain_percentile_interval_covers_too_little(sim: ModuleType) -> None:
    generator = np.random.default_rng(0)
    plain = expanded = 0
    for trial in range(150):
        scores = RunScores.of({str(task): generator.normal(1.0, 0.35, 3) for task in range(6)})
        low, high = np.quantile(bootstrap(scores, [MEAN], 500, trial), [0.025, 0.975])
        ((interval,),) = aggregate(scores, [MEAN], replications=500, seed=trial)
        plain += low <= 1.0 <= high
        expanded += interval.low <= 1.0 <= interval.high
    assert plain / 150 < 0.9 < expanded / 150


def test_the_fraction_reached_is_never_covered_by_less_than_92_percent(sim: ModuleType) -> None:
    for seeds in (3, 5, 10):
        covered = sim.fractions(seeds)
        assert covered.min() >= 0.92
        assert 0.95 <= covered.mean() < 0.99  # so few fractions: what the report's note says


@pytest.mark.parametrize("p", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("name", ["Gaussian", "skewed", "bimodal"])
def test_coverage_of_the_probability_of_improvement(sim: ModuleType, name: str, p: float) -> None:
    for tasks, runs in ((3, (3, 3)), (1, (10, 10))):
        found = sim.improvement([sim.sides(name, p)] * tasks, runs, trials=100)
        assert found.given == 1.0
        assert found.held >= 0.88  # 95 % of 100 is known to 2 %


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("p", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(("runs", "name"), CASES)
def test_coverage_of_the_probability_of_improvement_in_full(
    sim: ModuleType, runs: int, name: str, p: float
) -> None:
    found = sim.improvement([sim.sides(name, p)] * 6, (runs, runs), trials=3000)
    assert 0.92 <= found.held <= 0.97  # known to 0.4 %
