"""The statistics of the claims, on fabricated runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.load import Setting, load_sweeps
from analysis.paper.effects import Effect
from analysis.paper.statistics import STATISTICS
from analysis.reference import Reference
from analysis.statistics.means import difference_of_means, mean_interval, ratio_of_means
from analysis.statistics.seeds import best_of, chances_to_be_chosen, expected_best_of
from analysis.statistics.spreads import NOT_TOLD, difference_of_spreads

Add = Callable[..., Path]
LEVEL = Reference(10.0, "a level", 2)


@pytest.fixture
def sides(runs: Any) -> Callable[..., list[Setting]]:
    """Settings from ``{agent: [returns of seed 0, of seed 1, ...]}``, in this order."""

    def make(agents: dict[str, Sequence[Sequence[float]]], **more: Any) -> list[Setting]:
        for agent, seeds in agents.items():
            for seed, returns in enumerate(seeds):
                options = {
                    key: value[agent] if isinstance(value, dict) else value for key, value in more.items()
                }
                runs.add(returns, agent=agent, seed=seed, **options)
        loaded = {setting.agent: setting for setting in load_sweeps(runs.root, ["sweep"]).settings}
        return [loaded[agent] for agent in agents]

    return make


def measured(name: str, found: list[Setting], reference: Reference | None = None) -> Effect:
    effect = STATISTICS[name].measure(found, reference)
    assert isinstance(effect, Effect), effect
    return effect


def refused(name: str, found: list[Setting], reference: Reference | None = None) -> str:
    effect = STATISTICS[name].measure(found, reference)
    assert isinstance(effect, str)
    return effect


def test_means_of_few_runs_by_hand() -> None:
    interval = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0], 1.0 - 0.05 / 0.6)  # six tenths of 8.3 %
    assert interval.high == pytest.approx(3.0 + 2.776445 * math.sqrt(2.5 / 5))
    two = difference_of_means([1.0, 2.0, 3.0, 4.0, 5.0], [11.0, 12.0, 13.0, 14.0, 15.0])
    assert two.low == pytest.approx(-10.0 - 2.306004 * math.sqrt(1.0))  # equal variances: 8 degrees
    assert mean_interval([1.0, 2.0]).missing == "no honest interval from 2 seeds: at least 5 needed"
    assert mean_interval([7.0] * 5).low == 7.0


def test_a_difference_from_a_side_that_does_not_vary_is_as_uncertain_as_one_mean() -> None:
    values = [1.0, 2.0, 4.0, 8.0, 9.0]
    one, two = mean_interval(values), difference_of_means(values, [0.0] * 5)
    assert (two.low, two.high) == pytest.approx((one.low, one.high))


@pytest.mark.parametrize(
    ("runs", "missing"),
    [
        ((2, 2), "no honest interval from 2 seeds: at least 5 needed"),
        ((1, 10), "no honest interval from 1 seed: at least 5 needed"),
        ((3, 3), "no honest interval from 3 seeds: at least 5 needed"),
        ((10, 4), "no honest interval from 4 seeds: at least 5 needed"),
        ((5, 5), ""),
        ((5, 10), ""),
    ],
)
def test_fewer_than_five_runs_of_a_side_are_not_compared(runs: tuple[int, int], missing: str) -> None:
    x, y = ([10.0 + i for i in range(size)] for size in runs)
    ratio = ratio_of_means(x, y)
    assert ratio is not None
    for found in (difference_of_means(x, y), ratio):
        assert found.missing == missing
        assert (found.low is None) == bool(missing)


def test_ratios_of_means() -> None:
    ratio = ratio_of_means([8.0, 9.0, 10.0, 11.0, 12.0], [4.0, 4.5, 5.0, 5.5, 6.0])
    assert ratio is not None
    assert ratio.estimate == 2.0
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low * ratio.high == pytest.approx(4.0)  # symmetric on the logarithm
    negative = ratio_of_means([-4.0, -5.0, -6.0], [-8.0, -10.0, -12.0])
    assert negative is not None
    assert negative.estimate == 2.0  # half as bad
    assert ratio_of_means([1.0, 2.0], [-1.0, -2.0]) is None
    assert ratio_of_means([0.0, 0.0], [1.0, 2.0]) is None
    noisy = ratio_of_means([-9.0, -4.0, 1.0, 6.0, 11.0], [4.0, 4.5, 5.0, 5.5, 6.0])
    assert noisy is not None
    assert noisy.missing == "no interval of a ratio where a mean is not told from zero"


def test_scores(sides: Callable[..., list[Setting]]) -> None:
    found = sides({"acktr": [[4.0] * 3, [6.0] * 3, [8.0] * 3], "a2c": [[1.0], [2.0], [3.0]]})
    assert measured("last_100", found).at(0.95).estimate == 6.0
    assert measured("score_difference", found).at(0.95).estimate == 4.0
    assert measured("score_ratio", found).at(0.95).estimate == 3.0
    assert measured("times_human", found, Reference(12.0, "", 100)).at(0.95).estimate == 0.5
    assert measured("over_q_learning", found).at(0.95).estimate == pytest.approx(6.0 - 19.5)  # Pong's DQN
    assert "too few episodes" in refused("top_10_ratio", found)


def test_the_least_of_two_baselines_counts(sides: Callable[..., list[Setting]]) -> None:
    found = sides(
        {"acktr": [[9.0], [9.0], [9.0]], "a2c": [[1.0], [2.0], [3.0]], "trpo": [[5.0], [6.0], [7.0]]}
    )
    assert measured("score_difference", found).at(0.95).estimate == 3.0


def test_gain_needs_two_hundred_episodes(sides: Callable[..., list[Setting]]) -> None:
    found = sides({"acktr": [[1.0] * 100 + [4.0] * 100] * 3})
    assert measured("gain", found).at(0.95).estimate == 3.0
    short = sides({"a2c": [[1.0] * 199] * 3})
    assert "too few episodes" in refused("gain", short)


def test_heights_of_learning_curves(sides: Callable[..., list[Setting]]) -> None:
    """2 throughout against a rise from 1 at half of the budget to a mean of 3 at its end."""
    found = sides(
        {"acktr": [[2.0] * 4] * 3, "a2c": [[1.0, 5.0]] * 3}, length={"acktr": 10, "a2c": 20}, n_timesteps=40
    )
    assert measured("area_difference", found).at(0.95).estimate == pytest.approx(2.0 - 1.5)
    assert measured("area_ratio", found).at(0.95).estimate == pytest.approx(2.0 / 1.5)
    assert "too few episodes" in refused("area_ratio", sides({"trpo": [[]] * 3, "x": [[1.0]]}))


def test_spread_over_seeds(sides: Callable[..., list[Setting]]) -> None:
    found = sides({"acktr": [[0.0], [5.0], [10.0]], "a2c": [[4.0], [5.0], [6.0]]})
    assert measured("deviation_difference", found).at(0.95).estimate == pytest.approx((10.0 - 2.0) / 3)
    assert measured("deviation_difference", found).at(0.95).missing.startswith("no honest interval from 3")


def test_how_much_more_seeds_spread_is_not_said() -> None:
    narrow, wide = [10.0 + i for i in range(10)], [10.0 * i * (-1) ** i for i in range(10)]
    assert (difference_of_spreads(wide, narrow).low, difference_of_spreads(wide, narrow).high) == (
        0.0,
        math.inf,
    )
    assert difference_of_spreads(narrow, wide).high == 0.0
    assert difference_of_spreads(narrow, narrow[::-1]).missing == NOT_TOLD


def test_episode_n_and_what_comes_with_it(sides: Callable[..., list[Setting]]) -> None:
    found = sides({"acktr": [[0.0, 10.0, 10.0], [10.0, 10.0], [0.0, 0.0, 0.0, 10.0, 10.0]]})
    effect = measured("episode_n", found, LEVEL)
    assert (effect.at(0.95).estimate, effect.reached, effect.seeds) == (pytest.approx(7 / 3), 3, 3)
    assert measured("timestep_n", found, LEVEL).at(0.95).estimate == pytest.approx(10 * (3 + 2 + 5) / 3)
    hours = measured("hours_to_level", found, LEVEL).at(0.95).estimate
    assert hours == pytest.approx((3 + 2 + 5) / 3 / 3600)
    assert refused("episode_n", found) == "the environment has no level to reach"


def test_a_seed_that_never_reaches_the_level_leaves_no_mean(sides: Callable[..., list[Setting]]) -> None:
    found = sides({"acktr": [[10.0, 10.0], [10.0, 10.0], [0.0, 0.0]]})
    effect = measured("episode_n", found, LEVEL)
    assert (effect.reached, effect.at(0.95).missing) == (2, "2 of 3 seeds reached the level")


FAST = [[0.0] * count + [10.0] * (20 - count) for count in range(5)]
SLOW = [[0.0] * count + [10.0] * (20 - count) for count in (9, 10, 11, 12, 13)]
NEVER = [[0.0] * 20] * 5


def test_episodes_saved(sides: Callable[..., list[Setting]]) -> None:
    found = sides({"acktr": FAST, "a2c": SLOW})
    interval = measured("episodes_saved", found, LEVEL).at(0.95)
    assert interval.estimate == pytest.approx(12.0 / 3.0)
    assert interval.low is not None
    assert interval.low > 1.0
    timesteps = measured("timesteps_saved", found, LEVEL).at(0.95)
    assert timesteps.estimate == pytest.approx((12.0 + 1) / (3.0 + 1))


def test_a_side_that_never_gets_there_is_still_told_from_one_that_does(
    sides: Callable[..., list[Setting]],
) -> None:
    found = sides({"acktr": FAST, "a2c": NEVER})
    interval = measured("episodes_saved", found, LEVEL).at(0.95)
    assert (interval.low, interval.high) == (1.0, math.inf)  # 5 against 5: p = 2/252
    assert measured("episodes_saved", found[::-1], LEVEL).at(0.95).high == 1.0
    assert measured("episodes_saved", found, LEVEL).at(0.995).low is None
    assert "no seed of either" in refused("episodes_saved", [found[1], found[1]], LEVEL)


def test_four_seeds_that_never_get_there_are_not_enough(sides: Callable[..., list[Setting]]) -> None:
    found = sides({"acktr": FAST[:4], "a2c": NEVER[:4]})  # the least p is 2/70, but four seeds say too little
    assert measured("episodes_saved", found, LEVEL).at(0.95).low is None


def test_speed(sides: Callable[..., list[Setting]]) -> None:
    speeds = {"acktr": 800.0, "a2c": 1000.0}
    found = sides({"acktr": [[1.0]] * 3, "a2c": [[1.0]] * 3}, steps_per_second=speeds, n_timesteps=3_600_000)
    assert measured("steps_per_second", found).at(0.95).estimate == 800.0
    assert measured("speed_ratio", found).at(0.95).estimate == 0.8
    assert measured("time_per_step", found).at(0.95).estimate == pytest.approx(1.25)
    assert measured("training_hours", found).at(0.95).estimate == pytest.approx(1.25)
    none = sides({"trpo": [[1.0]]}, steps_per_second=None)
    assert "no speed" in refused("steps_per_second", none)


def test_updates_compare_batches_at_as_many_updates(sides: Callable[..., list[Setting]]) -> None:
    """Episodes of 10 timesteps; 8 updates are 80 timesteps with batch 10 and 320 with batch 40."""
    rising = [float(i) for i in range(1, 33)]

    def batch(n_steps: int) -> dict[str, int]:
        return {"n_envs": 1, "n_steps": n_steps}

    agents = {"xl": [rising] * 3, "xs": [rising] * 3, "yl": [[2.0] * 32] * 3, "ys": [[1.0] * 32] * 3}
    sizes = {"xl": batch(40), "xs": batch(10), "yl": batch(40), "ys": batch(10)}
    found = sides(agents, hyperparameters=sizes)
    large, small = np.mean(rising[:32]), np.mean(rising[:8])
    assert measured("update_benefit", found).at(0.95).estimate == pytest.approx(large / small / 2.0)
    assert "no batch size" in refused("update_benefit", sides({"zzz": [[1.0]]}) * 4)


def log_kl(setting: Setting, *rows: str, factor: bool = False) -> None:
    names = ["n_updates", "kl_exact", "kl_predicted", *(["delta_factor"] if factor else [])]
    header = ",".join(f"train/{name}" for name in names)
    for run in setting.runs:
        (run.directory / "progress.csv").write_text("\n".join([header, *rows]) + "\n")


def test_kl_against_radius_and_prediction(sides: Callable[..., list[Setting]]) -> None:
    hyperparameters = {"delta": 0.002, "n_envs": 1, "n_steps": 10}
    found = sides({"acktr": [[1.0]] * 3}, hyperparameters={"acktr": hyperparameters})
    assert refused("kl_over_radius", found) == "seed 0: nothing logged"
    log_kl(found[0], "1,0.001,0.002", "2,,0.002", "3,0.003,0.002")
    assert measured("kl_over_radius", found).at(0.95).estimate == pytest.approx(1.0)
    assert measured("kl_over_predicted", found).at(0.95).estimate == pytest.approx(1.0)
    log_kl(found[0], "1,0.001,0.001,0.5", "2,0.003,0.001,0.5", factor=True)
    assert measured("kl_over_radius", found).at(0.95).estimate == pytest.approx(2.0)
    log_kl(found[0], "1,0.001,0.0")
    assert "held against" in refused("kl_over_predicted", found)


def test_best_seeds_have_an_interval_from_twelve_on(sides: Callable[..., list[Setting]]) -> None:
    tops = [float(i) for i in range(1, 14)]
    found = sides({"acktr": [[top] * 10 for top in tops], "a2c": [[top] * 10 for top in tops[:8]]})
    effect = measured("best_seeds_top_10", found)
    interval = effect.at(0.95)
    assert interval.estimate == pytest.approx(expected_best_of(tops, 3, 8))
    assert interval.low is not None
    eight = measured("best_seeds_top_10", found[1:]).at(0.95)
    best = best_of(tops[:8], 3)
    assert best is not None
    assert eight.estimate == pytest.approx(best.best)
    assert eight.missing == "the best 3 of 8 seeds need 8 seeds, and 12 for an interval: has 8"
    few = sides({"trpo": [[1.0] * 10] * 3})
    assert "has 3" in refused("best_seeds_top_10", few)


def test_episode_n_of_the_best_seeds(sides: Callable[..., list[Setting]]) -> None:
    """Seed i has its best 10 episodes i higher and reaches the level i episodes later; 2 never do."""
    seeds = [[0.0] * i + [10.0 + i] * 12 for i in range(1, 7)]
    found = sides(
        {"acktr": [[0.0] * 12, [1.0] * 12, *seeds], "a2c": [*seeds, [0.0] * 12, [90.0] * 9 + [0.0]]}
    )
    # The crossing of a window of 2 comes one episode before the first at the level where it is high enough.
    assert measured("best_seeds_episode_n", found, LEVEL).at(0.95).estimate == pytest.approx((7 + 6 + 5) / 3)
    strict = Reference(95.0, "a level", 2)
    assert "may be among the best 3, did not reach" in refused("best_seeds_episode_n", found, strict)


def test_chances_add_up_to_the_number_chosen() -> None:
    chances = chances_to_be_chosen(12, 3, 8)
    assert chances.sum() == pytest.approx(3.0)
    assert np.all(np.diff(chances) <= 0.0)
    assert list(chances_to_be_chosen(8, 3, 8)) == [1.0] * 3 + [0.0] * 5
