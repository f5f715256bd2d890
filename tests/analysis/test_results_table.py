from __future__ import annotations

import pytest

from analysis.load import load_sweeps
from analysis.results import COLUMNS, results_table

TITLES = [column.title for column in COLUMNS]
RISING = [0.0] * 50 + [10.0] * 150  # N = 51, complete with episode 150, at timestep 1500


def rows(runs, reference=None) -> tuple[list[dict[str, str]], list[dict]]:
    table = results_table(load_sweeps(runs.root, ["sweep"]).settings, lambda env_id: reference)
    texts = [dict(zip(TITLES, (entry.text for entry in row), strict=True)) for row in table.rows]
    return texts, table.records()


def test_two_finished_seeds_that_reach_the_level(runs, level) -> None:
    runs.add(RISING, seed=0, steps_per_second=400.0)
    runs.add([0.0] * 70 + [12.0] * 100, seed=1, steps_per_second=1000.0)  # 10 on average from N = 55
    (text,), (record,) = rows(runs, level(10.0))
    assert text == {
        "Environment": "Pong",
        "Agent": "acktr",
        "Timesteps": "10k",
        "Seeds": "2/2",
        "Last 100": "11.0 ± 1.4",
        "Best 10": "11.0 ± 1.4",
        "Reference": "10",
        "Episode N": "53",
        "Timestep": "1.52k",
        "Steps/s": "700",
    }
    assert record["episode_n"] == (51 + 55) / 2
    assert record["timestep_n"] == (1500 + 1540) / 2
    assert (record["seeds"], record["seeds_done"], record["seeds_reached"]) == (2, 2, 2)
    assert record["last_std"] == pytest.approx(2**0.5)


def test_one_seed_short_of_the_level_makes_it_not_applicable(runs, level) -> None:
    runs.add(RISING, seed=0)
    runs.add([0.0] * 200, seed=1)
    (text,), (record,) = rows(runs, level(10.0))
    assert text["Episode N"] == "N/A (1/2: 51)"
    assert text["Timestep"] == "N/A (1.5k)"
    assert (record["episode_n"], record["episode_n_of_reached"], record["seeds_reached"]) == (None, 51, 1)


def test_level_reached_by_nobody(runs, level) -> None:
    runs.add([0.0] * 200)
    (text,), (record,) = rows(runs, level(10.0))
    assert text["Episode N"] == "not reached"
    assert (record["episode_n"], record["timestep_n"]) == (None, None)


def test_environment_without_a_level(runs) -> None:
    runs.add(RISING)
    (text,), (record,) = rows(runs)
    assert text["Reference"] == "no reference level"
    assert (record["reference"], record["window"], record["episode_n"]) == (None, None, None)


def test_window_is_the_references_own(runs, level) -> None:
    runs.add([0.0] * 20 + [5.0] * 10)
    (text,), (record,) = rows(runs, level(5.0, window=10))
    assert (text["Episode N"], record["window"]) == ("21", 10)


def test_one_seed_says_so(runs) -> None:
    runs.add(RISING)
    (text,), (record,) = rows(runs)
    assert text["Last 100"] == "10.0 (1 seed)"
    assert record["last_std"] is None


def test_unfinished_seeds_are_counted_but_not_averaged(runs, level) -> None:
    runs.add(RISING, seed=0)
    runs.add([99.0] * 200, seed=1, state="running")
    runs.add([99.0] * 200, seed=2, state="failed", error="oops")
    (text,), (record,) = rows(runs, level(10.0))
    assert text["Seeds"] == "1/3"
    assert text["Last 100"] == "10.0 (1 seed)"
    assert record["episode_n"] == 51


def test_no_finished_seed(runs, level) -> None:
    runs.add(RISING, state="running", steps_per_second=None)
    (text,), (record,) = rows(runs, level(10.0))
    assert (text["Last 100"], text["Episode N"], text["Steps/s"]) == ("no finished seed", "-", "-")
    assert record["last_mean"] is None


def test_speed_is_that_of_finished_seeds_that_have_one(runs) -> None:
    for seed, speed in enumerate((100.0, None, 250.0, 900.0)):
        runs.add(RISING, seed=seed, steps_per_second=speed)
    runs.add(RISING, seed=4, state="running", steps_per_second=5000.0)
    runs.add(RISING, seed=5, state="failed", error="oops", steps_per_second=1.0)
    (text,), (record,) = rows(runs)
    assert (text["Seeds"], text["Steps/s"], record["steps_per_second"]) == ("4/6", "250", 250.0)


def test_no_speed_known(runs) -> None:
    runs.add(RISING, steps_per_second=None)
    (text,), (record,) = rows(runs)
    assert (text["Seeds"], text["Steps/s"], record["steps_per_second"]) == ("1/1", "-", None)


def test_finished_with_too_few_episodes(runs, level) -> None:
    runs.add([3.0] * 4, seed=0)
    runs.add([], seed=1)
    (text,), _ = rows(runs, level(1.0))
    assert text["Last 100"] == "3.0 (1 seed)"
    assert text["Best 10"] == "too few episodes"
    assert text["Episode N"] == "not reached"


def test_order_of_seeds_changes_nothing(runs, level) -> None:
    seeds = {0: RISING, 1: [1.0, 2.5] * 80, 2: [7.25] * 130}
    for seed, returns in seeds.items():
        runs.add(returns, agent="a2c", seed=seed)
        runs.add(seeds[(seed + 1) % 3], agent="acktr", seed=seed)
    _, (one, other) = rows(runs, level(7.0))
    assert {**one, "agent": "", "algo": ""} == {**other, "agent": "", "algo": ""}


def test_notes_name_the_source_of_the_level(runs, level) -> None:
    runs.add(RISING)
    table = results_table(
        load_sweeps(runs.root, ["sweep"]).settings, lambda env_id: level(10.0, "Mnih et al. (2015)")
    )
    assert any("Mnih et al. (2015)" in note and "100 episodes" in note for note in table.notes)
