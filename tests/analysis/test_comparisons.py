from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.comparisons import (
    cliffs_delta,
    hedges_g,
    holm,
    paired_effect,
    paired_permutation_test,
    permutation_test,
    seeds_to_decide,
)

VALUES = st.lists(st.integers(-30, 30), min_size=1, max_size=5)


def test_complete_separation_has_the_smallest_p_there_is() -> None:
    found = permutation_test([10, 11, 12], [1, 2, 3])
    assert (found.difference, found.exact) == (9.0, True)
    assert found.p == found.smallest_p == 2 / 20


def test_permutations_by_hand() -> None:
    # pooled 1 2 4 8; |difference| of the 6 deals: 4.5 2.5 1.5 1.5 2.5 4.5
    assert permutation_test([1, 4], [2, 8]).p == 4 / 6
    assert permutation_test([1, 2], [4, 8]).p == 2 / 6
    assert permutation_test([1, 2], [4, 8]).smallest_p == 2 / 6
    assert permutation_test([5], [5, 5]).p == 1.0


def test_paired_by_hand() -> None:
    found = paired_permutation_test([3, 5, 9], [1, 4, 5])  # differences 2 1 4
    assert (found.difference, found.p, found.smallest_p, found.paired) == (7 / 3, 0.25, 0.25, True)
    assert paired_permutation_test([1, 4, 5], [3, 2, 5]).p == 1.0
    with pytest.raises(ValueError, match="expected pairs, got 2 and 1"):
        paired_permutation_test([1, 2], [1])


def test_pairs_that_share_noise_are_told_apart_where_groups_are_not() -> None:
    noise = np.random.default_rng(0).normal(0, 10, 8)
    x, y = noise + 1 + np.linspace(0, 0.1, 8), noise
    assert paired_permutation_test(x, y).p < 0.01
    assert permutation_test(x, y).p > 0.5


def test_many_runs_are_dealt_at_random_under_a_seed() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(0.0, 1, 30), generator.normal(0.6, 1, 30)
    one, same, other = (permutation_test(x, y, seed=seed) for seed in (0, 0, 1))
    assert not one.exact
    assert one == same
    assert one.p == pytest.approx(other.p, abs=0.01)
    assert one.p > 0.0
    paired = paired_permutation_test(x, y)
    assert not paired.exact


def test_p_is_uniform_where_nothing_differs() -> None:
    generator = np.random.default_rng(2)
    p = [permutation_test(generator.normal(size=4), generator.normal(size=4)).p for _ in range(400)]
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.05)
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.08)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_effect_sizes_by_hand() -> None:
    assert cliffs_delta([2, 3], [1, 2]) == 3 / 4
    assert cliffs_delta([1], [1]) == 0.0
    correction = 1 - 3 / (4 * 4 - 1)  # Hedges' approximation
    assert hedges_g([2, 3, 4], [1, 2, 3]) == pytest.approx(correction, abs=0.01)
    assert hedges_g([1], [2, 3]) is None
    assert hedges_g([1, 1], [1, 1]) is None


def test_seeds_to_decide_are_those_of_the_tables() -> None:
    # Cohen (1988), table 2.4.1: two-sided 5 %, power 80 %
    assert [seeds_to_decide(d) for d in (0.2, 0.5, 0.8, 1.2)] == pytest.approx([394, 64, 26, 12], abs=1)
    assert seeds_to_decide(-0.5) == seeds_to_decide(0.5)
    assert seeds_to_decide(0.0) is None
    assert seeds_to_decide(0.5, power=0.9) > seeds_to_decide(0.5)


def test_pairs_that_share_noise_need_fewer_seeds() -> None:
    assert paired_effect([3, 5, 10], [1, 4, 7]) == 2.0  # differences 2, 1, 3
    assert paired_effect([1], [0]) is None
    assert paired_effect([2, 3], [1, 2]) is None
    # 34 pairs, exactly by the non-central t
    assert seeds_to_decide(0.5, paired=True) == pytest.approx(34, abs=1)
    assert seeds_to_decide(0.5, paired=True) < seeds_to_decide(0.5)


def test_seeds_to_decide_have_the_power_they_promise() -> None:
    effect, generator = 1.5, np.random.default_rng(3)
    seeds = seeds_to_decide(effect)
    found = [
        permutation_test(generator.normal(effect, 1, seeds), generator.normal(0, 1, seeds)).p <= 0.05
        for _ in range(80)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.15)


@pytest.mark.parametrize("bad", [[], [1.0, math.nan], [math.inf]])
def test_no_values_are_refused(bad: list[float]) -> None:
    for function in (permutation_test, cliffs_delta, hedges_g):
        with pytest.raises(ValueError, match="x: expected"):
            function(bad, [1.0])


@given(VALUES, VALUES, st.randoms())
def test_order_of_runs_changes_nothing_and_sides_mirror(x: list[int], y: list[int], random) -> None:
    shuffled = permutation_test(random.sample(x, len(x)), y)
    found, back = permutation_test(x, y), permutation_test(y, x)
    assert (shuffled.p, shuffled.difference) == pytest.approx((found.p, found.difference))
    assert (back.p, back.difference) == pytest.approx((found.p, -found.difference))
    assert found.p >= found.smallest_p - 1e-12
