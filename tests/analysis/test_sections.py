"""The further tables of a report, from fabricated runs with known outcomes."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.load import SweepError, load_sweeps
from analysis.report import report
from analysis.sections.aggregates import aggregates_table, improvement_table
from analysis.sections.best_seeds import best_seeds_table
from analysis.sections.comparisons import comparisons_table
from analysis.sections.grids import find_grids, grid_table, tuning_table
from analysis.sections.time_to_level import time_to_level_table
from analysis.statistics.comparisons import holm
from analysis.statistics.survival import Times

SLOW = [0.0] * 150 + [10.0] * 100
FAST = [0.0] * 50 + [10.0] * 200
NEVER = [0.0] * 250
DECIDED = 7
PONG, BREAKOUT = "PongNoFrameskip-v4", "BreakoutNoFrameskip-v4"


def settings_of(runs):
    return load_sweeps(runs.root, ["sweep"]).settings


def test_time_to_level_counts_seeds_that_never_reach_it(runs, level) -> None:
    batch = {"n_envs": 4, "n_steps": 5}
    for seed, returns in enumerate([FAST, SLOW, NEVER]):
        runs.add(returns, agent="a2c", seed=seed, n_timesteps=2500)
        runs.add(FAST, agent="acktr", seed=seed, n_timesteps=2500, hyperparameters=batch)
    table = time_to_level_table(settings_of(runs), lambda env_id: level(10.0))
    a2c, acktr = table.records()
    # N is 51, 151 and more than the 151 windows that there were; timesteps 1500, 2500 and more than 2500
    assert a2c["episodes_restricted_mean"] == pytest.approx((51 + 151 + 151) / 3)
    assert a2c["timesteps_restricted_mean"] == pytest.approx((1500 + 2500 + 2500) / 3)
    assert (a2c["seeds_reached"], a2c["seeds"], a2c["fraction"]) == (2, 3, 2 / 3)
    assert (a2c["episode_n"], a2c["updates_n"]) == (None, None)
    assert (acktr["episode_n"], acktr["updates_n"]) == (51, (1500 - 1) // 20)
    assert acktr["timesteps_restricted_mean"] == 1500


def test_an_unfinished_run_is_censored_where_it_stands_and_a_damaged_one_left_out(runs, level) -> None:
    runs.add(FAST, seed=0, n_timesteps=2500)
    runs.add([0.0] * 120, seed=1, n_timesteps=2500, state="running")
    damaged = runs.add(FAST, seed=2, n_timesteps=2500)
    (damaged / "episodes.csv").write_text("nonsense\n")
    runs.add([], seed=3, state="pending")
    (row,) = time_to_level_table(settings_of(runs), lambda env_id: level(10.0)).records()
    assert (row["seeds"], row["seeds_reached"], row["timesteps_horizon"]) == (2, 1, 1500)
    assert row["timesteps_restricted_mean"] == 1500  # the other was gone by then: it says nothing after 1200


def test_no_level_no_table(runs) -> None:
    runs.add(FAST)
    assert time_to_level_table(settings_of(runs), lambda env_id: None) is None


def test_comparison_of_two_agents_by_hand(runs, level) -> None:
    for seed in range(5):
        runs.add([float(seed)] * 200, agent="a2c", seed=seed)
        runs.add([float(seed) + 10] * 200, agent="acktr", seed=seed)
    (row,) = comparisons_table(settings_of(runs), lambda env_id: level(2.0)).records()
    assert (row["x"], row["y"], row["difference"]) == ("a2c", "acktr", -10.0)
    assert row["p"] == row["smallest_p"] == row["p_holm"] == pytest.approx(2 / 252)
    assert row["seeds_to_decide"] is None
    # a2c reaches 2 with 3 of 5 seeds at episode 1, the others not in 101 windows
    assert row["episode_ratio"] == pytest.approx((1 + 1 + 1 + 101 + 101) / 5)
    assert row["episode_ratio_low"] < row["episode_ratio"] < row["episode_ratio_high"]


def test_paired_comparison_uses_the_seeds_that_both_have(runs, level) -> None:
    noise = [0.0, 50.0, -30.0, 80.0, 10.0, 44.0]
    for seed, value in enumerate(noise):
        runs.add([value] * 100, agent="a2c", seed=seed)
        runs.add([value + 1 + seed / 10] * 100, agent="acktr", seed=seed)
    runs.add([1e6] * 100, agent="acktr", seed=77)
    alone = comparisons_table(settings_of(runs), lambda env_id: None).records()[0]
    paired = comparisons_table(settings_of(runs), lambda env_id: None, paired=True).records()[0]
    assert (paired["seeds_x"], paired["seeds_y"], paired["p"]) == (6, 6, 2 / 64)
    assert (alone["seeds_y"], alone["p"] > 0.2) == (7, True)


def test_an_open_comparison_says_how_many_seeds_would_decide(runs) -> None:
    generator = np.random.default_rng(0)
    for seed in range(5):
        runs.add([float(generator.normal(0.0, 1))] * 100, agent="a2c", seed=seed)
        runs.add([float(generator.normal(0.5, 1))] * 100, agent="acktr", seed=seed)
        if seed < 2:
            runs.add([float(seed)] * 100, agent="a2c", env_id="Ant-v5", seed=seed)
            runs.add([float(seed) + 9] * 100, agent="acktr", env_id="Ant-v5", seed=seed)
    table = comparisons_table(settings_of(runs), lambda env_id: None)
    two, five = (row[DECIDED].text for row in table.rows)
    assert two.startswith("too few seeds, about ")
    assert five.startswith("no, about ")
    records = table.records()
    assert records[1]["seeds_to_decide"] > 5
    ant, pong = (record["p"] for record in records)
    assert [record["p_holm"] for record in records] == pytest.approx(holm([ant, pong]))


@pytest.mark.parametrize(("paired", "fewest"), [(False, 5), (True, 7)])
def test_the_seeds_that_would_decide_can_give_a_p_small_enough_after_the_correction(
    runs, paired: bool, fewest: int
) -> None:
    for env_id in ("Ant-v5", "Hopper-v5", "Walker2d-v5"):
        for seed in range(3):
            runs.add([float(seed)] * 100, agent="a2c", env_id=env_id, seed=seed)
            runs.add([100.0 + 1.1 * seed] * 100, agent="acktr", env_id=env_id, seed=seed)
    table = comparisons_table(settings_of(runs), lambda env_id: None, paired=paired)
    assert [row[DECIDED].text for row in table.rows] == [f"too few seeds, about {fewest}"] * 3
    assert [record["seeds_to_decide"] for record in table.records()] == [fewest] * 3


def test_the_power_is_that_of_the_level_which_the_environments_still_open_share(runs) -> None:
    for seed in range(5):
        runs.add([float(seed)] * 100, agent="a2c", env_id="Ant-v5", seed=seed)
        runs.add([1.0 + seed] * 100, agent="acktr", env_id="Ant-v5", seed=seed)
    needed = [comparisons_table(settings_of(runs), lambda env_id: None).records()[0]["seeds_to_decide"]]
    for env_id, apart in (("Hopper-v5", 100.0), ("Walker2d-v5", 0.5)):
        for seed in range(5):
            runs.add([float(seed)] * 100, agent="a2c", env_id=env_id, seed=seed)
            runs.add([apart + seed] * 100, agent="acktr", env_id=env_id, seed=seed)
        records = comparisons_table(settings_of(runs), lambda env_id: None).records()
        needed.append(records[0]["seeds_to_decide"])
    assert needed[0] == needed[1] < needed[2]


def test_the_same_scores_in_another_order_are_decided_by_no_number_of_seeds(runs) -> None:
    scores = [9.3, 9.3, 9.3, 9.3, 500.7]
    assert np.mean(scores) != np.mean(scores[::-1])
    for seed, score in enumerate(scores):
        runs.add([score], agent="a2c", seed=seed)
        runs.add([scores[-1 - seed]], agent="acktr", seed=seed)
    (row,) = comparisons_table(settings_of(runs), lambda env_id: None).rows
    assert row[DECIDED].text == "no"


def test_a_baseline_without_a_finished_run_is_compared_with_nothing(runs) -> None:
    for agent in ("a", "b", "c"):
        runs.add([1.0] * 5, agent=agent, state="running" if agent == "c" else "done")
    found = report(runs.root, ["sweep"], baseline="c")
    assert not {"comparisons", "improvement"} & found.sections.keys()
    assert any("c on Pong, seed 0: running" in warning for warning in found.warnings)


def test_seven_agents_need_a_baseline(runs) -> None:
    for agent in "abcdefg":
        runs.add(FAST, agent=agent)
    assert comparisons_table(settings_of(runs), lambda env_id: None) is None
    assert improvement_table(settings_of(runs)) is None
    found = report(runs.root, ["sweep"])
    assert "7 agents are too many to compare every pair: name a baseline" in found.warnings
    with_baseline = report(runs.root, ["sweep"], baseline="c").sections["comparisons"].records()
    assert [(row["x"], row["y"]) for row in with_baseline] == [(x, "c") for x in "abdefg"]
    with pytest.raises(SweepError, match="no agent 'z', expected one of a, b"):
        report(runs.root, ["sweep"], baseline="z")


def test_aggregates_are_normalised_by_one_named_table(runs) -> None:
    for seed in range(9):
        runs.add([9.3 + seed - 4] * 100, env_id=PONG, seed=seed)
        runs.add([1.7 + 2 * 30.1] * 100, env_id=BREAKOUT, seed=seed)
        runs.add([5.0] * 100, env_id="Ant-v5", seed=seed)
    table = aggregates_table(settings_of(runs), replications=200)
    (row,) = table.records()
    assert (row["mean"], row["median"], row["iqm"]) == pytest.approx((1.5, 1.5, 1.5), abs=0.05)
    assert (row["mean"], row["median"]) == pytest.approx((1.5, 1.5))
    assert (row["tasks"], row["runs"]) == (2, 18)
    assert row["mean_low"] < 1.5 < row["mean_high"]
    assert row["median_low"] is None
    assert any(note.startswith("No interval for the median over tasks") for note in table.notes)
    assert row["optimality_gap"] == pytest.approx((4 + 3 + 2 + 1) / 30 / 18)
    assert any("mnih2015 v1" in note for note in table.notes)
    assert "Left out: Ant-v5: no human level in mnih2015." in table.notes


def test_area_is_the_mean_height_of_the_curves(runs) -> None:
    runs.add([-20.7] * 50 + [9.3] * 50, agent="slow", length=1)
    runs.add([9.3] * 100, agent="fast", length=1)
    fast, slow = aggregates_table(settings_of(runs), replications=10).records()
    assert fast["area_iqm"] == pytest.approx(1.0)
    rising = np.concatenate([np.zeros(50), np.arange(1, 51) / np.arange(51, 101)])
    assert slow["area_iqm"] == pytest.approx(rising[1:-1].sum() / 99 + rising[-1] / 2 / 99, abs=1e-3)


def test_a_game_of_the_larger_table_takes_all_games_there(runs) -> None:
    runs.add([9.3] * 100, env_id=PONG)
    runs.add([227.8] * 100, env_id="AlienNoFrameskip-v4")
    table = aggregates_table(settings_of(runs), replications=10)
    (row,) = table.records()
    assert row["mean"] == pytest.approx((9.3 + 20.7) / (14.6 + 20.7) / 2)
    assert any("wang2016 v1" in note for note in table.notes)
    assert (row["iqm_low"], row["iqm_high"]) == (None, None)
    assert "No honest interval from 1 run per task: at least 3 needed." in table.notes


def test_what_is_in_no_aggregate_is_named(runs) -> None:
    runs.add([1.0] * 100, agent="a2c", seed=0)
    runs.add([1.0] * 100, agent="a2c", env_id=BREAKOUT)
    runs.add([1.0] * 100, agent="acktr", seed=0)
    runs.add([], agent="acktr", seed=1, state="failed", error="oops")
    table = aggregates_table(settings_of(runs), replications=10)
    assert [row["tasks"] for row in table.records()] == [1, 1]
    assert "Left out: acktr on Pong, seed 1 (failed)." in table.notes
    assert "Left out: Breakout: no finished run of acktr." in table.notes


def test_an_agent_without_a_finished_run_takes_no_table_from_the_others(runs) -> None:
    runs.add([1.0] * 100, agent="a2c")
    for seed in (3, 4):
        runs.add([1.0] * 50, agent="acktr", state="running", seed=seed)
    table = aggregates_table(settings_of(runs), replications=10)
    assert [row["agent"] for row in table.records()] == ["a2c"]
    assert "Left out: acktr on Pong, seed 3 (running), 4 (running)." in table.notes


def test_no_human_level_no_aggregate_but_an_improvement(runs) -> None:
    for agent, value in (("a2c", 1.0), ("acktr", 2.0)):
        runs.add([value] * 100, agent=agent, env_id="CartPole-v1")
    settings = settings_of(runs)
    assert aggregates_table(settings) is None
    (row,) = improvement_table(settings).records()
    assert (row["x"], row["y"], row["probability"], row["probability_low"]) == ("a2c", "acktr", 0.0, None)


def test_best_seeds_beside_all(runs) -> None:
    for seed in range(5):
        runs.add([float(seed)] * 20, agent="a2c", seed=seed)
        runs.add([float(seed)] * 20, agent="acktr", seed=seed)
    runs.add([5.0] * 20, agent="acktr", seed=5)
    a2c, acktr = best_seeds_table(settings_of(runs)).records()
    assert (a2c["best_seeds_mean"], a2c["all_seeds_mean"], a2c["expected_best_mean"]) == (3.0, 2.0, 3.0)
    assert (acktr["seeds"], acktr["drawn"], acktr["best_seeds_mean"]) == (6, 5, 4.0)
    assert acktr["all_seeds_mean"] < acktr["expected_best_mean"] < acktr["best_seeds_mean"]


def grid_runs(runs) -> None:
    for i, eta_max in enumerate((0.03, 0.3)):
        for j, delta in enumerate((0.001, 0.01)):
            for seed in (0, 1, 2):
                runs.add(
                    [10.0 * i + 3.0 * j + seed] * 100,
                    identity=f"{i}{j}" * 4,
                    seed=seed,
                    hyperparameters={"eta_max": eta_max, "delta": delta, "gamma": 0.99},
                )
    runs.add([11.0] * 100, agent="a2c")


def test_grid_is_found_and_its_best_setting_chosen(runs) -> None:
    grid_runs(runs)
    (grid,) = find_grids(settings_of(runs))
    assert (grid.agent, grid.axes) == ("acktr", ("delta", "eta_max"))
    assert list(grid.points.values()) == [(0.001, 0.03), (0.001, 0.3), (0.01, 0.03), (0.01, 0.3)]
    table = grid_table(grid)
    rows = {(row["delta"], row["eta_max"]): row for row in table.records()}
    assert [place for place, row in rows.items() if row["chosen"]] == [(0.01, 0.3)]
    assert [row["grid_score"] for row in rows.values()] == pytest.approx([0, 10 / 13, 3 / 13, 1])
    assert rows[0.001, 0.3]["mean"] == 11.0
    assert rows[0.001, 0.3]["standard_error"] == pytest.approx(1 / 3**0.5)
    assert any("Pong 14.0" in note for note in table.notes)  # held out: 13, 14 and 15


def test_schedules_and_options_of_options_are_axes_of_their_own(runs) -> None:
    for number, (start, depth) in enumerate(((0.7, 1), (0.02, 1), (0.2, 2))):
        options = {"kfac_kwargs": {"depth": depth} if depth > 1 else {}}
        runs.add(
            [float(number)] * 100,
            identity=f"{number}" * 8,
            hyperparameters={"eta_max": {"linear": [start, 0.0]}} | options,
        )
    (grid,) = find_grids(settings_of(runs))
    assert grid.axes == ("eta_max", "kfac_kwargs.depth")
    assert list(grid.points.values()) == [("lin_0.02", None), ("lin_0.2", 2), ("lin_0.7", None)]


def test_agents_are_compared_at_the_same_tuning_budget(runs) -> None:
    grid_runs(runs)
    a2c, acktr = tuning_table(settings_of(runs)).records()
    assert (a2c["settings"], a2c["best_of_1"], a2c["best_of_4"]) == (1, 11.0, None)
    assert acktr["best_of_1"] == pytest.approx((1 + 4 + 11 + 14) / 4)
    assert acktr["best_of_4"] == 14.0


def test_one_setting_each_makes_neither_grid_nor_tuning_table(runs) -> None:
    runs.add(FAST, agent="a2c")
    runs.add(FAST, agent="acktr", hyperparameters={"eta_max": 0.3})
    assert find_grids(settings_of(runs)) == []
    assert tuning_table(settings_of(runs)) is None


def test_three_differing_hyperparameters_have_no_map_but_a_budget(runs) -> None:
    runs.add(FAST, identity="aaaaaaaa", hyperparameters={"a": 1, "b": 1, "c": 1})
    runs.add(FAST, identity="bbbbbbbb", hyperparameters={"a": 2, "b": 2, "c": 2})
    assert find_grids(settings_of(runs)) == []
    assert tuning_table(settings_of(runs)) is not None


def test_no_number_changes_with_the_order_of_seeds(runs) -> None:
    generator = np.random.default_rng(5)
    returns = [list(generator.normal(i, 2, 120)) for i in range(5)]
    for seed in range(5):
        runs.add(returns[seed], agent="a2c", seed=seed)
        runs.add(returns[(3 * seed) % 5], agent="acktr", seed=seed)
    assert comparisons_table(settings_of(runs), lambda env_id: None).records()[0]["difference"] == (
        pytest.approx(0.0, abs=1e-12)
    )
    one, other = aggregates_table(settings_of(runs), replications=10).records()
    assert [one[key] for key in ("iqm", "mean", "median")] == pytest.approx(
        [other[key] for key in ("iqm", "mean", "median")]
    )


def test_times_of_one_seed(runs, level) -> None:
    runs.add(FAST, n_timesteps=2500)
    (row,) = time_to_level_table(settings_of(runs), lambda env_id: level(10.0)).records()
    assert (row["episodes_restricted_mean"], row["fraction"], row["fraction_low"]) == (51, 1.0, None)
    assert Times(np.array([51.0]), np.array([True])).known_until == np.inf


def test_a_setting_in_two_sweeps_is_no_tuning(runs) -> None:
    for sweep, bonus in (("one", 0.0), ("two", 3.0)):
        runs.add([5.0 + bonus], agent="a2c", sweep=sweep, hyperparameters={"gamma": 0.9})
    assert "tuning" not in report(runs.root, ["one", "two"]).sections
    for identity, gamma in (("bbbbbbbb", 0.8), ("cccccccc", 0.7)):
        runs.add([gamma], agent="acktr", sweep="one", identity=identity, hyperparameters={"gamma": gamma})
    table = report(runs.root, ["one", "two"]).sections["tuning"]
    assert [row["agent"] for row in table.records()] == ["acktr"]
    assert any(note.startswith("Left out: a2c, ") for note in table.notes)


def test_settings_of_two_budgets_are_no_grid(runs) -> None:
    for identity, gamma, budget in (("bbbbbbbb", 0.8, 1_000), ("cccccccc", 0.7, 100_000)):
        runs.add([gamma], identity=identity, hyperparameters={"gamma": gamma}, n_timesteps=budget)
    assert not [name for name in report(runs.root, ["sweep"]).sections if name.startswith("sensitivity")]
