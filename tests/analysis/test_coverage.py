"""Stated 95 % intervals hold the true value about that often, at the seed counts of deep RL."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from analysis.statistics.aggregates import IQM, MEAN, aggregate, bootstrap
from analysis.statistics.resampling import RunScores

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "bench_statistics.py"
CASES = [(runs, name) for runs in (3, 5, 10) for name in ("Gaussian", "skewed", "bimodal")]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_statistics", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("runs", "name"), CASES)
def test_coverage_of_the_iqm_over_six_tasks(bench: ModuleType, runs: int, name: str) -> None:
    (held,) = bench.coverage(
        bench.DISTRIBUTIONS[name], 6, runs, trials=100, statistics=[IQM], replications=500
    )
    assert 0.89 <= held <= 1.0  # 95 % of 100 is known to 2 %


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("runs", "name"), CASES)
def test_coverage_of_the_iqm_over_six_tasks_in_full(bench: ModuleType, runs: int, name: str) -> None:
    (held,) = bench.coverage(bench.DISTRIBUTIONS[name], 6, runs, trials=3000, statistics=[IQM])
    assert 0.92 <= held <= 0.97  # known to 0.4 %


def test_the_plain_percentile_interval_covers_too_little(bench: ModuleType) -> None:
    generator = np.random.default_rng(0)
    plain = expanded = 0
    for trial in range(150):
        scores = RunScores.of({str(task): generator.normal(1.0, 0.35, 3) for task in range(6)})
        low, high = np.quantile(bootstrap(scores, [MEAN], 500, trial), [0.025, 0.975])
        ((interval,),) = aggregate(scores, [MEAN], replications=500, seed=trial)
        plain += low <= 1.0 <= high
        expanded += interval.low <= 1.0 <= interval.high
    assert plain / 150 < 0.9 < expanded / 150


def test_ratio_of_restricted_means_covers_with_and_without_censoring(bench: ModuleType) -> None:
    for runs, censored in ((5, 0.0), (10, 0.3)):
        held, given = bench.ratio_coverage(censored, runs, trials=200)
        assert 0.9 <= held <= 1.0
        assert given > 0.95
