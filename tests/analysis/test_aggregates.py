from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.aggregates import (
    AGGREGATES,
    IQM,
    MEAN,
    MEDIAN,
    OPTIMALITY_GAP,
    aggregate,
    area_under_curve,
    bootstrap,
    common_scores,
    optimality_gap,
    performance_profile,
    point_estimate,
)
from analysis.statistics.improvement import probability_of_improvement
from analysis.statistics.intervals import ALIKE
from analysis.statistics.resampling import RunScores, enough_replications, resampled_weights

GENERATOR = np.random.default_rng(7)
SCORES = st.lists(st.lists(st.integers(-20, 20), min_size=3, max_size=3), min_size=1, max_size=4)


def scores(runs: int = 5, tasks: int = 6, seed: int = 0) -> RunScores:
    values = np.random.default_rng(seed).normal(1.0, 0.4, size=(tasks, runs))
    return RunScores.of({f"task {i}": row for i, row in enumerate(values)})


def of(*tasks: list[float]) -> RunScores:
    return RunScores.of({f"task {i}": values for i, values in enumerate(tasks)})


def above_one(given: RunScores) -> float:
    return performance_profile(given, [1.0])[0].estimate


def test_statistics_by_hand() -> None:
    given = of([0.0, 2.0, 4.0, 10.0], [1.0, 1.0, 1.0, 9.0])
    assert point_estimate(given, MEAN) == 3.5
    assert point_estimate(given, MEDIAN) == 3.5  # of the task means 4 and 3
    assert point_estimate(given, IQM) == (1 + 1 + 2 + 4) / 4  # of 0 1 1 1 2 4 9 10 without two at either end
    assert point_estimate(given, OPTIMALITY_GAP) == 1 - 7 / 8
    assert point_estimate(given, optimality_gap(2.0)) == 2 - 11 / 8
    assert above_one(given) == 4 / 8


def test_a_task_with_more_runs_weighs_no_more() -> None:
    few, many = of([0.0, 2.0], [5.0]), of([0.0, 2.0], [5.0] * 9)
    for statistic in (MEAN, MEDIAN, OPTIMALITY_GAP, IQM):
        assert point_estimate(few, statistic) == pytest.approx(point_estimate(many, statistic))
    assert above_one(few) == above_one(many) == 0.75
    assert point_estimate(few, MEAN) == 3.0


def test_estimates_are_those_of_rliable() -> None:
    metrics = pytest.importorskip("rliable.metrics", exc_type=ImportError)
    for runs, tasks in ((5, 6), (3, 7), (10, 1), (1, 4)):
        given = scores(runs, tasks)
        matrix = given.values.reshape(tasks, runs).T
        theirs = (
            metrics.aggregate_iqm(matrix),
            metrics.aggregate_median(matrix),
            metrics.aggregate_mean(matrix),
            metrics.aggregate_optimality_gap(matrix),
        )
        assert [point_estimate(given, statistic) for statistic in AGGREGATES] == pytest.approx(theirs)
        other = scores(runs, tasks, 1)
        assert probability_of_improvement(given, other).estimate == pytest.approx(
            metrics.probability_of_improvement(matrix, other.values.reshape(tasks, runs).T)
        )


def test_bootstrap_distribution_is_that_of_rliable() -> None:
    library = pytest.importorskip("rliable.library", exc_type=ImportError)
    metrics = pytest.importorskip("rliable.metrics", exc_type=ImportError)
    given = scores(runs=10, tasks=4)
    np.random.seed(0)
    _, theirs = library.get_interval_estimates(
        {"a": given.values.reshape(4, 10).T},
        lambda matrix: np.array([metrics.aggregate_iqm(matrix), metrics.aggregate_median(matrix)]),
        reps=2000,
    )
    ours = np.quantile(bootstrap(given, (IQM, MEDIAN), 20_000)[:, 0], [0.025, 0.975], axis=1)
    np.testing.assert_allclose(ours, theirs["a"], atol=0.02)  # about 0.5 wide; 2,000 resamples give 0.01


def test_resamples_keep_each_tasks_number_of_runs() -> None:
    given = of([1.0] * 3, [2.0] * 5)
    for weights in resampled_weights(given, 100, seed=0):
        np.testing.assert_allclose(weights[:3].sum(axis=0), 4.0)
        np.testing.assert_allclose(weights[3:].sum(axis=0), 4.0)
    counts = next(resampled_weights(of([1.0] * 4, [2.0] * 4), 20_000, seed=0))
    assert set(np.unique(counts)) == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert counts.mean(axis=1) == pytest.approx(1.0, abs=0.03)
    assert counts.var(axis=1) == pytest.approx(4 * 0.25 * 0.75, abs=0.05)  # binomial
    many = np.concatenate(list(resampled_weights(of([1.0] * 60), 20_000, seed=0)), axis=1)
    assert (many.sum(axis=0) == 60).all()
    assert many.mean(axis=1) == pytest.approx(1.0, abs=0.05)
    assert many.var(axis=1) == pytest.approx(60 * (1 / 60) * (59 / 60), abs=0.1)


def test_fewer_replications_for_many_runs() -> None:
    assert [enough_replications(runs) for runs in (1, 100, 1000, 10_000)] == [50_000, 50_000, 5_000, 2_000]


def test_a_resample_is_one_of_whole_runs() -> None:
    # Two points of a curve that mirror each other: their sum is the same in every resample.
    curve = np.array([[1.0, -1.0], [5.0, -5.0], [2.0, -2.0]])
    found = bootstrap(RunScores.of({"a": curve}), [MEAN], 500)[0]
    np.testing.assert_allclose(found[0], -found[1], atol=1e-6)
    assert found[0].std() > 0.5


def test_seed_is_honoured() -> None:
    given = scores()
    one, same, other = (aggregate(given, [IQM], replications=500, seed=seed) for seed in (3, 3, 4))
    assert one == same
    assert one != other


def test_long_curves_and_large_scores_keep_their_digits() -> None:
    offset = 1e6
    small, large = scores(), scores()
    large.values[:] += offset
    for statistic in (IQM, MEAN, MEDIAN):
        np.testing.assert_allclose(
            bootstrap(large, [statistic], 200) - offset, bootstrap(small, [statistic], 200), atol=1e-5
        )


def test_interval_holds_the_estimate_and_widens_with_confidence() -> None:
    ((wide,),), ((narrow,),) = (
        aggregate(scores(), [IQM], replications=4000, confidence=confidence) for confidence in (0.99, 0.8)
    )
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high


def test_too_few_runs_have_a_sentence_and_no_interval() -> None:
    for few, reason in (
        (scores(runs=2), "no honest interval from 2 runs per task: at least 3 needed"),
        (scores(runs=1), "no honest interval from 1 run per task: at least 3 needed"),
        (scores(runs=5, tasks=1), "no honest interval from 5 runs in all: at least 12 needed"),
    ):
        ((found,),) = aggregate(few, [IQM], replications=100)
        assert (found.low, found.high, found.missing) == (None, None, reason)
        assert np.isfinite(found.estimate)
    (iqm,), (mean,), (gap,), (median,) = aggregate(
        scores(tasks=3), [IQM, MEAN, OPTIMALITY_GAP, MEDIAN], replications=100
    )
    assert iqm.missing == ""
    assert mean.missing == gap.missing == "no honest interval from 15 runs in all: at least 18 needed"
    assert median.missing.startswith("no interval for the median")


def test_runs_that_do_not_differ_have_a_sentence_rather_than_an_interval_of_no_width() -> None:
    ((found,),) = aggregate(of([2.0] * 9, [4.0] * 9), [MEAN], replications=100)
    assert (found.low, found.estimate, found.high, found.missing) == (None, 3.0, None, ALIKE)


def test_the_interval_of_the_optimality_gap_is_moved_towards_its_long_tail() -> None:
    values = np.append(np.full(17, 1.0) + 0.01 * np.arange(17), 0.0)  # one run fails, the others exceed 1
    plain = replace(OPTIMALITY_GAP, bias_corrected=False)
    (corrected,), (percentile,) = aggregate(
        RunScores.of({"a": values}), [OPTIMALITY_GAP, plain], replications=5000
    )
    assert corrected.high > percentile.high
    assert corrected.low >= percentile.low
    symmetric = RunScores.of({"a": np.linspace(0.0, 1.0, 19)})
    (corrected,), (percentile,) = aggregate(symmetric, [OPTIMALITY_GAP, plain], replications=20_000)
    assert (corrected.low, corrected.high) == pytest.approx((percentile.low, percentile.high), abs=0.02)


def test_performance_profile_falls_from_one_to_nothing() -> None:
    given = scores()
    profile = performance_profile(given, [-10.0, 0.5, 1.0, 1.5, 10.0])
    assert [point.estimate for point in profile] == sorted((p.estimate for p in profile), reverse=True)
    assert (profile[0].estimate, profile[-1].estimate) == (1.0, 0.0)
    assert 0.8 < profile[0].low < profile[0].high == 1.0  # all 30 runs above, in every task
    assert profile[2].low < profile[2].estimate < profile[2].high
    (few,) = performance_profile(scores(runs=2), [1.0])
    assert few.missing == "no honest interval from 2 runs per task: at least 3 needed"


def test_area_under_a_curve() -> None:
    np.testing.assert_allclose(area_under_curve([0, 1, 3], [[0, 2, 2], [1, 1, 1]]), [(1 + 4) / 3, 1.0])
    with pytest.raises(ValueError, match="rising"):
        area_under_curve([0, 0], [[1, 1]])
    with pytest.raises(ValueError, match="two rising"):
        area_under_curve([0], [[1]])


def test_algorithms_are_compared_on_the_tasks_they_share() -> None:
    found = common_scores({"a": {"Pong": [1.0], "Ant": [2.0]}, "b": {"Pong": [3.0]}})
    assert {name: given.tasks for name, given in found.items()} == {"a": ("Pong",), "b": ("Pong",)}
    assert common_scores({"a": {"Pong": [1.0]}, "b": {"Ant": [3.0]}}) == {}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({}, "at least one task"),
        ({"Pong": []}, "Pong: expected"),
        ({"Pong": [1.0, np.nan]}, "Pong: run 2 has nan"),
        ({"Pong": [np.nan, np.nan]}, "Pong: run 1 has nan"),
        ({"Pong": [1.0, np.inf]}, "Pong: run 2 has inf"),
        ({"Pong": [[1.0, 2.0]], "Ant": [[1.0]]}, "one length"),
    ],
)
def test_scores_that_are_none_are_named(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RunScores.of(bad)
    with pytest.raises(ValueError, match="at least 1"):
        next(resampled_weights(of([1.0]), 0, seed=0))


@given(SCORES, st.randoms())
def test_order_of_runs_and_tasks_changes_nothing(tasks: list[list[int]], random) -> None:
    shuffled = [random.sample(runs, len(runs)) for runs in random.sample(tasks, len(tasks))]
    for statistic in AGGREGATES:
        before, after = point_estimate(of(*tasks), statistic), point_estimate(of(*shuffled), statistic)
        assert after == pytest.approx(before)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=12), st.integers(0, 30))
def test_adding_a_run_better_than_all_never_worsens_an_aggregate(runs: list[int], margin: int) -> None:
    before, after = of(runs), of([*runs, max(runs) + margin])
    for statistic in (IQM, MEAN, MEDIAN):
        assert point_estimate(after, statistic) >= point_estimate(before, statistic) - 1e-9
    if max(runs) + margin > 1.0:
        assert above_one(after) >= above_one(before)
    assert point_estimate(after, OPTIMALITY_GAP) <= point_estimate(before, OPTIMALITY_GAP) + 1e-9


@given(SCORES, st.data())
@settings(max_examples=60)
def test_a_better_run_never_worsens_an_aggregate(tasks: list[list[int]], data) -> None:
    task = data.draw(st.integers(0, len(tasks) - 1))
    run = data.draw(st.integers(0, 2))
    better = [list(runs) for runs in tasks]
    better[task][run] += data.draw(st.integers(0, 30))
    assert above_one(of(*better)) >= above_one(of(*tasks)) - 1e-9
    for statistic in (IQM, MEAN, MEDIAN):
        assert point_estimate(of(*better), statistic) >= point_estimate(of(*tasks), statistic) - 1e-9
    assert point_estimate(of(*better), OPTIMALITY_GAP) <= point_estimate(of(*tasks), OPTIMALITY_GAP) + 1e-9
    improved = probability_of_improvement(of(*better), of(*tasks)).estimate
    assert improved >= 0.5
