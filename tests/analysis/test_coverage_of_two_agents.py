"""Stated 95 % intervals of one mean, and of two agents' difference or ratio, hold about that often."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType

import pytest

NAMES = ("Gaussian", "skewed", "bimodal")
BOTH = ((5, 5), (10, 10))
WIDER = (1.0, 3.0, 10.0, math.inf)


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import sim_two_agents

    return sim_two_agents


@pytest.mark.parametrize("name", NAMES)
def test_with_three_runs_of_a_side_nothing_is_said(sim: ModuleType, name: str) -> None:
    draw = sim.DISTRIBUTIONS[name]
    assert sim.single(draw, 4, trials=5).given == 0.0
    for runs in ((3, 3), (3, 5), (4, 4), (10, 4)):
        for spread in sim.SPREADS:
            assert sim.differences(draw, runs, spread, trials=5).given == 0.0
        for x, y in ((draw, draw), (draw, sim.steady), (sim.steady, draw)):
            assert sim.ratios(x, y, runs, trials=5).given == 0.0
            assert sim.times(x, y, 0.0, runs, trials=5).given == 0.0
        assert sim.spreads(draw, runs, 3.0, trials=5).given == 0.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spread", WIDER)
def test_coverage_of_differences(sim: ModuleType, name: str, spread: float) -> None:
    for runs in BOTH:
        found = sim.differences(sim.DISTRIBUTIONS[name], runs, spread, trials=300)
        assert found.given == 1.0
        assert 0.885 <= found.held <= 1.0  # 95 % of 300 is known to 1.3 %


@pytest.mark.parametrize("name", NAMES)
def test_coverage_of_ratios(sim: ModuleType, name: str) -> None:
    draw = sim.DISTRIBUTIONS[name]
    for x, y in ((draw, draw), (draw, sim.steady), (sim.steady, draw)):
        found = sim.ratios(x, y, (5, 5), trials=300)
        assert found.given > 0.9
        assert 0.885 <= found.held <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_coverage_of_ratios_of_restricted_means(sim: ModuleType, name: str) -> None:
    draw = sim.DISTRIBUTIONS[name]
    for x, y, censored in ((draw, draw, 0.3), (draw, sim.steady, 0.0), (sim.steady, draw, 0.0)):
        found = sim.times(x, y, censored, (5, 5), trials=200)
        assert found.given > 0.9
        assert 0.88 <= found.held <= 1.0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("runs", BOTH)
def test_coverage_of_means_and_differences_in_full(sim: ModuleType, name: str, runs: tuple[int, int]) -> None:
    """Known to 0.25 %; above 97 % only where skewness cancels, both sides being skewed alike."""
    draw = sim.DISTRIBUTIONS[name]
    assert 0.92 <= sim.single(draw, runs[0], trials=10_000).held <= 0.975
    for spread in WIDER:
        most = 0.985 if (name, spread) == ("skewed", 1.0) else 0.975
        assert 0.917 <= sim.differences(draw, runs, spread, trials=10_000).held <= most


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("runs", BOTH)
def test_coverage_of_ratios_in_full(sim: ModuleType, name: str, runs: tuple[int, int]) -> None:
    draw = sim.DISTRIBUTIONS[name]
    for x, y in ((draw, draw), (draw, sim.steady), (sim.steady, draw)):
        assert 0.917 <= sim.ratios(x, y, runs, trials=5_000).held <= 0.985
        assert 0.917 <= sim.times(x, y, 0.0, runs, trials=3_000).held <= 0.985
