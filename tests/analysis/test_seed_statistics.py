from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.seeds import BestOf, Reached, Spread, best_of, expected_best_of, reached_by, spread

CROSSINGS = st.lists(st.none() | st.tuples(st.integers(1, 10**5), st.integers(1, 10**8)), max_size=8)


def test_spread_by_hand() -> None:
    assert spread([1.0, 5.0, 3.0]) == Spread(seeds=3, mean=3.0, std=2.0)


def test_one_seed_has_no_spread_and_none_no_mean() -> None:
    assert spread([4.0]) == Spread(1, 4.0, None)
    assert spread([]) == Spread(0, None, None)


def test_level_reached_by_every_seed() -> None:
    reached = reached_by([(900, 1000), (908, 3000)])
    assert reached == Reached(seeds=2, reached=2, episode=904.0, timestep=2000.0)
    assert reached.by_all


def test_one_seed_that_failed_takes_the_number_away() -> None:
    # Table 1, A2C on Space Invaders: N/A since one of the runs failed.
    reached = reached_by([(14696, 5), None])
    assert reached == Reached(seeds=2, reached=1, episode=14696.0, timestep=5.0)
    assert not reached.by_all


@pytest.mark.parametrize("crossings", [[], [None, None]])
def test_nobody_reached_it(crossings: list[None]) -> None:
    reached = reached_by(crossings)
    assert (reached.episode, reached.timestep, reached.by_all) == (None, None, False)


@given(st.lists(st.floats(-1e6, 1e6), max_size=8), st.randoms())
def test_order_of_seeds_changes_no_spread(values: list[float], random) -> None:
    permuted = random.sample(values, len(values))
    assert spread(permuted) == spread(values)


@given(CROSSINGS, st.randoms())
def test_order_of_seeds_changes_no_crossing(crossings: list[tuple[int, int] | None], random) -> None:
    permuted = random.sample(crossings, len(crossings))
    assert reached_by(permuted) == reached_by(crossings)


def test_best_seeds_beside_all_by_hand() -> None:
    assert best_of([1, 9, 4, 6], k=2) == BestOf(chosen=2, seeds=4, best=7.5, all=5.0)
    assert best_of([1.0, 2.0]) is None
    with pytest.raises(ValueError, match="at least 1 seed"):
        best_of([1.0], k=0)


def test_expected_best_is_the_mean_over_all_draws() -> None:
    values = [1.0, 9.0, 4.0, 6.0, 6.0]
    for drawn in range(1, 6):
        for k in range(1, drawn + 1):
            draws = [sorted(draw)[-k:] for draw in itertools.combinations(values, drawn)]
            expected = sum(sum(draw) / k for draw in draws) / len(draws)
            assert expected_best_of(values, k, drawn) == pytest.approx(expected)


def test_expected_best_of_all_is_the_best_and_needs_enough_seeds() -> None:
    assert expected_best_of([1, 9, 4], k=2, drawn=3) == best_of([1, 9, 4], k=2).best
    assert expected_best_of([1, 9, 4], k=3, drawn=8) is None
    with pytest.raises(ValueError, match="1 <= k <= drawn"):
        expected_best_of([1, 9, 4], k=3, drawn=2)
