from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest

from analysis.exporting import ExportProblem, episodes_csv, progress_csv, to_marl_eval, to_rliable
from analysis.load import load_sweeps
from harness.records import RecordError

PONG, BREAKOUT = "PongNoFrameskip-v4", "BreakoutNoFrameskip-v4"


def settings_of(runs):
    return load_sweeps(runs.root, ["sweep"]).settings


def test_rliable_takes_what_is_written(runs) -> None:
    for seed in range(3):
        for env_id, offset in ((PONG, 0.0), (BREAKOUT, 10.0)):
            runs.add([offset + seed] * 100, env_id=env_id, seed=seed)
    content = json.loads(to_rliable(settings_of(runs)))
    assert content == {
        "tasks": [BREAKOUT, PONG],
        "scores": {"acktr": [[10.0, 0.0], [11.0, 1.0], [12.0, 2.0]]},
    }
    metrics = pytest.importorskip("rliable.metrics", exc_type=ImportError)
    assert metrics.aggregate_mean(np.array(content["scores"]["acktr"])) == 6.0


def test_rliable_has_no_place_for_ragged_results(runs) -> None:
    runs.add([1.0] * 100, env_id=PONG, seed=0)
    runs.add([1.0] * 100, env_id=PONG, seed=1)
    runs.add([1.0] * 100, env_id=BREAKOUT, seed=0)
    with pytest.raises(
        ExportProblem, match=f"as many finished runs on every task, has {BREAKOUT} 1, {PONG} 2"
    ):
        to_rliable(settings_of(runs))


def test_marl_eval_has_steps_and_the_absolute_metric(runs) -> None:
    runs.add(list(range(1, 201)), seed=7)
    run = json.loads(to_marl_eval(settings_of(runs)))["sweep"][PONG]["acktr"]["seed_7"]
    assert len(run) == 102
    assert run["step_0"] == {"step_count": 10, "mean_episode_return": [1.0]}
    assert run["step_100"]["step_count"] == 2000
    assert (
        run["absolute_metrics"]
        == {"mean_episode_return": [150.5]}
        == {"mean_episode_return": run["step_100"]["mean_episode_return"]}
    )


def test_tidy_tables_carry_every_run_with_its_state(runs) -> None:
    runs.add([1.0, 2.5], seed=0)
    directory = runs.add([3.0], seed=1, state="failed")
    (directory / "progress.csv").write_text("time/total_timesteps,rollout/ep_rew_mean\n10,3.0\n")
    episodes = pd.read_csv(io.StringIO(episodes_csv(settings_of(runs))))
    assert list(episodes["return"]) == [1.0, 2.5, 3.0]
    assert list(episodes["state"]) == ["done", "done", "failed"]
    assert list(episodes["seed"]) == [0, 0, 1]
    progress = pd.read_csv(io.StringIO(progress_csv(settings_of(runs))))
    assert progress.to_dict("records") == [
        {
            "sweep": "sweep",
            "agent": "acktr",
            "env_id": PONG,
            "seed": 1,
            "state": "failed",
            "time/total_timesteps": 10,
            "rollout/ep_rew_mean": 3.0,
        }
    ]


def test_nothing_to_export_is_an_error(runs) -> None:
    runs.add([], state="pending")
    for form in (to_rliable, to_marl_eval):
        with pytest.raises(ExportProblem):
            form(settings_of(runs))


def test_a_row_of_the_log_that_is_cut_off_is_not_exported(runs) -> None:
    directory = runs.add([1.0], state="running")
    (directory / "progress.csv").write_text("time/total_timesteps,train/loss\n10,3.0\n20,0.1")
    progress = pd.read_csv(io.StringIO(progress_csv(settings_of(runs))))
    assert progress["train/loss"].tolist() == [3.0]
    (directory / "progress.csv").write_bytes(b"time/total_timesteps\n\xff\n")
    with pytest.raises(RecordError, match=r"progress.csv: damaged row"):
        progress_csv(settings_of(runs))
