from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.throughput import steps_per_second

RATES = st.lists(st.none() | st.floats(0.0, 1e6), max_size=8)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([400.0], 400.0),
        ([400.0, 1000.0], 700.0),
        ([900.0, 100.0, 250.0], 250.0),
        ([250.0, 250.0, 1.0], 250.0),  # one run shared its machine
        ([0.0, 10.0], 5.0),
    ],
)
def test_median_by_hand(rates: list[float], expected: float) -> None:
    assert steps_per_second(rates) == expected


def test_a_run_without_a_time_is_left_out_and_not_slow() -> None:
    assert steps_per_second([None, 300.0, None, 500.0]) == 400.0
    assert steps_per_second([None, 0.0]) == 0.0


def test_no_time_known_and_no_run() -> None:
    assert steps_per_second([None, None]) is None
    assert steps_per_second([]) is None


def test_a_resumed_run_counts_once_by_all_of_its_attempts() -> None:
    """6,000 steps in 10 s up to the checkpoint, then 4,000 in 30 s: 250 a second, not between 600 and 133."""
    resumed = (6_000 + 4_000) / (10.0 + 30.0)
    assert steps_per_second([resumed, 240.0, 260.0]) == 250.0


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_what_is_no_speed_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"rates: expected timesteps per second of at least 0"):
        steps_per_second([100.0, bad])


@given(RATES, st.randoms())
def test_order_changes_nothing_and_the_median_is_among_the_rates(rates: list[float | None], random) -> None:
    found = steps_per_second(rates)
    assert steps_per_second(random.sample(rates, len(rates))) == found
    known = [rate for rate in rates if rate is not None]
    assert (found is None) == (not known)
    assert found is None or min(known) <= found <= max(known)
