from __future__ import annotations

from pathlib import Path

import pytest

from analysis.load import SweepError, load_sweeps
from harness.records import RecordError


def test_runs_are_grouped_by_environment_and_agent(runs) -> None:
    runs.add([1.0], agent="acktr", seed=10)
    runs.add([2.0], agent="acktr", seed=2)
    runs.add([3.0], agent="a2c")
    runs.add([4.0], agent="acktr", env_id="BreakoutNoFrameskip-v4")
    settings = load_sweeps(runs.root, ["sweep"])
    assert [(s.env_id, s.name, [run.seed for run in s.runs]) for s in settings] == [
        ("BreakoutNoFrameskip-v4", "acktr", [0]),
        ("PongNoFrameskip-v4", "a2c", [0]),
        ("PongNoFrameskip-v4", "acktr", [2, 10]),
    ]
    assert list(settings[2].runs[0].episodes["return"]) == [2.0]


def test_unfinished_failed_and_empty_runs_are_kept(runs) -> None:
    for seed, state in enumerate(["pending", "running", "done", "failed", "interrupted"]):
        error = "out of memory" if state == "failed" else None
        directory = runs.add([1.0] * seed, seed=seed, state=state, error=error)
        if state == "pending":
            (directory / "episodes.csv").unlink()
    (setting,) = load_sweeps(runs.root, ["sweep"])
    assert [run.state for run in setting.runs] == ["pending", "running", "done", "failed", "interrupted"]
    assert [len(run.episodes) for run in setting.runs] == [0, 1, 2, 3, 4]
    assert [run.seed for run in setting.done] == [2]
    assert setting.runs[3].error == "out of memory"


def test_settings_of_one_agent_are_labelled_by_what_differs(runs) -> None:
    for identity, eta_max in (("aaaaaaaa", 0.2), ("bbbbbbbb", 0.03)):
        runs.add(identity=identity, hyperparameters={"eta_max": eta_max, "gamma": 0.99})
    settings = load_sweeps(runs.root, ["sweep"])
    assert [s.name for s in settings] == ["acktr (eta_max=0.03)", "acktr (eta_max=0.2)"]


def test_nested_hyperparameters_protocol_and_budget_tell_settings_apart(runs) -> None:
    runs.add(identity="aaaaaaaa", hyperparameters={"policy_kwargs": {"width": 64}})
    runs.add(identity="bbbbbbbb", hyperparameters={"policy_kwargs": {"width": 128}})
    runs.add(identity="cccccccc", agent="a2c", protocol={"version": 1, "frame_skip": 4})
    runs.add(identity="dddddddd", agent="a2c", protocol={"version": 1})
    runs.add(identity="eeeeeeee", agent="trpo", n_timesteps=10)
    runs.add(identity="ffffffff", agent="trpo", n_timesteps=50)
    assert sorted(s.differs for s in load_sweeps(runs.root, ["sweep"])) == [
        "n_timesteps=10",
        "n_timesteps=50",
        "policy_kwargs.width=128",
        "policy_kwargs.width=64",
        "protocol.frame_skip=4",
        "protocol.frame_skip=unset",
    ]


def test_hyperparameters_that_change_with_the_environment_alone_are_no_label(runs) -> None:
    runs.add(identity="aaaaaaaa", hyperparameters={"gamma": 0.99})
    runs.add(identity="bbbbbbbb", hyperparameters={"gamma": 0.995}, env_id="Ant-v5")
    assert [s.name for s in load_sweeps(runs.root, ["sweep"])] == ["acktr", "acktr"]


def test_a_label_is_the_same_on_every_environment(runs) -> None:
    runs.add(identity="aaaaaaaa", hyperparameters={"gamma": 0.9})
    runs.add(identity="bbbbbbbb", hyperparameters={"gamma": 1})
    runs.add(identity="cccccccc", hyperparameters={"gamma": 1.0}, env_id="Ant-v5")
    settings = load_sweeps(runs.root, ["sweep"])
    assert [(s.env_id, s.name) for s in settings] == [
        ("Ant-v5", "acktr (gamma=1)"),
        ("PongNoFrameskip-v4", "acktr (gamma=0.9)"),
        ("PongNoFrameskip-v4", "acktr (gamma=1)"),
    ]


def test_an_agents_label_names_its_rows(runs) -> None:
    runs.add(agent="acktr-euclidean", algo="acktr")
    runs.add(agent="acktr")
    settings = load_sweeps(runs.root, ["sweep"])
    assert [(s.name, s.algo) for s in settings] == [("acktr", "acktr"), ("acktr-euclidean", "acktr")]


def test_the_same_setting_in_two_sweeps_makes_two_rows(runs) -> None:
    runs.add(sweep="monday")
    runs.add(sweep="tuesday")
    settings = load_sweeps(runs.root, ["tuesday", "monday"])
    assert [s.name for s in settings] == ["acktr (sweep=monday)", "acktr (sweep=tuesday)"]


def test_agents_of_different_sweeps_need_no_label(runs) -> None:
    runs.add(sweep="monday", agent="a2c")
    runs.add(sweep="tuesday", agent="acktr")
    assert [s.name for s in load_sweeps(runs.root, ["monday", "tuesday"])] == ["a2c", "acktr"]


def test_settings_that_nothing_else_tells_apart_show_their_identity(runs) -> None:
    runs.add(identity="aaaaaaaa")
    runs.add(identity="bbbbbbbb")
    assert [s.differs for s in load_sweeps(runs.root, ["sweep"])] == [
        "identity=aaaaaaaa",
        "identity=bbbbbbbb",
    ]


def test_a_sweep_may_be_given_as_a_directory_and_twice(runs) -> None:
    runs.add([1.0])
    (setting,) = load_sweeps(runs.root, [str(runs.root / "sweep"), "sweep"])
    assert len(setting.runs) == 1


def test_unknown_sweep_names_the_nearest_and_the_directory(runs) -> None:
    runs.add(sweep="atari6")
    runs.add(sweep="mujoco8")
    with pytest.raises(SweepError) as error:
        load_sweeps(runs.root, ["atri6"])
    assert str(error.value) == f"{runs.root}: no sweep 'atri6', the nearest is 'atari6'"


def test_no_sweep_at_all(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"nowhere: no such directory"):
        load_sweeps(tmp_path / "nowhere", ["sweep"])
    with pytest.raises(SweepError, match="holds no sweep"):
        load_sweeps(tmp_path, ["sweep"])
    with pytest.raises(SweepError, match="at least one sweep"):
        load_sweeps(tmp_path, [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SweepError, match="empty: sweep without runs"):
        load_sweeps(tmp_path, ["empty"])
    with pytest.raises(SweepError, match="got an empty one"):
        load_sweeps(tmp_path, [""])


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: text.rindex(",", 0, text.rindex(",")) + 1],
        lambda text: text.replace("wall_time", "time"),
        lambda text: text.replace("3.5", "nan"),
        lambda text: text.replace("3.5", "inf"),
        lambda text: text.replace("2,20,", "2,5,"),
    ],
    ids=["truncated last line", "wrong header", "nan", "inf", "time going back"],
)
def test_damaged_episodes_are_one_line_naming_the_file(runs, damage) -> None:
    directory = runs.add([1.0, 2.5, 3.5])
    path = directory / "episodes.csv"
    path.write_text(damage(path.read_text()))
    with pytest.raises(RecordError) as error:
        load_sweeps(runs.root, ["sweep"])
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
