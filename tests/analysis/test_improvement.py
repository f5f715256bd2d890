from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.improvement import probability_of_improvement
from analysis.statistics.resampling import RunScores

TASKS = st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=5), min_size=3, max_size=3)


def of(*tasks: list[float]) -> RunScores:
    return RunScores.of({f"task {i}": values for i, values in enumerate(tasks)})


def test_estimate_by_hand() -> None:
    x, y = of([1.0, 3.0], [2.0]), of([2.0, 3.0, 0.0], [2.0])
    # first task: 1 beats 0; 3 beats 2 and 0 and ties with 3; second: a tie
    assert probability_of_improvement(x, y).estimate == ((1 + 2 + 0.5) / 6 + 0.5) / 2


def test_interval_by_hand() -> None:
    """P = 2/3 on three tasks alike.

    The variance found is (2/27 - 1/54) / 3 with 12 degrees of freedom, the one expected 2/9 / 11.74, with 4:
    together 11.93 comparisons with 16. The upper limit with 2.5 % is above all that any sample's lower limit
    can be, so it leaves out up to 5 %: t = 2.120 below, 1.746 above.
    """
    found = probability_of_improvement(of(*[[1.0, 3.0, 5.0]] * 3), of(*[[0.0, 2.0, 4.0]] * 3))
    assert found.estimate == pytest.approx(2 / 3)
    assert (found.low, found.high) == pytest.approx((0.3703, 0.8481), abs=1e-3)


@pytest.mark.parametrize(("tasks", "t"), [(3, 2.776), (6, 2.776)])
def test_one_side_wins_every_pair(tasks: int, t: float) -> None:
    """Newcombe's 4.5 comparisons per task, with 4 degrees of freedom.

    On six tasks the true P could have been missed on the other side too, so the lower limit leaves out 2.5 %.
    """
    x, y = of(*[[4.0, 5.0, 6.0]] * tasks), of(*[[1.0, 2.0, 3.0]] * tasks)
    found = probability_of_improvement(x, y)
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(1 / (1 + t**2 / (4.5 * tasks)), abs=1e-3)
    assert probability_of_improvement(y, x).low == 0.0


def test_what_cannot_be_missed_on_one_side_has_the_error_rate_on_the_other() -> None:
    """Of 3 against 3 on six tasks, no lower limit is above that of one pair lost in all."""
    orders = [
        ([float(i) for i in x], [float(i) for i in range(6) if i not in x])
        for x in itertools.combinations(range(6), 3)
    ]
    all_won, one_lost = orders[-1], orders[-2]
    generator = np.random.default_rng(0)
    found = []
    for won in range(7):
        for _ in range(30):
            tasks = [all_won] * won + [orders[i] for i in generator.integers(0, 20, 6 - won)]
            found.append(probability_of_improvement(of(*(x for x, _ in tasks)), of(*(y for _, y in tasks))))
    limit = probability_of_improvement(of(one_lost[0], *[all_won[0]] * 5), of(one_lost[1], *[all_won[1]] * 5))
    assert limit.estimate == pytest.approx(53 / 54)
    assert max(interval.low for interval in found) <= limit.low == pytest.approx(0.840, abs=1e-3)
    assert any(interval.high == limit.low for interval in found)  # above it, only what 5 % leave


def test_runs_that_all_tie_may_go_either_way() -> None:
    found = probability_of_improvement(of([1.0] * 9), of([1.0] * 9))
    assert found.estimate == 0.5
    assert found.low == pytest.approx(1 - found.high)
    assert 0.0 < found.low < 0.3


def test_tasks_that_differ_leave_less_open_than_tasks_that_are_open() -> None:
    high, low, mixed = [5.0, 6.0, 7.0], [1.0, 2.0, 3.0], [1.0, 3.0, 5.0]
    divided = probability_of_improvement(of(high, low, high, low), of(low, high, low, high))
    undecided = probability_of_improvement(of(*[mixed] * 4), of(*[[0.0, 3.0, 6.0]] * 4))
    assert divided.estimate == undecided.estimate == 0.5
    assert divided.high - divided.low < undecided.high - undecided.low


def test_more_runs_and_less_confidence_make_it_narrower() -> None:
    generator = np.random.default_rng(0)
    x, y = (generator.normal(mean, 1.0, 30) for mean in (0.5, 0.0))
    widths = []
    for runs, confidence in ((30, 0.8), (30, 0.95), (9, 0.95)):
        found = probability_of_improvement(of(list(x[:runs])), of(list(y[:runs])), confidence=confidence)
        widths.append(found.high - found.low)
    assert widths == sorted(widths)


def test_too_few_runs_have_a_sentence_and_no_interval() -> None:
    nine, two, eight = of(*[[1.0, 2.0, 3.0]] * 3), of(*[[1.0, 2.0]] * 3), of([float(i) for i in range(8)])
    for x, y in ((nine, two), (two, nine)):
        found = probability_of_improvement(x, y)
        assert (found.low, found.high) == (None, None)
        assert found.missing == "no honest interval from 2 runs per task: at least 3 needed"
    found = probability_of_improvement(eight, of([float(i) for i in range(20)]))
    assert found.missing == "no honest interval from 8 runs in all: at least 9 needed"
    assert found.estimate == pytest.approx(np.mean([i + 0.5 for i in range(8)]) / 20)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="same tasks"):
        probability_of_improvement(of([1.0]), of([1.0], [2.0]))
    with pytest.raises(ValueError, match="scalar scores"):
        probability_of_improvement(RunScores.of({"a": [[1.0, 2.0]]}), RunScores.of({"a": [[1.0, 2.0]]}))
    with pytest.raises(ValueError, match="confidence"):
        probability_of_improvement(of([1.0]), of([2.0]), confidence=95.0)


@given(TASKS, TASKS, st.randoms())
@settings(max_examples=60)
def test_order_changes_nothing_sides_mirror_and_the_interval_holds_the_estimate(
    x: list[list[int]], y: list[list[int]], random
) -> None:
    there, back = probability_of_improvement(of(*x), of(*y)), probability_of_improvement(of(*y), of(*x))
    assert 0.0 <= there.low <= there.estimate <= there.high <= 1.0
    assert (there.low, there.high) == pytest.approx((1 - back.high, 1 - back.low))
    shuffled = [of(*(random.sample(runs, len(runs)) for runs in side)) for side in (x, y)]
    again = probability_of_improvement(*shuffled)
    assert (again.low, again.high) == pytest.approx((there.low, there.high))
