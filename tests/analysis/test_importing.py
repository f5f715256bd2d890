from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.importing.curves_csv import PUBLISHED, read_curve_runs
from analysis.importing.model import ImportedRun, ImportProblem
from analysis.importing.monitors import read_monitor_runs
from analysis.importing.write import write_runs
from analysis.load import load_sweeps
from analysis.report import report
from analysis.run_statistics import crossing, last_score
from analysis.statistics.aggregates import area_under_curve


def monitor(
    directory: Path, name: str, rows: list[tuple[float, int]], env_id: str | None = "CartPole-v1"
) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    header = [f"#{json.dumps({'t_start': 1.5, 'env_id': env_id})}", "r,l,t"]
    path.write_text(
        "\n".join([*header, *(f"{value},{length},{i}.5" for i, (value, length) in enumerate(rows))]) + "\n"
    )
    return path


def test_parallel_monitors_are_merged_by_steps_of_their_environment(tmp_path: Path) -> None:
    # Wall-clock times count lines here and would give another order.
    monitor(tmp_path / "a2c" / "CartPole-v1_1", "0.monitor.csv", [(1.0, 30), (2.0, 30)])
    monitor(tmp_path / "a2c" / "CartPole-v1_1", "1.monitor.csv", [(3.0, 10), (4.0, 20), (5.0, 40)])
    (run,) = read_monitor_runs(tmp_path)
    assert (run.label, run.env_id, run.seed, run.n_timesteps) == ("a2c", "CartPole-v1", 0, 140)
    assert list(run.episodes.returns) == [3.0, 1.0, 4.0, 2.0, 5.0]
    assert list(run.episodes.timesteps) == [20, 60, 60, 120, 140]
    assert list(run.episodes.env_indices) == [1, 0, 1, 0, 1]
    assert list(run.episodes.lengths) == [10, 30, 20, 30, 40]


def test_runs_of_one_agent_are_numbered_and_atari_steps_are_frames(tmp_path: Path) -> None:
    for number in (1, 2):
        monitor(
            tmp_path / "ppo" / f"Pong_{number}", "monitor.csv", [(-21.0, 3000), (-20.0, 3001)], "ALE/Pong-v5"
        )
    runs = read_monitor_runs(tmp_path)
    assert [(run.label, run.env_id, run.seed) for run in runs] == [
        ("ppo", "PongNoFrameskip-v4", 0),
        ("ppo", "PongNoFrameskip-v4", 1),
    ]
    assert list(runs[0].episodes.timesteps) == [750, 1501]
    assert list(read_monitor_runs(tmp_path, steps_per_timestep=1)[0].episodes.timesteps) == [3000, 6001]


def test_an_environment_that_the_file_does_not_name_is_asked_for(tmp_path: Path) -> None:
    path = monitor(tmp_path / "x", "monitor.csv", [(1.0, 1)], env_id=None)
    with pytest.raises(ImportProblem, match=f"{path}: names no environment; give it by --env"):
        read_monitor_runs(tmp_path)
    assert read_monitor_runs(tmp_path, label="mine", env_id="HalfCheetah-v2")[0].env_id == "HalfCheetah-v2"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace("#{", "{"), "names no environment"),
        (lambda text: text.replace('"env_id"', '"env"'), "'env_id'"),
        (lambda text: text.replace("r,l,t", "reward,l,t"), "expected the columns r, l and t"),
        (lambda text: text.replace("2.0,", "nan,"), "episode 2 has an empty"),
        (lambda text: text.replace("2.0,", "x,"), "damaged"),
        (lambda text: text.replace("2.0,7,", "2.0,0,"), "episode 2 has an empty, infinite or impossible"),
        (lambda text: "\n".join(text.split("\n")[:2]) + "\n", "hold no episode"),
        (lambda text: text.replace("#{", "#\udcff"), "its first line is not '#' and a JSON object"),
    ],
)
def test_damaged_monitors_are_one_line_naming_the_file(tmp_path: Path, damage, message: str) -> None:
    path = monitor(tmp_path / "x" / "y", "monitor.csv", [(1.0, 5), (2.0, 7)])
    path.write_bytes(damage(path.read_text()).encode(errors="surrogateescape"))
    with pytest.raises(ImportProblem, match=message) as error:
        read_monitor_runs(tmp_path)
    assert str(path.parent) in str(error.value)
    assert "\n" not in str(error.value)


def test_no_monitor_at_all(tmp_path: Path) -> None:
    with pytest.raises(ImportProblem, match=r"no monitor\.csv below it"):
        read_monitor_runs(tmp_path)


def test_imported_episodes_are_read_like_any_others(tmp_path: Path, level) -> None:
    rows = [(float(i), 5) for i in range(120)]
    monitor(tmp_path / "logs" / "a2c" / "one", "monitor.csv", rows)
    (directory,) = write_runs(read_monitor_runs(tmp_path / "logs"), tmp_path / "runs", "theirs")
    assert directory == tmp_path / "runs" / "theirs" / "a2c" / "CartPole-v1" / "imported" / "seed-0"
    result = report(tmp_path / "runs", ["theirs"], lambda env_id: level(60.0, window=10))
    (row,) = result.table.records()
    assert (row["last_mean"], row["episode_n"], row["timestep_n"]) == (69.5, 57, 66 * 5)
    assert result.warnings == ()
    with pytest.raises(ImportProblem, match="is there already; choose another --sweep"):
        write_runs(read_monitor_runs(tmp_path / "logs"), tmp_path / "runs", "theirs")


def test_seeds_that_end_with_episodes_of_different_length_are_one_budget(tmp_path: Path) -> None:
    # 1,000 timesteps each, the last episode unfinished; the fourth run was killed half way.
    for number, lengths in enumerate(([70] * 14, [90] * 11, [45] * 22, [60] * 8)):
        rows = [(float(number), length) for length in lengths]
        monitor(tmp_path / "logs" / "a2c" / f"CartPole-v1_{number}", "0.monitor.csv", rows)
    write_runs(read_monitor_runs(tmp_path / "logs"), tmp_path / "runs", "theirs")
    (setting,) = load_sweeps(tmp_path / "runs", ["theirs"]).settings
    assert setting.n_timesteps == 22 * 45
    assert [run.seed for run in setting.done] == [0, 1, 2]
    assert setting.runs[3].left_out.startswith("its n_timesteps")


def test_an_imported_agent_is_told_from_one_of_the_same_name_by_its_protocol(tmp_path, runs) -> None:
    for number, count in enumerate((8, 9)):
        monitor(tmp_path / f"logs{number}" / "a2c" / "x", "monitor.csv", [(1.0, 10)] * count)
        write_runs(read_monitor_runs(tmp_path / f"logs{number}"), runs.root, f"zoo{number}")
    runs.add([1.0], agent="a2c", env_id="CartPole-v1", hyperparameters={"gamma": 0.9, "n_steps": 5})
    runs.add([1.0], agent="a2c", env_id="Pong", hyperparameters={"gamma": 0.8, "n_steps": 5})

    def names(*sweeps: str) -> list[str]:
        return [setting.name for setting in load_sweeps(runs.root, sweeps).settings]

    ours = "a2c (protocol.name=atari)"
    assert names("sweep", "zoo0") == [ours, "a2c (protocol.name=imported)", ours]
    assert names("zoo0", "zoo1") == ["a2c (sweep=zoo0)", "a2c (sweep=zoo1)"]


def curves(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "curves.csv"
    path.write_text(text)
    return path


def test_curves_of_a_plain_csv(tmp_path: Path, level) -> None:
    path = curves(
        tmp_path,
        "# from somewhere\nstep,agent,task,seed,score\n"
        "20,a,Pong,1,5\n10,a,Pong,1,1\n10,a,Pong,2,2\n30,a,Pong,2,9\n",
    )
    runs = read_curve_runs(path)
    assert [(run.label, run.env_id, run.seed, run.n_timesteps) for run in runs] == [
        ("a", "PongNoFrameskip-v4", 1, 20),
        ("a", "PongNoFrameskip-v4", 2, 30),
    ]
    write_runs(runs, tmp_path / "runs", "curves")
    ((setting,),) = [load_sweeps(tmp_path / "runs", ["curves"]).settings]
    found = [(last_score(run), crossing(run, level(5.0))) for run in setting.done if not run.left_out]
    assert found[0] == (5.0, (None, 20))
    assert setting.runs[1].left_out.startswith("its n_timesteps")


def test_an_agent_may_be_called_like_a_missing_value_or_a_number(tmp_path: Path) -> None:
    path = curves(
        tmp_path, "step,agent,task,score\n10,none,Pong,5\n10,NA,Pong,1\n10,007,Pong,2\n10,7,Pong,3\n"
    )
    assert sorted(run.label for run in read_curve_runs(path)) == ["007", "7", "NA", "none"]


def test_curves_with_points_at_other_timesteps_are_one_budget(tmp_path: Path) -> None:
    path = curves(
        tmp_path,
        "step,agent,task,seed,score\n10,a,Pong,1,5\n25,a,Pong,1,1\n12,a,Pong,2,2\n31,a,Pong,2,9\n",
    )
    write_runs(read_curve_runs(path), tmp_path / "runs", "curves")
    (setting,) = load_sweeps(tmp_path / "runs", ["curves"]).settings
    assert [last_score(run) for run in setting.done] == [1.0, 9.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("game,algo,timestep\nPong,a,1\n", "no column for the return; expected one called mean_reward or"),
        ("game,algo,timestep,return\nPong,a,1,2\nPong,a,1,3\n", "a on Pong: a timestep is repeated"),
        ("game,algo,timestep,return\nPong,a,1,\n", "a on Pong: a timestep or return is missing"),
        ("game,algo,timestep,return\nPong,a,1,x\n", "a on Pong: could not convert"),
        ("game,algo,timestep,return\nPong,a,1,2\nPong,,1,2\n", "a row has no algo"),
        ("game,algo,run,timestep,return\nPong,a,0,1,2\nPong,b,,1,2\n", "a row has no run"),
        ("game,algo,timestep,return\nx,Pong,a,1,2\n", "a row has more fields than the 4 of the header"),
        ("game,algo,timestep,return\nPong,a,0.5,2\n", "a on Pong: timestep 0.5, expected whole timesteps"),
        ("game,algo,timestep,return\n", "no curve in it"),
        ("", "not readable as CSV"),
        ("a,b\n1,2,3,4\n1\n1,2,3,4,5,6\n", "not readable as CSV"),
    ],
)
def test_what_is_no_curve_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = curves(tmp_path, text)
    with pytest.raises(ImportProblem, match=message) as error:
        read_curve_runs(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_a_repeated_seed_and_a_name_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ImportProblem, match="no such file"):
        read_curve_runs(tmp_path / "none.csv")
    (run,) = read_curve_runs(curves(tmp_path, "game,algo,timestep,return\nPong,a,1,2\n"))
    with pytest.raises(ImportProblem, match="seed 0 of a on PongNoFrameskip-v4 comes twice"):
        write_runs([run, run], tmp_path / "runs", "x")
    assert not (tmp_path / "runs").exists()
    with pytest.raises(ImportProblem, match="no name for an agent"):
        write_runs([ImportedRun("...", "x", "y", 0, curve=run.curve)], tmp_path / "runs", "x")


# The table above the drawings of the page that the curves come from: average reward over training.
GAMES = ("Enduro", "SpaceInvaders", "Qbert", "Seaquest", "Pong", "BeamRider", "Breakout")
PUBLISHED_MEANS = {
    "ppo2": (350.22, 557.28, 7012.06, 1218.87, 13.68, 1299.25, 114.26),
    "acer": (0.0, 656.91, 6433.38, 1065.98, 3.11, 1959.22, 82.94),
    "ppo2_mpi": (207.47, 459.89, 7184.73, 1383.38, 13.9, 594.45, 81.61),
    "acktr": (0.0, 557.19, 4429.3, 1201.16, 9.56, 2171.19, 113.58),
    "deepq": (479.75, 459.86, 3254.83, 1164.08, 16.49, 1582.34, 131.46),
    "a2c": (0.0, 463.06, 2047.07, 1150.66, 1.0, 1302.61, 59.72),
    "trpo_mpi": (24.83, 457.7, 2486.18, 710.07, 2.82, 683.11, 14.98),
}


@pytest.fixture(scope="module")
def areas() -> dict[str, dict[str, float]]:
    """Algorithm -> game -> mean height of its digitised curve."""
    found: dict[str, dict[str, float]] = {}
    for run in read_curve_runs(PUBLISHED["baselines-atari10M"]):
        game = run.env_id.removesuffix("NoFrameskip-v4")
        (area,) = area_under_curve(run.curve.timesteps, [run.curve.returns])
        found.setdefault(run.label, {})[game] = float(area)
    return found


def test_the_published_curves_order_the_algorithms_as_published(areas) -> None:
    """Over all games, wherever two published averages are a fifth apart (the page averages otherwise)."""
    published = {name: np.mean(values) for name, values in PUBLISHED_MEANS.items()}
    ours = {name: np.mean(list(areas[name].values())) for name in published}
    pairs = [(a, b) for a in published for b in published if published[a] > 1.2 * published[b]]
    assert len(pairs) == 15
    assert [pair for pair in pairs if ours[pair[0]] <= ours[pair[1]]] == []


TURNED = {
    "Breakout": {("ppo2", "acer"), ("deepq", "acer"), ("ppo2_mpi", "a2c")},
    "Pong": {("trpo_mpi", "a2c")},
}
"""Pairs whose mean heights are the other way round: the page averages over episodes, not over timesteps."""

LONGER = {
    "Enduro": 2.35,
    "SpaceInvaders": 1.9,
    "Qbert": 3.4,
    "Seaquest": 2.8,
    "Pong": 0.8,
    "BeamRider": 3.1,
    "Breakout": 9.5,
}
"""By how much an episode with the game's highest score is longer than one with its lowest.

What fits the page's seven averages best: one number per game, since no curve says how long its episodes were.
"""


def published_pairs(game: str) -> list[tuple[str, str]]:
    """Where two published averages are a fifth apart."""
    published = {name: values[GAMES.index(game)] for name, values in PUBLISHED_MEANS.items()}
    return [(a, b) for a in published for b in published if published[a] > 1.2 * published[b]]


def averages_over_episodes(game: str) -> tuple[dict[str, float], float]:
    """Algorithm -> mean in which every episode counts once; and the span of the game's scores.

    An agent that improves plays ever longer episodes, fewer of them in as many timesteps: its early scores
    count for more than in the mean height of its curve.
    """
    runs = [run for run in read_curve_runs(PUBLISHED["baselines-atari10M"]) if run.env_id.startswith(game)]
    lowest, highest = (pick(pick(run.curve.returns) for run in runs) for pick in (min, max))
    found = {}
    for run in runs:
        returns, timesteps = run.curve.returns, run.curve.timesteps
        per_timestep = 1.0 / (1.0 + LONGER[game] * (returns - lowest) / (highest - lowest))
        episodes = np.trapezoid(per_timestep, timesteps)
        found[run.label] = float(np.trapezoid(returns * per_timestep, timesteps) / episodes)
    return found, float(highest - lowest)


@pytest.mark.parametrize("game", GAMES)
def test_the_published_order_within_a_game(areas, game: str) -> None:
    """By mean height all but 4 of 109 pairs, by the page's own average over episodes all of them."""
    pairs = published_pairs(game)
    assert {(a, b) for a, b in pairs if areas[a][game] <= areas[b][game]} == TURNED.get(game, set())
    over_episodes, span = averages_over_episodes(game)
    assert [(a, b) for a, b in pairs if over_episodes[a] <= over_episodes[b]] == []
    for name, values in PUBLISHED_MEANS.items():
        assert over_episodes[name] == pytest.approx(values[GAMES.index(game)], abs=0.04 * span)


def test_so_many_pairs_are_a_fifth_apart() -> None:
    assert sum(len(published_pairs(game)) for game in GAMES) == 109


@pytest.mark.parametrize("game", ["BeamRider", "Enduro"])
def test_the_whole_published_order_within_two_games(areas, game: str) -> None:
    column = GAMES.index(game)
    published = sorted(PUBLISHED_MEANS, key=lambda name: -PUBLISHED_MEANS[name][column])
    ours = {name: areas[name][game] for name in published}
    nothing_learned = {name for name in published if PUBLISHED_MEANS[name][column] == 0.0}
    assert (
        sorted(published, key=lambda name: -ours[name])[: 7 - len(nothing_learned)]
        == (published[: 7 - len(nothing_learned)])
    )
    assert all(ours[name] < 1.0 for name in nothing_learned)
