"""Group-sequential permutation tests, against enumeration by hand and against published spending."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from analysis.statistics.comparisons import permutation_test
from analysis.statistics.sequential import look, may_be_spent, planned_looks

X = [2.1, 3.4, 1.7, 5.0, 2.2]
Y = [0.4, 1.9, 0.8, 0.3, 3.1]


def arrangements(
    x: list[float], y: list[float], looks: list[int]
) -> Iterator[tuple[list[float], list[float]]]:
    """All ways to deal the runs of each block to the two agents."""
    choices = []
    for start, end in zip([0, *looks[:-1]], looks, strict=True):
        pooled = [*x[start:end], *y[start:end]]
        deals = []
        for chosen in itertools.combinations(range(len(pooled)), end - start):
            rest = [pooled[i] for i in range(len(pooled)) if i not in chosen]
            deals.append(([pooled[i] for i in chosen], rest))
        choices.append(deals)
    for blocks in itertools.product(*choices):
        yield [v for one, _ in blocks for v in one], [v for _, other in blocks for v in other]


def test_spending() -> None:
    assert may_be_spent(1.0, 0.05, "pocock") == pytest.approx(0.05)
    assert may_be_spent(1.0, 0.05, "obrien_fleming") == pytest.approx(0.05)
    # Lan and DeMets (1983) at a third and two thirds of the information, two-sided 0.05
    assert may_be_spent(1 / 3, 0.05, "pocock") == pytest.approx(0.0226, abs=5e-5)
    assert may_be_spent(1 / 3, 0.05, "obrien_fleming") == pytest.approx(0.00069, abs=5e-6)
    assert may_be_spent(2 / 3, 0.05, "obrien_fleming") == pytest.approx(0.0164, abs=5e-5)
    with pytest.raises(ValueError, match="fraction"):
        may_be_spent(1.1, 0.05, "pocock")


def test_the_first_look_is_the_first_that_can_decide() -> None:
    assert planned_looks(3, 10, 2, 0.05, "pocock") == (5, 7, 9, 10)
    assert planned_looks(3, 10, 3, 0.05, "obrien_fleming") == (6, 9, 10)
    assert planned_looks(8, 10, 1, 0.05, "pocock") == (8, 9, 10)
    assert planned_looks(3, 3, 2, 0.05, "pocock") == ()
    assert planned_looks(3, 4, 2, 0.05, "pocock") == (4,)
    for first in (4, 5):
        smallest = permutation_test(np.arange(first) + 100.0, np.arange(first)).p
        assert (smallest <= may_be_spent(first / 10, 0.05, "pocock")) == (first == 5)


def test_one_look_is_the_permutation_test() -> None:
    found = look(X, Y, [5], [], 0.05)
    plain = permutation_test(X, Y)
    assert found.p == pytest.approx(plain.p)
    assert found.difference == pytest.approx(plain.difference)
    assert found.crossed == (plain.p <= 0.05)


def test_two_looks_against_enumeration() -> None:
    first = look(X[:3], Y[:3], [3], [], 0.1)
    second = look(X, Y, [3, 5], [first.boundary], 0.3)
    assert first.boundary is not None
    assert not first.crossed
    reached = beyond = boundary_reached = total = 0
    for x, y in arrangements(X, Y, [3, 5]):
        early, now = abs(np.mean(x[:3]) - np.mean(y[:3])), abs(np.mean(x) - np.mean(y))
        total += 1
        before = early >= first.boundary - 1e-12
        reached += before
        beyond += before or now >= abs(second.difference) - 1e-12
        assert second.boundary is not None
        boundary_reached += before or now >= second.boundary - 1e-12
    assert total == math.comb(6, 3) * math.comb(4, 2)
    assert first.spent == pytest.approx(reached / total)
    assert second.p == pytest.approx(beyond / total)
    assert second.spent == pytest.approx(boundary_reached / total)
    assert second.spent <= 0.3


@pytest.mark.parametrize("alpha", [0.1, 0.25])
@pytest.mark.parametrize("values", ["continuous", "failures"])
def test_the_error_rate_is_exact_whatever_the_scores(alpha: float, values: str) -> None:
    """Every arrangement as if it had been observed: so many of them decide, over all looks."""
    generator = np.random.default_rng(3)
    x, y = generator.lognormal(0, 1, (2, 5)).tolist()
    if values == "failures":
        x, y = [0.0, 1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0, 0.0]
    looks = [3, 4, 5]
    decided = total = 0
    for a, b in arrangements(x, y, looks):
        boundaries: list[float | None] = []
        total += 1
        for number, n in enumerate(looks, start=1):
            found = look(a[:n], b[:n], looks[:number], boundaries, may_be_spent(n / 5, alpha, "pocock"))
            boundaries.append(found.boundary)
            if found.crossed:
                decided += 1
                break
    assert 0 < decided / total <= alpha
    if values == "continuous":  # ties leave more unspent
        assert decided / total > alpha - 0.06


def test_many_arrangements_are_drawn_at_random() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(0.9, 1, 12), generator.normal(0, 1, 12)
    found = look(x, y, [10, 12], [None], 0.05)
    assert found == look(x, y, [10, 12], [None], 0.05)
    assert found.p == pytest.approx(permutation_test(x, y).p, abs=0.015)


def test_a_clear_difference_is_decided_and_equal_scores_are_not() -> None:
    clear = look([10.0, 11, 12, 13, 14], [0.0, 1, 2, 3, 4], [5], [], 0.031)
    assert clear.crossed
    assert clear.p == pytest.approx(2 / 252)
    equal = look([1.0] * 5, [1.0] * 5, [5], [], 0.031)
    assert (equal.p, equal.crossed, equal.boundary) == (1.0, False, None)
    assert look([1.0, 2, 3], [7.0, 8, 9], [3], [], 0.05).boundary is None  # at best p 0.1


@pytest.mark.parametrize(
    ("x", "looks", "boundaries"),
    [
        ([1.0, 2], [3], []),
        ([1.0, 2, 3], [3], [None]),
        ([1.0, 2, math.nan], [3], []),
        ([1.0, 2, 3], [3, 3], [None]),
    ],
)
def test_bad_input(x: list[float], looks: list[int], boundaries: list[float | None]) -> None:
    with pytest.raises(ValueError, match="expected"):
        look(x, [0.0] * len(x), looks, boundaries, 0.05)


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import sim_sequential

    assert Path(sys.modules["sim_sequential"].__file__ or "").parent.name == "benchmarks"
    return sim_sequential


@pytest.mark.parametrize("name", ["Gaussian", "skewed", "bimodal"])
def test_simulated_error_rate_and_power(simulation: ModuleType, name: str) -> None:
    design = simulation.rule(most=6)
    none = simulation.sequential(name, [0.0], 250, design=design)
    assert none.decided <= 0.09  # 5 % of 250 is known to 1.4 %
    large = simulation.sequential(name, [4.0], 60, design=design)
    assert large.decided > 0.9
    assert large.seeds < 5.2


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["Gaussian", "skewed", "bimodal"])
def test_simulated_error_rate_in_full(simulation: ModuleType, name: str) -> None:
    assert simulation.sequential(name, [0.0], 3000).decided <= 0.063  # known to 0.4 %
    assert simulation.sequential(name, [0.0] * 6, 500).false <= 0.08
