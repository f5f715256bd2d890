from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.load import SweepError, load_sweeps
from analysis.report import report


def test_runs_are_grouped_by_environment_and_agent(runs) -> None:
    runs.add([1.0], agent="acktr", seed=10)
    runs.add([2.0], agent="acktr", seed=2)
    runs.add([3.0], agent="a2c")
    runs.add([4.0], agent="acktr", env_id="BreakoutNoFrameskip-v4")
    settings = load_sweeps(runs.root, ["sweep"]).settings
    assert [(s.env_id, s.name, [run.seed for run in s.runs]) for s in settings] == [
        ("BreakoutNoFrameskip-v4", "acktr", [0]),
        ("PongNoFrameskip-v4", "a2c", [0]),
        ("PongNoFrameskip-v4", "acktr", [2, 10]),
    ]
    assert list(settings[2].runs[0].episodes.returns) == [2.0]


def test_unfinished_failed_and_empty_runs_are_kept(runs) -> None:
    for seed, state in enumerate(["pending", "running", "done", "failed", "preempted"]):
        error = "out of memory" if state == "failed" else None
        directory = runs.add([1.0] * seed, seed=seed, state=state, error=error)
        if state == "pending":
            (directory / "episodes.csv").unlink()
    (setting,) = load_sweeps(runs.root, ["sweep"]).settings
    assert [run.state for run in setting.runs] == ["pending", "running", "done", "failed", "preempted"]
    assert [len(run.episodes) for run in setting.runs] == [0, 1, 2, 3, 4]
    assert [run.seed for run in setting.done] == [2]
    assert setting.runs[3].error == "out of memory"


def test_settings_of_one_agent_are_labelled_by_what_differs(runs) -> None:
    for identity, eta_max in (("aaaaaaaa", 0.2), ("bbbbbbbb", 0.03)):
        runs.add(identity=identity, hyperparameters={"eta_max": eta_max, "gamma": 0.99})
    settings = load_sweeps(runs.root, ["sweep"]).settings
    assert [s.name for s in settings] == ["acktr (eta_max=0.03)", "acktr (eta_max=0.2)"]


def test_nested_hyperparameters_protocol_and_budget_tell_settings_apart(runs) -> None:
    runs.add(identity="aaaaaaaa", hyperparameters={"policy_kwargs": {"width": 64}})
    runs.add(identity="bbbbbbbb", hyperparameters={"policy_kwargs": {"width": 128}})
    runs.add(identity="cccccccc", agent="a2c", protocol={"version": 1, "frame_skip": 4})
    runs.add(identity="dddddddd", agent="a2c", protocol={"version": 1})
    runs.add(identity="eeeeeeee", agent="trpo", n_timesteps=10)
    runs.add(identity="ffffffff", agent="trpo", n_timesteps=50)
    assert sorted(s.differs for s in load_sweeps(runs.root, ["sweep"]).settings) == [
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
    assert [s.name for s in load_sweeps(runs.root, ["sweep"]).settings] == ["acktr", "acktr"]


def test_a_label_is_the_same_on_every_environment(runs) -> None:
    runs.add(identity="aaaaaaaa", hyperparameters={"gamma": 0.9})
    runs.add(identity="bbbbbbbb", hyperparameters={"gamma": 1})
    runs.add(identity="cccccccc", hyperparameters={"gamma": 1.0}, env_id="Ant-v5")
    settings = load_sweeps(runs.root, ["sweep"]).settings
    assert [(s.env_id, s.name) for s in settings] == [
        ("Ant-v5", "acktr (gamma=1)"),
        ("PongNoFrameskip-v4", "acktr (gamma=0.9)"),
        ("PongNoFrameskip-v4", "acktr (gamma=1)"),
    ]


def test_an_agents_label_names_its_rows(runs) -> None:
    runs.add(agent="acktr-euclidean", algo="acktr")
    runs.add(agent="acktr")
    settings = load_sweeps(runs.root, ["sweep"]).settings
    assert [(s.name, s.algo) for s in settings] == [("acktr", "acktr"), ("acktr-euclidean", "acktr")]


def test_the_same_setting_in_two_sweeps_makes_two_rows(runs) -> None:
    runs.add(sweep="monday")
    runs.add(sweep="tuesday")
    settings = load_sweeps(runs.root, ["tuesday", "monday"]).settings
    assert [s.name for s in settings] == ["acktr (sweep=monday)", "acktr (sweep=tuesday)"]


def test_agents_of_different_sweeps_need_no_label(runs) -> None:
    runs.add(sweep="monday", agent="a2c")
    runs.add(sweep="tuesday", agent="acktr")
    assert [s.name for s in load_sweeps(runs.root, ["monday", "tuesday"]).settings] == ["a2c", "acktr"]


def test_settings_that_nothing_else_tells_apart_show_their_identity(runs) -> None:
    runs.add(identity="aaaaaaaa")
    runs.add(identity="bbbbbbbb")
    assert [s.differs for s in load_sweeps(runs.root, ["sweep"]).settings] == [
        "identity=aaaaaaaa",
        "identity=bbbbbbbb",
    ]


def test_a_sweep_may_be_given_as_a_directory_and_twice(runs) -> None:
    runs.add([1.0])
    (setting,) = load_sweeps(runs.root, [str(runs.root / "sweep"), "sweep"]).settings
    assert len(setting.runs) == 1


def test_a_sweep_given_by_two_paths_is_read_once(runs, monkeypatch) -> None:
    runs.add([1.0])
    monkeypatch.chdir(runs.root.parent)
    (setting,) = load_sweeps(Path("runs"), ["sweep", str(runs.root / "sweep")]).settings
    assert [run.left_out for run in setting.runs] == [""]


def test_two_sweeps_of_one_name_are_not_taken_for_one(runs) -> None:
    runs.add([1.0], seed=0)
    other = type(runs)(runs.root / "of-yesterday")
    other.add([2.0], seed=1)
    with pytest.raises(SweepError, match=r"of-yesterday/sweep: has the name of .*runs/sweep, expected"):
        load_sweeps(runs.root, ["sweep", str(other.root / "sweep")])


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
def test_a_damaged_file_is_carried_with_its_name_and_spoils_no_other_run(runs, damage) -> None:
    directory = runs.add([1.0, 2.5, 3.5], seed=0)
    runs.add([1.0, 2.5, 3.5], seed=1)
    path = directory / "episodes.csv"
    path.write_text(damage(path.read_text()))
    ((damaged, whole),) = [s.runs for s in load_sweeps(runs.root, ["sweep"]).settings]
    assert (damaged.state, len(damaged.episodes), damaged.done, damaged.usable) == (
        "damaged",
        0,
        False,
        False,
    )
    assert str(path) in damaged.error
    assert "\n" not in damaged.error
    assert whole.done


@pytest.mark.parametrize(
    ("file", "place", "value", "message"),
    [
        ("status.json", (), {"steps_per_second": -1.0}, "status.json: steps_per_second is -1.0"),
        ("status.json", (), {"steps_per_second": "fast"}, "status.json: steps_per_second is 'fast'"),
        ("status.json", (), {"timesteps": None}, "status.json: timesteps is None"),
        ("status.json", (), {"error": 5}, "status.json: error is 5"),
        ("run.json", ("spec",), {"hyperparameters": None}, "no RunSpec (hyperparameters is None)"),
        ("run.json", ("spec",), {"label": 5}, "no RunSpec (label is 5)"),
        ("run.json", ("spec",), {"protocol": "atari"}, "no RunSpec (protocol is 'atari')"),
        ("run.json", (), {"attempts": None}, "key 'attempts' is no list of attempts"),
        ("run.json", (), {"attempts": [{"provenance": None}]}, "key 'attempts' is no list of attempts"),
    ],
)
def test_a_value_of_another_kind_spoils_no_other_run(runs, file, place, value, message: str) -> None:
    path = runs.add([1.0], seed=0) / file
    runs.add([2.0], seed=1)
    content = json.loads(path.read_text())
    (content[place[0]] if place else content).update(value)
    path.write_text(json.dumps(content))
    result = report(runs.root, ["sweep"])
    assert any(message in warning for warning in result.warnings)
    assert [run.seed for setting in result.settings for run in setting.done] == [1]


def test_a_run_file_of_another_version_is_named(runs) -> None:
    runs.add([1.0], seed=0)
    path = runs.add([1.0], seed=1) / "run.json"
    path.write_text(path.read_text().replace('"record_version": 1', '"record_version": 9'))
    loaded = load_sweeps(runs.root, ["sweep"])
    assert loaded.unreadable == (f"{path}: record_version is 9, expected 1",)
    assert [run.seed for run in loaded.settings[0].runs] == [0]
    path.parent.parent.joinpath("seed-0", "run.json").write_text(path.read_text())
    with pytest.raises(SweepError, match=r"no run of it can be read: .*record_version is 9"):
        load_sweeps(runs.root, ["sweep"])


def test_a_run_without_status_is_damaged(runs) -> None:
    directory = runs.add([1.0])
    (directory / "status.json").unlink()
    ((run,),) = [s.runs for s in load_sweeps(runs.root, ["sweep"]).settings]
    assert (run.state, run.error) == ("damaged", f"{directory / 'status.json'}: no such file")


def test_a_run_of_another_protocol_or_budget_in_the_same_cell_is_left_out(runs) -> None:
    runs.add([1.0], seed=0, protocol={"name": "atari", "version": 2})
    runs.add([1.0], seed=1, n_timesteps=77)
    for seed in (2, 3):
        runs.add([1.0], seed=seed)
    (setting,) = load_sweeps(runs.root, ["sweep"]).settings
    assert [run.seed for run in setting.done] == [2, 3]
    assert [run.left_out for run in setting.runs[:2]] == [
        "its protocol is not that of the other runs of this cell",
        "its n_timesteps is not that of the other runs of this cell",
    ]
    assert (setting.n_timesteps, setting.protocol["version"]) == (10_000, 1)  # not what the first one says


def test_a_finished_run_without_its_episodes_is_damaged_not_known_by_its_log(runs) -> None:
    lacking, none, imported = (
        runs.add([1.0] * count, seed=seed, protocol=protocol)
        for seed, count, protocol in ((0, 1, None), (1, 0, None), (2, 1, {"name": "imported", "version": 1}))
    )
    for directory in (lacking, none, imported):
        (directory / "progress.csv").write_text("time/total_timesteps,rollout/ep_rew_mean\n10,3.0\n")
    for directory in (lacking, imported):
        (directory / "episodes.csv").unlink()
    found = {run.seed: run for setting in load_sweeps(runs.root, ["sweep"]).settings for run in setting.runs}
    assert found[0].state == "damaged"
    assert found[0].error == f"{lacking}/episodes.csv: no such file, expected the episodes of a finished run"
    assert [found[seed].curve is None for seed in (0, 1, 2)] == [True, True, False]


def test_a_repeated_seed_counts_once(runs) -> None:
    original = runs.add([1.0], seed=3)
    shutil.copytree(original, original.with_name("seed-3-copy"))
    (setting,) = load_sweeps(runs.root, ["sweep"]).settings
    assert [run.seed for run in setting.runs] == [3, 3]
    assert setting.runs[0].left_out == ""
    assert setting.runs[1].left_out == f"{original}-copy: seed 3 is already there, in seed-3"
    assert setting.done[0].directory == original


def test_batch_size_is_that_of_the_hyperparameters(runs) -> None:
    runs.add(seed=0, hyperparameters={"n_envs": 16, "n_steps": 5})
    runs.add(seed=0, agent="dqn")
    dqn, acktr = sorted(load_sweeps(runs.root, ["sweep"]).settings, key=lambda s: s.agent != "dqn")
    assert (acktr.runs[0].batch_size, acktr.runs[0].n_envs) == (80, 16)
    assert dqn.runs[0].batch_size is None
